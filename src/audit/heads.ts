/** What is known of a journal from elsewhere: heads that witnesses hold, and what an auditor kept of an earlier audit. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { decodeJournalHead, type JournalHeadRecord } from '../records/journal-head.ts';
import { isoTime } from '../records/key-ring.ts';
import { type AuditContext, mayBeLater, report, type System, systemOf } from './system.ts';

/** An entry that a journal is known to have had; of number 0 its genesis. */
export interface KnownEntry {
  readonly role: System['role'];
  readonly name: string;
  readonly journalId: Uint8Array;
  readonly sequence: number;
  readonly hash: Uint8Array;
  /** When it was known, seconds. */
  readonly knownAt: number;
  /** Who says so, such as `central` or a file's name. */
  readonly from: string;
  /** Whether the auditor had it before the extracts were made: then nothing of it can be newer than they are. */
  readonly isKept: boolean;
}

/** How far a journal is vouched for. */
export interface Witnessing {
  readonly from: string;
  readonly sequence: number;
}

/** The heads that the extracts hold, those that are proven. What proves nothing is found as `head_invalid`. */
export function collectHeld(context: AuditContext): KnownEntry[] {
  const known: KnownEntry[] = [];
  for (const system of context.systems) {
    for (const { signed, contradiction } of system.extract.heads) {
      const held = readHead(context, system, signed);
      if (held === undefined) continue;
      known.push(held);
      const other = contradiction === null ? undefined : readHead(context, system, contradiction);
      if (other === undefined) continue;
      known.push(other);
      const owner = systemOf(context, held.role, held.name) ?? system;
      report(
        context,
        owner,
        null,
        'heads_forked',
        `${system.label} holds two heads that ${held.role} \`${held.name}\` has signed and that no one journal has: ${held.sequence} and ${other.sequence}`,
        'one journal',
      );
    }
  }
  return known;
}

function readHead(context: AuditContext, holder: System, signed: Uint8Array): KnownEntry | undefined {
  const head = verifyHead(context, signed, { from: holder.label, isKept: false });
  if ('entry' in head) return head.entry;
  report(
    context,
    holder,
    null,
    'head_invalid',
    `a journal head that it holds proves nothing: ${head.fault}`,
    "a head with its owner's signature",
  );
  return undefined;
}

/** A head of any key that its owner ever had: it is held against the owner, and not believed. */
export function verifyHead(
  { keys }: Pick<AuditContext, 'keys'>,
  signed: Uint8Array,
  source: Pick<KnownEntry, 'from' | 'isKept'>,
): { readonly entry: KnownEntry } | { readonly fault: string } {
  const decoded = decodeJournalHead(signed);
  if (!decoded.ok) return { fault: decoded.message };
  const head: JournalHeadRecord = decoded.value.record;
  const verified = keys.verifyEver(decoded.value, head);
  if (!verified.ok) return { fault: verified.message };
  const { role, name, journalId, sequence, hash, issuedAt } = head;
  return { entry: { role, name, journalId, sequence, hash, knownAt: issuedAt, ...source } };
}

/** What is known of one journal, to be held against it as it is read. */
export class KnownJournal {
  private readonly context: AuditContext;
  private readonly system: System;
  private readonly bySequence = new Map<number, KnownEntry[]>();
  private readonly contradicted: { readonly entry: KnownEntry; readonly hash: Uint8Array }[] = [];
  private readonly givenUp: { readonly after: number; readonly to: number }[] = [];

  constructor(context: AuditContext, system: System, journalId: Uint8Array, known: readonly KnownEntry[]) {
    this.context = context;
    this.system = system;
    for (const entry of known) {
      if (entry.role !== system.role || entry.name !== system.name) continue;
      if (!equalBytes(entry.journalId, journalId)) continue;
      this.bySequence.set(entry.sequence, [...(this.bySequence.get(entry.sequence) ?? []), entry]);
    }
  }

  /** The next entry of the journal; 0 and its genesis to begin with. */
  pass(sequence: number, hash: Uint8Array): void {
    for (const entry of this.bySequence.get(sequence) ?? []) {
      if (!equalBytes(entry.hash, hash)) this.contradicted.push({ entry, hash });
    }
  }

  /** Enough people had the journal go on from entry `after`: what was known of entries behind it, as far as `to`, is of another end of it. */
  giveUp(after: number, to: number): void {
    this.givenUp.push({ after, to });
  }

  private isGivenUp(sequence: number): boolean {
    return this.givenUp.some(({ after, to }) => sequence > after && sequence <= to);
  }

  /** The journal ends here. Gives who vouches for how much of it. */
  end(last: number): Witnessing[] {
    for (const { entry, hash } of this.contradicted) {
      if (this.isGivenUp(entry.sequence)) continue;
      report(
        this.context,
        this.system,
        entry.sequence,
        'head_contradicted',
        `the entry, or one before it, is another than the one that ${entry.from} knows of ${isoTime(entry.knownAt)}: hash ${toHex(hash).slice(0, 16)}`,
        `hash ${toHex(entry.hash).slice(0, 16)}`,
      );
    }
    const vouched: Witnessing[] = [];
    for (const [sequence, entries] of this.bySequence) {
      for (const { from, knownAt, isKept } of entries) {
        vouched.push({ from, sequence });
        if (sequence <= last || this.isGivenUp(sequence)) continue;
        if (!isKept && mayBeLater(this.context, this.system, knownAt)) continue;
        report(
          this.context,
          this.system,
          last,
          'journal_behind_head',
          `the journal ends at entry ${last}; ${from} knows entry ${sequence}, of ${isoTime(knownAt)}: its end was cut off, or it is an older copy`,
          `entry ${sequence} or a later one at its end`,
        );
      }
    }
    return vouched.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.sequence - b.sequence));
  }
}

/** What is known of a system's journals, but of none that its extract has. */
export function checkForeign(context: AuditContext, known: readonly KnownEntry[]): void {
  for (const { role, name, journalId, sequence, from, knownAt } of known) {
    const system = systemOf(context, role, name);
    if (system === undefined) continue;
    if (system.extract.header.journals.some(({ id }) => equalBytes(id, journalId))) continue;
    report(
      context,
      system,
      null,
      'journal_foreign',
      `${from} knows entry ${sequence} of ${isoTime(knownAt)} of the journal ${toHex(journalId).slice(0, 16)}, which is not here`,
      'a ledger with every journal that this system has signed heads of',
    );
  }
}
