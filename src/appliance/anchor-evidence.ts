/** What is known of a stopped system's journal outside of its ledger: how much of it the ledger lacks, and what of that may have been issued. */
import type { JournalHead } from '../journal/chain.ts';
import { decodeEntry, decodeIntentContent } from '../journal/entry.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { accountName } from '../quota/history.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import { attachSignature } from '../records/cose.ts';
import { decodeJournalHead, type JournalHeadRecord } from '../records/journal-head.ts';
import type { KeyRing } from '../records/key-ring.ts';
import { decodeChange, type HeadPlace } from '../records/quota-change.ts';
import { decodeRequest } from '../records/request.ts';
import { WitnessError } from '../roles/witness-error.ts';
import type { ApprovedChange, SeriesHead, Store } from '../store/store.ts';
import type { Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import type { OtherLedger } from './other-ledger.ts';

/** A journal of the ledger that is gone on from. */
export interface OwnJournal extends SeriesHead {
  /** What the system's HSMs have anchored of it. */
  readonly anchored: readonly JournalHead[];
  /** Of the control bits that were numbered by its process; null where it is the only one. */
  readonly epoch: number | null;
}

export interface EvidenceSources {
  readonly role: Role;
  readonly issuer: string;
  readonly own: Store;
  /** Every journal of the ledger: what one of several lacks, the quotas of all lack. */
  readonly journals: readonly OwnJournal[];
  /** The ledgers of the other two, which are stopped too, or their extracts. */
  readonly others: ReadonlyMap<Role, OtherLedger>;
  readonly keys: KeyRing;
}

export interface JournalEvidence {
  readonly journal: OwnJournal;
  /** The later heads that the anchor or a witness has, each once, by number. */
  readonly beyond: readonly HeadPlace[];
}

export interface Evidence {
  /** In the order of the sources. */
  readonly journals: readonly JournalEvidence[];
  /** Whether it is not the newest ledger: something of a journal is known that it does not have. */
  readonly older: boolean;
  /** Of what it lacks, how many entries are no control bits that issuance has; at least. */
  readonly unexplained: number;
  /**
   * At quota control: what issuance has control bits for that the ledger does not have, by `accountName`. At central management: what was asked
   * for in requests that it has no decision on.
   */
  readonly issued: ReadonlyMap<string, bigint>;
  /** The highest epoch that was seen; 0 where none was. */
  readonly epoch: number;
}

/** Throws `journal_forked` where the ledger is no copy of what is known, and `witness_unavailable` where a witness shows what proves nothing. */
export async function gatherEvidence(sources: EvidenceSources): Promise<Evidence> {
  const { own, role, others } = sources;
  const held = await readHeld(sources);
  const journals: JournalEvidence[] = [];
  for (const journal of sources.journals) {
    const heads = [...journal.anchored, ...held.filter((record) => isOf(record, journal))];
    for (const head of heads) await assertCopy(journal, head);
    journals.push({ journal, beyond: headsBeyond(journal.head, heads) });
  }
  const issuance = others.get('issuance');
  const found =
    role === 'quota' && issuance !== undefined ? await readIssued(sources, issuance) : nothingIssued;
  const older = journals.some(({ beyond }) => beyond.length > 0) || found.count > 0;
  const epoch = Math.max(found.epoch, ...held.map((record) => record.epoch ?? 0));
  const issued =
    role === 'central' && older && issuance !== undefined ? await readForgotten(own, issuance) : found.issued;
  const unexplained = role === 'quota' && older ? countUnexplained(journals, found) : 0;
  return { journals, older, unexplained, issued, epoch };
}

/**
 * Of what each journal lacks, what is no control bit of its process that issuance has: a surplus of one explains nothing of another. Nothing is
 * signed before it is anchored, so an anchor that knows all that anybody knows is the end of the journal; else there may be more.
 */
function countUnexplained(journals: readonly JournalEvidence[], found: Issued): number {
  let unexplained = 0;
  let explained = 0;
  for (const { journal, beyond } of journals) {
    const { head, anchored, epoch } = journal;
    const known = beyond.at(-1)?.sequence ?? head.sequence;
    const issued = epoch === null ? found.count : (found.byEpoch.get(epoch) ?? 0);
    const lacking = known - head.sequence;
    const isUnused = known === 0 && anchored.length === 0;
    const certain = issued <= lacking && (isUnused || anchored.some(({ sequence }) => sequence === known));
    unexplained += Math.max(lacking - issued, certain ? 0 : 1);
    explained += issued;
  }
  // A control bit of an epoch that no process has: whose entry it was nobody knows.
  return explained < found.count ? Math.max(unexplained, 1) : unexplained;
}

/** Throws `journal_forked` where two of one number differ. */
function headsBeyond(head: JournalHead, heads: readonly HeadPlace[]): HeadPlace[] {
  const beyond = new Map<number, HeadPlace>();
  for (const { sequence, hash } of heads) {
    if (sequence <= head.sequence) continue;
    const known = beyond.get(sequence);
    if (known !== undefined && !equalBytes(known.hash, hash))
      throw forked(`two different entries ${sequence} of the journal were anchored or shown`);
    beyond.set(sequence, { sequence, hash });
  }
  return [...beyond.values()].sort((a, b) => a.sequence - b.sequence);
}

/** What the others hold of the journals; each was signed by the system itself. */
async function readHeld({
  role,
  issuer,
  others,
  keys,
  journals,
}: EvidenceSources): Promise<JournalHeadRecord[]> {
  const owner = holderOf(role, issuer);
  const records: JournalHeadRecord[] = [];
  for (const [witness, ledger] of others) {
    for (const { signed, contradiction } of await ledger.heads()) {
      const decoded = decodeJournalHead(signed);
      const record = decoded.ok ? decoded.value.record : undefined;
      if (record !== undefined && (record.role !== owner.role || record.name !== owner.name)) continue;
      if (!decoded.ok || record === undefined || !keys.verifyEver(decoded.value, owner).ok)
        throw new WitnessError(
          'witness_unavailable',
          `${witness} holds a head of ${role} that no key of ${role} signed: it is no witness; find out what wrote to its ledger`,
        );
      if (contradiction !== null || !journals.some((journal) => isOf(record, journal)))
        throw forked(
          `${witness} holds a head of another journal of ${role}, or two that contradict each other`,
        );
      records.push(record);
    }
  }
  return records;
}

function isOf(record: JournalHeadRecord, { journalId }: SeriesHead): boolean {
  return equalBytes(record.journalId, journalId);
}

/** An entry that the ledger has is the one that is known elsewhere. */
async function assertCopy(own: SeriesHead, { sequence, hash }: HeadPlace): Promise<void> {
  const there = await own.hashAt(sequence);
  if (there !== undefined && !equalBytes(there, hash))
    throw forked(`the ledger has another entry ${sequence} than the one that was anchored or shown`);
}

function forked(what: string): WitnessError {
  return new WitnessError(
    'journal_forked',
    `${what}: this ledger is no copy of the one that the system signed from, and cannot be gone on from; docs/OPERATIONS.md has what to do (Witnesses)`,
  );
}

interface Issued {
  readonly issued: ReadonlyMap<string, bigint>;
  /** How many control bits. */
  readonly count: number;
  readonly byEpoch: ReadonlyMap<number, number>;
  /** The highest that was seen. */
  readonly epoch: number;
}

const nothingIssued: Issued = { issued: new Map(), count: 0, byEpoch: new Map(), epoch: 0 };

/**
 * The control bits that issuance has, and the ledger of quota control has not; each signed by quota control. Those of before the last time
 * that its journals were anchored anew were written off then.
 */
async function readIssued({ own, keys }: EvidenceSources, issuance: OtherLedger): Promise<Issued> {
  const issued = new Map<string, bigint>();
  const byEpoch = new Map<number, number>();
  const seen = new Set<string>();
  const since = Math.max(0, ...(await own.changes()).map(anchoredEpochOf));
  let epoch = since;
  for await (const entry of issuance.entries()) {
    const controlBit = controlBitOf(entry, keys);
    if (controlBit === undefined) continue;
    epoch = Math.max(epoch, controlBit.epoch);
    if (controlBit.epoch < since) continue;
    const name = `${controlBit.epoch}.${controlBit.sequence}`;
    if (seen.has(name) || (await own.findIntent('control-bit', controlBit.requestId)) !== undefined) continue;
    seen.add(name);
    const account = accountName(controlBit.issuer, controlBit.currency.code);
    issued.set(account, (issued.get(account) ?? 0n) + controlBit.total);
    byEpoch.set(controlBit.epoch, (byEpoch.get(controlBit.epoch) ?? 0) + 1);
  }
  return { issued, count: seen.size, byEpoch, epoch };
}

/**
 * What central management may have approved and forgotten: all of the requests that issuance has, neither closed, and central management no
 * decision on. Those that it denied, or never had, are among them: nobody can tell.
 */
async function readForgotten(own: Store, issuance: OtherLedger): Promise<ReadonlyMap<string, bigint>> {
  const asked = new Map<string, { readonly name: string; readonly total: bigint }>();
  for await (const entry of issuance.entries()) {
    const read = decodeEntry(entry);
    if (!read.ok || !(read.value.subject instanceof Uint8Array)) continue;
    const { kind, subject: id, content } = read.value;
    // It comes after its request.
    if (kind === 'closing') asked.delete(toHex(id));
    if (kind !== 'request') continue;
    if ((await own.findIntent('credential', id)) ?? (await own.findIntent('denial', id))) continue;
    const intent = decodeIntentContent(content);
    const request = intent.ok
      ? decodeRequest(attachSignature(intent.value.toBeSigned, new Uint8Array(64)))
      : intent;
    if (!request.ok)
      throw forked(
        `issuance's journal has an entry of a request that cannot be read (${toHex(entry).slice(0, 16)}…)`,
      );
    const { issuer, currency, total } = request.value.record;
    asked.set(toHex(id), { name: accountName(issuer, currency.code), total });
  }
  const forgotten = new Map<string, bigint>();
  for (const { name, total } of asked.values()) forgotten.set(name, (forgotten.get(name) ?? 0n) + total);
  return forgotten;
}

/** The lowest epoch that quota control went on with by this change, where it anchored journals anew; 0 otherwise. */
function anchoredEpochOf({ change }: ApprovedChange): number {
  const decoded = decodeChange(change);
  if (!decoded.ok || decoded.value.action.kind !== 'anchor') return 0;
  return decoded.value.action.epoch ?? 0;
}

/** Of issuance's entry for a currency, whose context begins with the control bit (src/roles/carriage.ts). */
function controlBitOf(entry: Uint8Array, keys: KeyRing): ControlBit | undefined {
  const read = decodeEntry(entry);
  if (!read.ok || read.value.kind !== 'currency') return undefined;
  const intent = decodeIntentContent(read.value.content);
  const [bytes] = intent.ok ? listOf(intent.value.context) : [];
  if (!(bytes instanceof Uint8Array))
    throw forked(
      `issuance's journal has an entry of a currency without its control bit (${toHex(entry).slice(0, 16)}…)`,
    );
  const decoded = decodeControlBit(bytes);
  if (!decoded.ok || !keys.verifyEver(decoded.value, { role: 'quota', name: 'quota' }).ok) return undefined;
  return decoded.value.record;
}

function listOf(bytes: Uint8Array): readonly unknown[] {
  const decoded = decodeCbor(bytes);
  return decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
}
