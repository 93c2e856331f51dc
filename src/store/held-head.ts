/** What becomes of a head of another system's journal that is shown to a witness, whatever database holds it. */
import { standingOf } from '../journal/standing.ts';
import { equalBytes } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import { decodeJournalHead } from '../records/journal-head.ts';
import { bytesOf } from './row.ts';
import { type HeadHolding, type HeldHead, StoreError } from './store.ts';

/**
 * What stands before the journal's id in a head, hex: its claim, and that 16 bytes follow. By this a ledger of before the id was a column
 * is brought up; whatever a row says then is held against its head as it is read.
 */
export const journalClaim = '3a0001002150';

export interface HeldHeadRow {
  role: string;
  name: string;
  /** Not there in a file of before it was a column, which is only read. */
  journal?: Uint8Array;
  signed: Uint8Array;
  held_ms: bigint;
  contradiction: Uint8Array | null;
}

export interface ShownHead {
  readonly shown: HeldHead;
  /** What is to be held then, given what is held now of the same role and name; `write` is to be stored in the place of that journal's. */
  readonly decide: (held: readonly HeldHead[]) => {
    readonly holding: HeadHolding;
    readonly write?: HeldHead;
  };
}

/** `signed` has been verified; its system may have the journals `several` at once. */
export function readShownHead(
  signed: Uint8Array,
  heldMs: number,
  several: readonly Uint8Array[] = [],
): ShownHead {
  const decoded = decodeJournalHead(signed);
  assert(decoded.ok, 'a head is held once it is verified');
  const shown: HeldHead = { record: decoded.value.record, signed, heldMs, contradiction: null };
  return { shown, decide: (held) => decideHolding(chooseHeld(held, shown, several), shown) };
}

/** The head that `shown` is held against: of the same journal, or of one that it cannot be beside. */
function chooseHeld(
  held: readonly HeldHead[],
  { record }: HeldHead,
  several: readonly Uint8Array[],
): HeldHead | undefined {
  const of = (id: Uint8Array) => (other: HeldHead) => equalBytes(other.record.journalId, id);
  const isOneOfSeveral = (id: Uint8Array): boolean => several.some((one) => equalBytes(one, id));
  const same = held.find(of(record.journalId));
  if (same !== undefined) return same;
  return isOneOfSeveral(record.journalId)
    ? held.find((other) => !isOneOfSeveral(other.record.journalId))
    : held[0];
}

function decideHolding(held: HeldHead | undefined, shown: HeldHead): ReturnType<ShownHead['decide']> {
  const taken = { holding: { standing: 'held', held: shown }, write: shown } as const;
  if (held === undefined) return taken;
  // INVARIANT: a contradiction stays, with both heads, until an operator releases them.
  if (held.contradiction !== null) return { holding: { standing: 'forked', held } };
  switch (standingOf(held.record, shown.record)) {
    case 'ahead':
      return taken;
    case 'same':
      // The later of two over the same: its key may be a newer one.
      return shown.record.issuedAt < held.record.issuedAt ? { holding: { standing: 'held', held } } : taken;
    case 'behind':
      return { holding: { standing: 'behind', held } };
    case 'forked': {
      const contradicted = { ...held, contradiction: shown.signed };
      return { holding: { standing: 'forked', held: contradicted }, write: contradicted };
    }
  }
}

/** Throws `store_corrupt` where the row is not what it was; `shown` names its database. */
export function heldHeadOf(row: HeldHeadRow, shown: string): HeldHead {
  const { role, name, journal, signed, held_ms, contradiction } = row;
  const decoded = decodeJournalHead(bytesOf(signed));
  if (
    !decoded.ok ||
    decoded.value.record.role !== role ||
    decoded.value.record.name !== name ||
    (journal !== undefined && !equalBytes(decoded.value.record.journalId, bytesOf(journal)))
  )
    throw new StoreError(
      'store_corrupt',
      `\`${shown}\` is not whole: what it holds as head of ${role} ${name} is none; restore a backup`,
    );
  return {
    record: decoded.value.record,
    signed: decoded.value.bytes,
    heldMs: Number(held_ms),
    contradiction: contradiction === null ? null : bytesOf(contradiction),
  };
}
