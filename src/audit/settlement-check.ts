/**
 * Retirements and transfers in quota control's journal: each was signed by the owner, is what the receipt says, and spends units that are
 * this owner's, of batches that quota was taken for, each unit once.
 */
import { equalBytes, equalOrNull } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { unitLimit } from '../records/claims.ts';
import { type Decoded, verifyRecord } from '../records/cose.ts';
import { leafHash } from '../records/merkle.ts';
import { ownerOfKey } from '../records/owner.ts';
import { namesInstruction, type OwnerInstruction } from '../records/owner-instruction.ts';
import { decodeRetirement, type Retirement } from '../records/retirement.ts';
import { decodeSettlement, type SettlementRecord } from '../records/settlement.ts';
import { decodeTransfer } from '../records/transfer.ts';
import { commitOwner, encodeUnit } from '../records/unit.ts';
import { BatchUnits } from './batch-units.ts';
import type { IntentEntry } from './entry.ts';
import { type HeldRecord, openRecord, verifyHeld } from './held-record.ts';
import { IdTable } from './id-table.ts';
import type { Settles, UnitSerial } from './intent-part.ts';
import type { RequestIndex } from './request-index.ts';
import { type AuditContext, clockTolerance, type Find, makeFind, type System } from './system.ts';
import type { Totals } from './totals.ts';
import type { Unfinished } from './unfinished.ts';

/** What quota control kept of the owner's will. */
interface Evidence {
  readonly decoded: Decoded<OwnerInstruction>;
  readonly instruction: OwnerInstruction;
  readonly isOwners: boolean;
  /** Of a retirement: the hashes of its units, and what opens the commitment of each. */
  readonly units: readonly Uint8Array[];
  readonly blindings: readonly Uint8Array[];
}

export class SettlementCheck {
  private readonly context: AuditContext;
  private readonly totals: Totals;
  private readonly unfinished: Unfinished;
  private readonly batches: BatchUnits;
  /** Row of the request, by the serial of its control bit. */
  private readonly bySerial = new IdTable(1);
  /** Ids of retirements and transfers: of one table each, as intents are. */
  private readonly ids = { retirement: new IdTable(0), transfer: new IdTable(0) };
  /** A bit a unit, by the row of its request: only of batches of which some were spent. */
  private readonly spent = new Map<number, Uint8Array>();

  constructor(
    context: AuditContext,
    { index, totals, unfinished }: { index: RequestIndex; totals: Totals; unfinished: Unfinished },
  ) {
    this.context = context;
    this.totals = totals;
    this.unfinished = unfinished;
    this.batches = new BatchUnits(context, index);
  }

  /** A control bit, when it comes in the journal: units of later ones cannot be spent yet. */
  know({ serial }: IntentEntry, row: number): void {
    if (serial === null) return;
    const { row: place, isNew } = this.bySerial.add(serialKey(serial.epoch, serial.number));
    if (isNew) this.bySerial.set(place, 0, row);
  }

  check(system: System, { id, kind, sequence, settles }: IntentEntry, offset: number): void {
    const find = makeFind(this.context, system, sequence);
    if (kind !== 'retirement' && kind !== 'transfer') return;
    if (!this.ids[kind].add(id).isNew)
      find('entry_repeated', `a ${kind} of this id is there already`, 'each once');
    const held = openRecord<SettlementRecord>(this.context, system, offset, decodeSettlement);
    if (held === undefined || settles === null) return;
    const { record } = held;
    if (held.isSigned)
      verifyHeld(
        this.context,
        held,
        { role: 'quota', name: 'quota' },
        { madeAt: record.issuedAt, seenAt: record.issuedAt },
      );
    else
      this.unfinished.add('unreceipted', system.label, sequence, {
        currency: settles.currency,
        minor: settles.amount,
      });
    if (settles.to === null)
      this.totals.at(held.entry.issuer, settles.currency, record.issuedAt).retired += settles.amount;
    checkReceipt(held, settles, find);
    const evidence = readEvidence(this.context, held.entry, find);
    if (evidence === undefined) return;
    checkInstruction(held, settles, evidence, find);
    if (kind === 'retirement') this.checkUnits(held, settles, evidence, find);
  }

