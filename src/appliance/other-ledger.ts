/**
 * What another system's ledger shows of a journal that is to be gone on from: its own entries and the heads that it holds. It is opened
 * here, or read from an extract that was made on that system's machine (`ringmint audit extract`, with the systems stopped).
 *
 * Neither is trusted: heads and control bits prove themselves by the signature of the system in question, and what is left out is counted.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Extract, ExtractError, openExtract } from '../journal/extract.ts';
import type { Store } from '../store/store.ts';
import { ApplianceError } from './appliance-error.ts';
import type { Role } from './home.ts';
import { holderOf } from './key-holder.ts';

export interface OtherLedger {
  /** Of every system, as they were signed. */
  heads(): Promise<readonly { readonly signed: Uint8Array; readonly contradiction: Uint8Array | null }[]>;
  entries(): AsyncIterable<Uint8Array>;
}

const pageSize = 1_000;

export function ledgerOfStore(store: Store): OtherLedger {
  return { heads: () => store.heldHeads(), entries: () => entriesOf(store) };
}

async function* entriesOf(store: Store): AsyncGenerator<Uint8Array> {
  for (let from = 1; ; from += pageSize) {
    const page = await store.journal(from, pageSize);
    for (const { bytes } of page) yield bytes;
    if (page.length < pageSize) return;
  }
}

export interface EvidenceFile {
  readonly role: Role;
  readonly ledger: OtherLedger;
  close(): void;
}

/** Opens an extract of one of this appliance's systems; reads it to its end once, so that one that was damaged is told at once. */
export function openEvidenceFile(path: string, issuer: string): EvidenceFile {
  const file = openFile(path);
  try {
    const { size } = fstatSync(file);
    const extract = openExtract({
      size,
      read(offset, length) {
        const bytes = new Uint8Array(length);
        const read = readSync(file, bytes, 0, length, offset);
        return bytes.subarray(0, read);
      },
    });
    const { role, name, journals } = extract.header;
    if (name !== holderOf(role, issuer).name || (journals.length !== 1 && role !== 'quota'))
      throw new ApplianceError(
        'extract_damaged',
        `\`${path}\` is the extract of ${role} ${name}, with ${journals.length} journals: one of a system of this appliance is accepted, with one journal where it is not quota control's`,
      );
    for (const _ of extract.entries());
    return { role, ledger: ledgerOfExtract(extract), close: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    if (error instanceof ExtractError)
      throw new ApplianceError('extract_damaged', `\`${path}\`: ${error.message}`);
    throw error;
  }
}

/** The ledgers of those whose extracts are given; `closers` gets what closes their files. */
export function openEvidence(
  paths: readonly string[],
  issuer: string,
  closers: (() => Promise<unknown>)[],
): Map<Role, OtherLedger> {
  const ledgers = new Map<Role, OtherLedger>();
  for (const path of paths) {
    const file = openEvidenceFile(path, issuer);
    closers.push(async () => file.close());
    ledgers.set(file.role, file.ledger);
  }
  return ledgers;
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new ApplianceError(
      'extract_damaged',
      `\`${path}\` cannot be read (${String((error as NodeJS.ErrnoException).code)}): an extract is accepted`,
    );
  }
}

function ledgerOfExtract(extract: Extract): OtherLedger {
  return {
    heads: () => Promise.resolve(extract.heads),
    async *entries() {
      for (const { bytes } of extract.entries()) yield bytes;
    },
  };
}
