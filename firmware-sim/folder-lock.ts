/**
 * At most one process holds a folder, also after kill -9 and where several begin at once.
 *
 * ```
 * lock-5f0c…   socket that a process listens on: whether it answers tells whether the process lives, in whatever container
 * lock.7       symbolic link to it: the seventh holder of the folder
 * ```
 *
 * Whoever wants the folder listens on a socket of its own, and where the holder of the highest number is dead, links the next number to it: of several one
 * succeeds. Having linked, it looks for a higher number, and gives up where there is one: it had been asleep since it looked.
 * INVARIANT: only a holder removes files, those of lower numbers and of the dead; the highest number stays when its holder ends, so that no number is
 * given twice while somebody counts.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { openSocketFolder, type SocketFolder } from './socket-path.ts';

export interface FolderLock {
  /** Lets others have the folder. */
  release(): Promise<void>;
}

/** Which files of a folder are of its lock. */
export function isLockFile(name: string): boolean {
  return /^lock(-[0-9a-f]{16}|\.\d{1,15})$/.test(name);
}

export interface LockOptions {
  /** Called between looking who has it and taking it: a test has others come in between. */
  readonly sleep?: () => Promise<void>;
}

/** Undefined where somebody has it. Throws errors of the file system. */
export async function lockFolder(
  folder: string,
  { sleep = async () => undefined }: LockOptions = {},
): Promise<FolderLock | undefined> {
  const place = openSocketFolder(folder);
  try {
    const own = `lock-${randomBytes(8).toString('hex')}`;
    const server = await listen(place.addressOf(own));
    const release = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        rmSync(join(folder, own), { force: true });
      });
    try {
      chmodSync(join(folder, own), 0o600);
      if (await take({ folder, place, own, sleep })) return { release };
    } catch (error) {
      await release();
      throw error;
    }
    await release();
    return undefined;
  } finally {
    place.close();
  }
}

interface Contender {
  readonly folder: string;
  readonly place: SocketFolder;
  /** Name of the socket that it listens on. */
  readonly own: string;
  readonly sleep: () => Promise<void>;
}

async function take({ folder, place, own, sleep }: Contender): Promise<boolean> {
  const before = highest(folder);
  if (before > 0 && (await answers(place.addressOf(`lock.${before}`)))) return false;
  await sleep();
  const number = before + 1;
  try {
    symlinkSync(own, join(folder, `lock.${number}`));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
  if (highest(folder) !== number) return false;
  // A holder that was just killed may have taken this socket for a dead one, and removed it.
  if (!(await answers(place.addressOf(`lock.${number}`)))) return false;
  for (const name of readdirSync(folder)) {
    if (!isLockFile(name) || name === own || name === `lock.${number}`) continue;
    if (!(await answers(place.addressOf(name)))) rmSync(join(folder, name), { force: true });
  }
  return true;
}

function highest(folder: string): number {
  let found = 0;
  for (const name of readdirSync(folder)) {
    const number = /^lock\.(\d{1,15})$/.exec(name)?.[1];
    if (number !== undefined) found = Math.max(found, Number(number));
  }
  return found;
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.on('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}

/** Whether somebody listens: a process that is stopped counts, too. */
function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const end = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.on('connect', () => end(true));
    // Refused or not there: dead. Anything else, such as a queue that is full, is a process that lives.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
