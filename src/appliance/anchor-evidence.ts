/** What is known of a stopped system's journal outside of its ledger: how much of it the ledger lacks, and what of that may have been issued. */
import type { JournalHead } from '../journal/chain.ts';
import { decodeEntry, decodeIntentContent } from '../journal/entry.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { quote } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import { attachSignature } from '../records/cose.ts';
import { decodeJournalHead, type JournalHeadRecord } from '../records/journal-head.ts';
import type { KeyRing } from '../records/key-ring.ts';
import { decodeChange, type HeadPlace } from '../records/quota-change.ts';
import { decodeRequest } from '../records/request.ts';
import { WitnessError } from '../roles/witness-error.ts';
import { type SeriesHead, type Store, StoreError } from '../store/store.ts';
import type { Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import { entriesOf, type OtherLedger } from './other-ledger.ts';

export interface EvidenceSources {
  readonly role: Role;
  readonly issuer: string;
  readonly own: Store;
  /** The ledgers of the other two, which are stopped too, or their extracts. */
  readonly others: ReadonlyMap<Role, OtherLedger>;
  /** What the system's HSMs have anchored. */
  readonly anchored: readonly JournalHead[];
  readonly keys: KeyRing;
}

export interface Evidence {
  /** Where the ledger ends. */
  readonly head: JournalHead;
  /** The later heads that the anchor or a witness has, each once, by number. */
  readonly beyond: readonly HeadPlace[];
  /** Whether it is not the newest ledger: something of its journal is known that it does not have. */
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
  const { own, anchored, role, others } = sources;
  const head = await own.head();
  const held = await readHeld(sources);
  for (const { sequence, hash } of [...anchored, ...held]) await assertCopy(own, sequence, hash);
  const beyond = headsBeyond(head, [...anchored, ...held]);
  const known = beyond.at(-1)?.sequence ?? head.sequence;
  const issuance = others.get('issuance');
  const found =
    role === 'quota' && issuance !== undefined ? await readIssued(sources, issuance) : nothingIssued;
  const older = known > head.sequence || found.count > 0;
  // Nothing is signed before it is anchored, so an anchor that knows all that anybody knows is the end of the journal.
  const certain = anchored.some(({ sequence }) => sequence === known);
  const unexplained = older ? Math.max(known - head.sequence - found.count, certain ? 0 : 1) : 0;
  const epoch = Math.max(found.epoch, ...held.map((record) => record.epoch ?? 0));
  const issued =
    role === 'central' && older && issuance !== undefined ? await readForgotten(own, issuance) : found.issued;
  return { head, beyond, older, unexplained: role === 'quota' ? unexplained : 0, issued, epoch };
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

/** What the others hold of the journal; each was signed by the system itself. */
async function readHeld({ role, issuer, others, keys, own }: EvidenceSources): Promise<JournalHeadRecord[]> {
  const owner = holderOf(role, issuer);
  const journalId = await own.journalId();
  const series = await own.journals();
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
      const other = series.find((one) => equalBytes(one.journalId, record.journalId));
      if (other !== undefined && !equalBytes(record.journalId, journalId)) {
        assertNewest(other, record.sequence, witness);
        continue;
      }
      if (contradiction !== null || !equalBytes(record.journalId, journalId))
        throw forked(
          `${witness} holds a head of another journal of ${role}, or two that contradict each other`,
        );
      records.push(record);
    }
  }
  return records;
}

/** Of a ledger with several series only an anchor can be set anew: what one series lacks, the quotas of all lack. */
function assertNewest({ series, head }: SeriesHead, sequence: number, witness: string): void {
  if (sequence <= head.sequence) return;
  throw new StoreError(
    'store_several_series',
    `series ${quote(series)} of this ledger ends at entry ${head.sequence}, and ${witness} holds entry ${sequence} of it: it is an older copy, and one with several series is not gone on from; put the newest database back`,
  );
}

/** An entry that the ledger has is the one that is known elsewhere. */
async function assertCopy(own: Store, sequence: number, hash: Uint8Array): Promise<void> {
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
  readonly epoch: number;
}

const nothingIssued: Issued = { issued: new Map(), count: 0, epoch: 0 };

/**
 * The control bits that issuance has, and the ledger of quota control has not; each signed by quota control. Those of before the last time
 * that the journal was anchored anew were written off then.
 */
async function readIssued({ own, keys }: EvidenceSources, issuance: OtherLedger): Promise<Issued> {
  const issued = new Map<string, bigint>();
  const seen = new Set<string>();
  let since = 0;
  for await (const entry of entriesOf(own)) since = Math.max(since, anchoredEpochOf(entry));
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
  }
  return { issued, count: seen.size, epoch };
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

/** The epoch that quota control went on with by this entry, where it is of a change that anchored its journal anew; 0 otherwise. */
function anchoredEpochOf(entry: Uint8Array): number {
  const read = decodeEntry(entry);
  if (!read.ok || read.value.kind !== 'quota-change') return 0;
  const [change] = listOf(read.value.content);
  const decoded = change instanceof Uint8Array ? decodeChange(change) : undefined;
  if (decoded?.ok !== true || decoded.value.action.kind !== 'anchor') return 0;
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
