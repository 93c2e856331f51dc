/**
 * A memory as a file: its bytes, then how often each sector was erased (4 bytes, big-endian).
 *
 * A process that is killed leaves what it wrote, whole operation for whole operation; a host that loses power leaves at least what was settled.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Medium } from './flash.ts';
import { MediumError } from './medium-error.ts';
import type { Geometry } from './memory.ts';

export interface FileMedium extends Medium {
  close(): void;
}

/** Makes the file of a memory that nothing was written to; there is one that is whole, or none. Overwrites one that is there. */
export function makeFileMedium(path: string, geometry: Geometry): void {
  const bytes = new Uint8Array(bytesOf(geometry)).fill(0xff);
  bytes.fill(0, geometry.sectorBytes * geometry.sectors);
  replaceFile(path, bytes);
}

/** Throws `MediumError`: `medium_missing`, `medium_misshapen`, `medium_unreadable`; what uses it `medium_unwritable`. */
export function openFileMedium(path: string, geometry: Geometry): FileMedium {
  const { sectorBytes, sectors } = geometry;
  const size = sectorBytes * sectors;
  const file = openFile(path);
  let wear: number[];
  let content: Buffer;
  try {
    content = readWhole(file, path, bytesOf(geometry));
    wear = Array.from({ length: sectors }, (_, sector) => content.readUInt32BE(size + 4 * sector));
  } catch (cause) {
    closeSync(file);
    throw cause;
  }
  let written = false;
  const write = (at: number, bytes: Uint8Array): void => {
    written = true;
    attempt(path, () => writeWhole(file, bytes, at));
  };
  return {
    bytes: content.subarray(0, size),
    wear,
    write,
    writeWear: (sector, erases) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(erases);
      write(size + 4 * sector, bytes);
      wear[sector] = erases;
    },
    settle: () => {
      if (!written) return;
      attempt(path, () => fdatasyncSync(file));
      written = false;
    },
    close: () => closeSync(file),
  };
}

/** Writes a 0600 file so that a cut leaves what was there, or this, and waits until it is on the disk. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const partial = `${path}.partial`;
  attempt(path, () => {
    const file = openSync(partial, 'w', 0o600);
    try {
      writeWhole(file, bytes, 0);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  });
}

function bytesOf({ sectorBytes, sectors }: Geometry): number {
  return sectors * (sectorBytes + 4);
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT'))
      throw new MediumError('medium_missing', `there is no \`${path}\``, { cause });
    throw new MediumError('medium_unreadable', `cannot open \`${path}\``, { cause });
  }
}

function readWhole(file: number, path: string, length: number): Buffer {
  // One byte more than there is to be, so that a longer file is seen.
  const content = Buffer.alloc(length + 1);
  let done = 0;
  try {
    for (let more = -1; more !== 0 && done < content.length; done += more)
      more = readSync(file, content, done, content.length - done, done);
  } catch (cause) {
    throw new MediumError('medium_unreadable', `cannot read \`${path}\``, { cause });
  }
  if (done !== length) {
    const found = done > length ? 'more' : `${done}`;
    throw new MediumError('medium_misshapen', `\`${path}\` has ${found} bytes, and is to have ${length}`);
  }
  return content.subarray(0, length);
}

function writeWhole(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(file, bytes, done, bytes.length - done, at + done);
}

/** What does not reach the disk is as if power had gone: nothing after it is done, and nobody is answered. */
function attempt(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new MediumError('medium_unwritable', `cannot write \`${path}\``, { cause });
  }
}

function isErrno(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}
