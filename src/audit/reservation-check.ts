/** Reservations as records: what the issuer asked for and released, and what quota control signed for it. */
import { equalBytes, sha256 } from '../kit/bytes.ts';
import type { Result } from '../kit/result.ts';
import type { Decoded } from '../records/cose.ts';
import {
  decodeReservationReceipt,
  decodeReservationRelease,
  decodeReservationRequest,
  type ReservationReceipt,
} from '../records/reservation.ts';
import type { IntentEntry } from './entry.ts';
import { openRecord, verifyHeld } from './held-record.ts';
import { IdTable } from './id-table.ts';
import { type AuditContext, clockTolerance, makeFind, type System } from './system.ts';
import type { Unfinished } from './unfinished.ts';

interface Instruction {
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
}

/** At issuance: what it signed is its own. */
export class InstructionCheck {
  private readonly context: AuditContext;
  /** A table for each kind, as intents have. */
  private readonly ids = { reservation: new IdTable(0), release: new IdTable(0) };

  constructor(context: AuditContext) {
    this.context = context;
  }

  check(system: System, { id, kind, sequence, issuer }: IntentEntry, offset: number): void {
    if (kind !== 'reservation' && kind !== 'release') return;
    const find = makeFind(this.context, system, sequence);
    if (!this.ids[kind].add(id).isNew)
      find('entry_repeated', `a ${kind} of this id is there already`, 'each once');
    const decode: (bytes: Uint8Array) => Result<Decoded<Instruction>> =
      kind === 'release' ? decodeReservationRelease : decodeReservationRequest;
    const held = openRecord<Instruction>(this.context, system, offset, decode);
    if (held === undefined) return;
    const { record } = held;
    if (record.issuer !== system.name || issuer !== system.name || !equalBytes(record.id, id))
      find('reservation_mismatch', 'it is of another issuer or id than its entry', 'those of its entry');
    if (held.isSigned)
      verifyHeld(
        this.context,
        held,
        { role: 'issuance', name: system.name },
        { madeAt: record.issuedAt, seenAt: record.issuedAt },
      );
  }
}

/** At quota control: the receipt says what is kept, and the issuer asked for it. */
export function checkReservation(
  context: AuditContext,
  system: System,
  entry: IntentEntry,
  offset: number,
  unfinished: Unfinished,
): void {
  const find = makeFind(context, system, entry.sequence);
  const held = openRecord<ReservationReceipt>(context, system, offset, decodeReservationReceipt);
  const { reserves } = entry;
  if (held === undefined || reserves === null) return;
  const { record } = held;
  const at = record.issuedAt;
  if (held.isSigned) verifyHeld(context, held, { role: 'quota', name: 'quota' }, { madeAt: at, seenAt: at });
  else
    unfinished.add('unreceipted', system.label, entry.sequence, {
      currency: reserves.currency,
      minor: reserves.amount,
    });
  if (
    !equalBytes(record.id, entry.id) ||
    record.issuer !== entry.issuer ||
    record.currency.code !== reserves.currency ||
    record.total !== reserves.amount ||
    record.expiresAt * 1000 !== reserves.expiresMs ||
    !equalBytes(record.requestHash, entry.bodyHash)
  )
    find('reservation_mismatch', 'the receipt says otherwise than its entry', 'what the journal has');
  const decoded = decodeReservationRequest(entry.context);
  if (!decoded.ok) {
    find('record_malformed', decoded.message, "the issuer's reservation request");
    return;
  }
  const asked = decoded.value.record;
  if (
    !equalBytes(sha256(entry.context), entry.bodyHash) ||
    !equalBytes(asked.id, entry.id) ||
    asked.issuer !== entry.issuer ||
    asked.currency.code !== reserves.currency ||
    asked.total !== reserves.amount ||
    asked.expiresAt !== record.expiresAt ||
    asked.issuedAt > at + clockTolerance
  )
    find(
      'reservation_mismatch',
      'it is not what the issuer asked for',
      'the amount and the time of the issuer',
    );
  verifyHeld(
    context,
    { system, entry, decoded: decoded.value },
    { role: 'issuance', name: entry.issuer },
    { madeAt: asked.issuedAt, seenAt: Math.max(asked.issuedAt, at) },
  );
}
