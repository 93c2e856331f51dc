/**
 * The journals of a ledger that is looked at or put back, by what appliance.json names: a copy of before a process was added lacks that
 * process's journal, which is then one without an entry.
 */
import { genesisHash } from '../journal/chain.ts';
import { fromHex, toHex } from '../kit/bytes.ts';
import type { LedgerFile } from '../store/sqlite/ledger-file.ts';
import type { FileJournal } from '../store/sqlite/series-tables.ts';
import type { QuotaProcess } from './configuration.ts';
import type { Home, Role } from './home.ts';
import { readQuotaProcesses } from './quota-processes.ts';

export interface NamedJournal extends FileJournal {
  /** Undefined where appliance.json names none with this journal. */
  readonly process: QuotaProcess | undefined;
}

/** Those of the file first, in its order; a name that the file does not say is that of the process. */
export async function nameJournals(
  { journals }: Pick<LedgerFile, 'journals'>,
  role: Role,
  home: Home,
): Promise<readonly NamedJournal[]> {
  const processes = role === 'quota' ? await readQuotaProcesses(home) : [];
  const there = journals.map((journal): NamedJournal => {
    const process = processes.find((one) => one.journal === toHex(journal.id));
    return { ...journal, series: journal.series ?? process?.series ?? null, process };
  });
  const last = Math.max(...journals.map(({ number }) => number));
  const lacking = processes.filter(({ journal }) => !there.some(({ id }) => toHex(id) === journal));
  return [...there, ...lacking.map((process, index) => withoutEntries(process, role, last + 1 + index))];
}

function withoutEntries(process: QuotaProcess, role: Role, number: number): NamedJournal {
  const id = fromHex(process.journal) ?? new Uint8Array();
  const genesis = genesisHash(role, id);
  return {
    number,
    series: process.series,
    id,
    process,
    head: { sequence: 0, hash: genesis },
    hashAt: (sequence) => (sequence === 0 ? genesis : undefined),
  };
}
