/**
 * The names of anchors and the epochs that a system goes on with, in its files: config.json, and of quota control as several processes
 * appliance.json first, which has them all, and then config.json, which has those of the first.
 *
 * A crash between the two leaves a system that does not start (`configuration_invalid`), until `followProcesses` has been called.
 */
import { readFile } from 'node:fs/promises';
import { toHex } from '../kit/bytes.ts';
import { type AnchorAction, journalsOf } from '../records/quota-change.ts';
import type { Home, Role } from './home.ts';
import { writeFileDurably } from './private-file.ts';
import { changeProcesses } from './process-management.ts';
import { readQuotaProcesses } from './quota-processes.ts';
import { firstAnchor } from './role-store.ts';

/** What a journal goes on with. */
export interface GoingOn {
  readonly journalId: Uint8Array;
  readonly anchor: string;
  /** Of its control bits, where it is another one. */
  readonly epoch: number | null;
}

/** `all`: of each journal that goes on; where the system has one journal, that. Nothing is written where nothing changes. */
export async function configure(home: Home, role: Role, all: readonly GoingOn[]): Promise<void> {
  const processes = role === 'quota' ? await readQuotaProcesses(home) : [];
  const [only] = all;
  if (only === undefined) return;
  if (processes.length === 0) return writeChoice(home, role, only);
  await changeProcesses(home, (process) => {
    const given = all.find(({ journalId }) => toHex(journalId) === process.journal);
    if (given === undefined) return process;
    // Never lower: a change that was carried out before may be given again, after a later one.
    return { ...process, anchor: given.anchor, epoch: Math.max(process.epoch, given.epoch ?? 0) };
  });
  await followFirst(home);
}

/** Where appliance.json has the epoch of this change, and config.json may not have it yet. */
export async function followProcesses(home: Home, action: AnchorAction): Promise<void> {
  const [first] = await readQuotaProcesses(home);
  const given = journalsOf(action).find(({ journalId }) => toHex(journalId) === first?.journal);
  if (first !== undefined && given?.epoch === first.epoch) await followFirst(home);
}

async function followFirst(home: Home): Promise<void> {
  const [first] = await readQuotaProcesses(home);
  if (first !== undefined) await writeChoice(home, 'quota', first);
}

/** Both fields at once: a crash leaves the old file or the new one. */
async function writeChoice(
  home: Home,
  role: Role,
  { anchor, epoch }: Pick<GoingOn, 'anchor' | 'epoch'>,
): Promise<void> {
  const path = home.config(role);
  const before = JSON.parse(await readFile(path, 'utf8')) as {
    store?: { anchor?: string; series?: string };
    epoch?: number;
  };
  const { store } = before;
  const named = store?.anchor ?? store?.series ?? firstAnchor;
  const after = {
    ...before,
    ...(named === anchor ? {} : { store: { ...(store ?? { kind: 'sqlite' }), anchor } }),
    // Never lower: a change that was carried out before may be given again, after a later one.
    ...(epoch === null || epoch <= Number(before.epoch) ? {} : { epoch }),
  };
  if (JSON.stringify(after) === JSON.stringify(before)) return;
  await writeFileDurably(path, `${JSON.stringify(after, null, 2)}\n`, 0o600);
}