  private checkUnits(
    { entry, record }: HeldRecord<SettlementRecord>,
    { units, amount, currency }: Settles,
    { units: hashes, blindings, instruction }: Evidence,
    find: Find,
  ): void {
    if (units.length !== hashes.length || units.length !== blindings.length || units.length === 0) {
      find(
        'settlement_mismatch',
        `it spends ${units.length} units, and the owner named ${hashes.length}`,
        'the units that the owner named',
      );
      return;
    }
    const owner = ownerOfKey(instruction.ownerKey.keyId);
    let total = 0n;
    let isWhole = true;
    for (const [place, serial] of units.entries()) {
      const name = `${serial.epoch}.${serial.sequence}.${serial.index}`;
      const known = this.bySerial.find(serialKey(serial.epoch, serial.sequence));
      const row = this.bySerial.get(known, 0);
      const batch = known < 0 ? undefined : this.batches.of(row);
      if (
        batch?.isSigned !== true ||
        batch.issuer !== entry.issuer ||
        // A control bit may say any number; a batch has no more than this.
        serial.index >= Math.min(batch.count, unitLimit)
      ) {
        find(
          'unit_unknown',
          `it spends unit ${name}, which is of no control bit of this issuer that quota control has signed`,
          'units that quota was taken for',
        );
        continue;
      }
      if (!this.spend(row, serial, Math.min(batch.count, unitLimit)))
        find('unit_spent', `it spends unit ${name}, which was spent before`, 'each unit once');
      const unit = batch.unit(serial.index);
      if (unit === undefined) {
        // Its request is not here: that is found, or in flight, where the control bit is looked at.
        isWhole = false;
        continue;
      }
      total += unit.value;
      const blinding = blindings[place] ?? new Uint8Array(32);
      if (
        !equalBytes(leafHash(encodeUnit(unit)), hashes[place] ?? new Uint8Array()) ||
        unit.currency.code !== currency ||
        !equalBytes(commitOwner(owner, blinding), unit.owner)
      )
        find(
          'unit_mismatch',
          `unit ${name} is another than the owner named, or not the owner's`,
          `a unit of \`${owner}\``,
        );
      if (record.issuedAt > unit.redeemUntil)
        find(
          'time_disordered',
          `unit ${name} was redeemed after its last day`,
          `${unit.redeemUntil} s at the latest`,
        );
    }
    if (isWhole && total !== amount)
      find('unit_mismatch', `units of ${total} minor units are spent for ${amount}`, 'the sum of the units');
  }

  /** Gives whether it was not spent before. */
  private spend(row: number, { index }: UnitSerial, count: number): boolean {
    const bits = this.spent.get(row) ?? new Uint8Array(Math.ceil(count / 8));
    this.spent.set(row, bits);
    const at = Math.floor(index / 8);
    const bit = 1 << (index % 8);
    const isNew = ((bits[at] ?? 0) & bit) === 0;
    bits[at] = (bits[at] ?? 0) | bit;
    return isNew;
  }
}

/** The receipt says what the journal has. */
function checkReceipt({ entry, record }: HeldRecord<SettlementRecord>, settles: Settles, find: Find): void {
  if (
    !equalBytes(record.id, entry.id) ||
    !equalBytes(record.settledHash, entry.bodyHash) ||
    record.issuer !== entry.issuer ||
    record.currency.code !== settles.currency ||
    record.total !== settles.amount ||
    record.count !== settles.units.length ||
    record.returned !== settles.returned ||
    !equalOrNull(record.creditTo, settles.to)
  )
    find('settlement_mismatch', 'the receipt says otherwise than its entry', 'what the journal has');
}

/** It is what the owner signed, in time. */
function checkInstruction(
  { entry, record }: HeldRecord<SettlementRecord>,
  settles: Settles,
  { decoded, instruction, isOwners }: Evidence,
  find: Find,
): void {
  if (!isOwners) find('signature_invalid', 'the owner has not signed it', "the owner's signature");
  const { ownerKey, creditTo, issuedAt, expiresAt } = instruction;
  const from = entry.kind === 'transfer' ? ownerKey.keyId : null;
  if (
    !namesInstruction(entry.bodyHash, decoded) ||
    !equalBytes(instruction.id, entry.id) ||
    instruction.issuer !== entry.issuer ||
    instruction.currency.code !== settles.currency ||
    instruction.total !== settles.amount ||
    !equalOrNull(creditTo, settles.to) ||
    !equalOrNull(from, settles.from)
  )
    find('settlement_mismatch', 'it is not what the owner signed', 'the amount and accounts of the owner');
  if (record.issuedAt >= expiresAt || issuedAt > record.issuedAt + clockTolerance)
    find(
      'time_disordered',
      `carried out at ${record.issuedAt} s`,
      `between ${issuedAt} s, when the owner signed it, and ${expiresAt} s, when that expired`,
    );
}

function readEvidence(context: AuditContext, entry: IntentEntry, find: Find): Evidence | undefined {
  const isRetirement = entry.kind === 'retirement';
  const kept = isRetirement ? decodeCbor(entry.context) : undefined;
  const parts = kept?.ok === true && Array.isArray(kept.value) ? (kept.value as readonly unknown[]) : [];
  const [signed, blindings] = isRetirement ? parts : [entry.context, []];
  const decoded = !(signed instanceof Uint8Array)
    ? undefined
    : isRetirement
      ? decodeRetirement(signed)
      : decodeTransfer(signed);
  if (
    decoded?.ok !== true ||
    !Array.isArray(blindings) ||
    !blindings.every((one) => one instanceof Uint8Array && one.length === 32)
  ) {
    find(
      'record_malformed',
      decoded?.ok === false ? decoded.message : 'what the owner signed is not kept with it',
      `the owner's ${entry.kind}`,
    );
    return undefined;
  }
  const { record: instruction } = decoded.value;
  return {
    decoded: decoded.value,
    instruction,
    isOwners: verifyRecord<OwnerInstruction>(decoded.value, instruction.ownerKey, context.verifySignature).ok,
    units: isRetirement ? (instruction as Retirement).units : [],
    blindings: blindings as Uint8Array[],
  };
}

/** Epoch and number, 8 bytes each. */
function serialKey(epoch: number, number: number): Uint8Array {
  const key = new Uint8Array(16);
  const view = new DataView(key.buffer);
  view.setBigUint64(0, BigInt(epoch));
  view.setBigUint64(8, BigInt(number));
  return key;
}
