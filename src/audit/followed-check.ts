/**
 * Settlements that central management has followed: each is one of quota control's, as that has it, and once; what the owner signed and what
 * it spends are looked at there.
 */
import { equalBytes, equalOrNull } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { decodeSettlement, type SettlementRecord } from '../records/settlement.ts';
import type { IntentEntry } from './entry.ts';
import { type HeldRecord, openRecord } from './held-record.ts';
import { IdTable } from './id-table.ts';
import type { Settles } from './intent-part.ts';
import { type AuditContext, makeFind, mayBeLater, report, type System, systemOf } from './system.ts';

export class FollowedCheck {
  private readonly context: AuditContext;
  /** By id: the place of the entry in the extract, and whether quota control's was found. */
  private readonly followed = { retirement: new IdTable(2), transfer: new IdTable(2) };

  constructor(context: AuditContext) {
    this.context = context;
  }

  /** An entry of central management's. */
  follow(system: System, { id, kind, sequence }: IntentEntry, offset: number): void {
    if (kind !== 'retirement' && kind !== 'transfer') return;
    const { row, isNew } = this.followed[kind].add(id);
    if (isNew) this.followed[kind].set(row, 0, offset);
    else
      report(
        this.context,
        system,
        sequence,
        'entry_repeated',
        `a ${kind} of this id is there already`,
        'each once',
      );
  }

  /** An entry of quota control's, after all of central management's. */
  settle(quota: System, { id, kind }: IntentEntry, offset: number): void {
    if (kind !== 'retirement' && kind !== 'transfer') return;
    const table = this.followed[kind];
    const row = table.find(id);
    if (row < 0) return;
    table.set(row, 1, 1);
    const own = this.open(table.get(row, 0));
    const settled = openRecord<SettlementRecord>(this.context, quota, offset, decodeSettlement);
    if (own === undefined || settled === undefined) return;
    const isSame =
      equalBytes(own.entry.toBeSigned, settled.entry.toBeSigned) &&
      equalBytes(own.entry.bodyHash, settled.entry.bodyHash) &&
      equalBytes(evidenceOf(own) ?? new Uint8Array(), settled.entry.context) &&
      isSameSettlement(own.entry.settles, settled.entry.settles) &&
      (own.placed.signed === null ||
        settled.placed.signed === null ||
        equalBytes(own.placed.signed, settled.placed.signed));
    if (!isSame) this.find(own, 'it is another settlement than quota control has under this id');
  }

  /** After all entries of quota control's. */
  finish(): void {
    const quota = systemOf(this.context, 'quota');
    for (const table of [this.followed.retirement, this.followed.transfer]) {
      for (let row = 0; row < table.size; row++) {
        const own = table.get(row, 1) === 1 ? undefined : this.open(table.get(row, 0));
        if (own === undefined || quota === undefined) continue;
        if (!mayBeLater(this.context, quota, own.record.issuedAt))
          this.find(own, 'quota control has no settlement of this id');
      }
    }
  }

  private open(offset: number): HeldRecord<SettlementRecord> | undefined {
    const central = systemOf(this.context, 'central');
    return central === undefined
      ? undefined
      : openRecord<SettlementRecord>(this.context, central, offset, decodeSettlement, 'received');
  }

  private find({ system, entry }: HeldRecord<SettlementRecord>, found: string): void {
    const find = makeFind(this.context, system, entry.sequence);
    find('settlement_mismatch', found, 'a settlement that is in the journal of quota control');
  }
}

/** What the owner signed, as central management keeps it. */
function evidenceOf({ entry }: HeldRecord<SettlementRecord>): Uint8Array | undefined {
  const kept = decodeCbor(entry.context);
  const [evidence] = kept.ok && Array.isArray(kept.value) ? (kept.value as readonly unknown[]) : [];
  return evidence instanceof Uint8Array ? evidence : undefined;
}

/** But for what came back of it: by central management's terms that may be nothing. */
function isSameSettlement(own: Settles | null, settled: Settles | null): boolean {
  if (own === null || settled === null) return false;
  return (
    own.currency === settled.currency &&
    own.amount === settled.amount &&
    equalOrNull(own.from, settled.from) &&
    equalOrNull(own.to, settled.to) &&
    (own.returned === settled.returned || own.returned === 0n) &&
    own.units.length === settled.units.length &&
    own.units.every(({ epoch, sequence, index }, place) => {
      const unit = settled.units[place];
      return unit?.epoch === epoch && unit.sequence === sequence && unit.index === index;
    })
  );
}
