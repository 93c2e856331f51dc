/**
 * A role's SoftHSM token in a directory of its own: SoftHSM rewrites its state at every login, and two
 * processes on one directory missed the token in 5,071 of 13,859 tries; with a directory each, never.
 *
 * ```
 * DIRECTORY/            0700
 *   provisioning        written first, removed last: this directory is ours, and nothing of it is published
 *   softhsm2.conf       where the module finds the rest
 *   tokens/             0700, SoftHSM's files
 *   token-object        0600, a copy of the file in there that SoftHSM writes at each login
 *   pin  so-pin         0600, 32 random hex digits each
 *   provisioned.json    written when the rest is on the disk: labels and public points
 * ```
 *
 * A directory is removed and made again only with `provisioning` and without `provisioned.json`: any other
 * one may hold a key that is in use, or belong to somebody else.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { synchronise, synchroniseAll, writePrivate } from './durable-file.ts';
import type { KeyTemplate, TokenAddress } from './messages.ts';
import { formatPkcs11Uri } from './pkcs11-uri.ts';
import { type PublicKey, SignerError } from './signer.ts';
import { provisionToken } from './token-signer.ts';

export interface TokenDirectory {
  readonly path: string;
  readonly address: TokenAddress;
  /** Where SoftHSM finds the rest. */
  readonly environment: Readonly<Record<string, string>>;
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
const startedName = 'provisioning';
export const configurationName = 'softhsm2.conf';
const copyName = 'token-object';
const madeHere: ReadonlySet<string> = new Set([
  startedName,
  configurationName,
  'tokens',
  'pin',
  'so-pin',
  copyName,
  `${markerName}.new`,
]);

/**
 * Makes the token and its keys, or gives the one that is there. A half-made one, which nobody has used, is made
 * again; `token_incomplete` where the directory may hold a key in use, or files that were not made here.
 */
export async function provisionDirectory(options: ProvisionOptions): Promise<TokenDirectory> {
  const path = resolve(options.path);
  const { module, tokenLabel, keys, random } = options;
  assertUsable(path, tokenLabel);
  const known = readTokenDirectory(path, module, tokenLabel);
  if (known !== undefined) {
    for (const { label } of keys) {
      if (!known.points.has(label))
        throw new SignerError('key_missing', `the token in \`${path}\` was made without a key \`${label}\``);
    }
    // The folder may have been moved since: SoftHSM wants an absolute path.
    const configuration = join(path, configurationName);
    if (readFileSync(configuration, 'utf8') !== configurationOf(path))
      writePrivate(configuration, configurationOf(path));
    return known;
  }
  clear(path);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  writePrivate(
    join(path, startedName),
    'the token in this directory is being made; nobody has used it yet\n',
  );
  synchronise(path);
  mkdirSync(join(path, 'tokens'), { mode: 0o700 });
  const address = addressIn(path, module, tokenLabel);
  writePrivate(join(path, configurationName), configurationOf(path));
  writePrivate(join(path, 'pin'), Buffer.from(random(16)).toString('hex'));
  writePrivate(join(path, 'so-pin'), Buffer.from(random(16)).toString('hex'));
  const made = await provisionToken({
    address,
    environment: environmentIn(path),
    soPin: { kind: 'file', path: join(path, 'so-pin') },
    keys,
  });
  const points = Object.fromEntries(keys.map(({ label }, index) => [label, pointOf(made[index], label)]));
  copyFileSync(tokenObjectIn(path), join(path, copyName));
  // The keys first, then the marker: a power cut must not leave a marker without its keys.
  synchroniseAll(path);
  // A crash before the rename leaves no marker: the next run makes the token anew.
  const marker = join(path, markerName);
  writePrivate(`${marker}.new`, `${JSON.stringify({ tokenLabel, points })}\n`);
  renameSync(`${marker}.new`, marker);
  synchronise(path);
  rmSync(join(path, startedName));
  const provisioned = readTokenDirectory(path, module, tokenLabel);
  if (provisioned === undefined)
    throw new Error(`the token directory \`${path}\` was made but cannot be read`);
  return provisioned;
}

/** The token of a provisioned directory, or `undefined` where it was never finished; `token_incomplete` where parts are gone. */
export function readTokenDirectory(
  path: string,
  module: string,
  tokenLabel: string,
): TokenDirectory | undefined {
  const marker = join(path, markerName);
  if (!existsSync(marker)) return undefined;
  const lacking = [configurationName, 'tokens', 'pin'].filter((name) => !existsSync(join(path, name)));
  if (lacking.length > 0) {
    throw new SignerError(
      'token_incomplete',
      `the token in \`${path}\` is in use, but lacks ${lacking.join(', ')}: restore the directory from a backup`,
    );
  }
  mend(path);
  const { points } = JSON.parse(readFileSync(marker, 'utf8')) as { points: Record<string, string> };
  return {
    path,
    environment: environmentIn(path),
    address: addressIn(path, module, tokenLabel),
    points: new Map(
      Object.entries(points).map(([label, point]) => [label, new Uint8Array(Buffer.from(point, 'hex'))]),
    ),
  };
}

/** SoftHSM's file of the token itself: its label, flags and PINs, and no key. */
function tokenObjectIn(path: string): string {
  const tokens = join(path, 'tokens');
  const [name = ''] = readdirSync(tokens);
  return join(tokens, name, 'token.object');
}

/**
 * SoftHSM 2.6.1 empties token.object at each login and writes it anew: a kill or a power cut in between leaves 0 bytes, and then the token
 * is gone, while its keys are still there. The copy of the day it was made says the same.
 */
function mend(path: string): void {
  const copy = join(path, copyName);
  if (!existsSync(copy)) return;
  const file = tokenObjectIn(path);
  if (!existsSync(file) || statSync(file).size > 0) return;
  // By a rename, so that a crash in here leaves the empty file or the whole one.
  copyFileSync(copy, `${copy}.new`);
  synchronise(`${copy}.new`);
  renameSync(`${copy}.new`, file);
  synchronise(dirname(file));
}

/** Removes what a crash left half made, and nothing else. */
function clear(path: string): void {
  if (!existsSync(path)) return;
  const names = readdirSync(path);
  if (names.length === 0) return;
  const foreign = names.filter((name) => !madeHere.has(name));
  if (foreign.length > 0 || !names.includes(startedName)) {
    throw new SignerError(
      'token_incomplete',
      `\`${path}\` holds ${names.slice(0, 3).join(', ')} but no ${markerName}: its key may be in use, or it is not a token's; move it away, or name an empty folder`,
    );
  }
  // The mark goes with the directory, last of all: a crash in between leaves it in place.
  // Retries: a signer process whose parent was killed may write for some seconds more.
  for (const name of names) {
    if (name !== startedName) rmSync(join(path, name), { recursive: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Throws `token_missing` where SoftHSM can have no token of that label in `path`. */
export function assertUsable(path: string, tokenLabel: string): void {
  // SimpleConfigLoader.cpp cuts a line at `#` and at the second `=`, and reads 1,023 bytes of it.
  if (/[#=\n\r]/.test(path) || Buffer.byteLength(path) > 900) {
    throw new SignerError(
      'token_missing',
      `SoftHSM cannot have a token in \`${path}\`: a path of at most 900 bytes without # and = is accepted`,
    );
  }
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?$/.test(tokenLabel)) {
    throw new SignerError(
      'token_missing',
      `a token cannot be labelled \`${tokenLabel}\`: 1 to 32 ASCII characters are accepted`,
    );
  }
}

/** The softhsm2.conf of a token in `path`, an absolute one. */
export function configurationOf(path: string): string {
  return `directories.tokendir = ${join(path, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`;
}

function addressIn(path: string, module: string, tokenLabel: string): TokenAddress {
  return {
    module,
    uri: formatPkcs11Uri({ token: tokenLabel }),
    pin: { kind: 'file', path: join(path, 'pin') },
  };
}

function environmentIn(path: string): Readonly<Record<string, string>> {
  return { SOFTHSM2_CONF: join(path, configurationName) };
}

/** In hex; the keys of a role's own token are on P-256. */
function pointOf(key: PublicKey | undefined, label: string): string {
  if (key?.algorithm !== 'ES256')
    throw new SignerError('key_unfit', `the token made \`${label}\` as another kind of key than on P-256`);
  return Buffer.from(key.point).toString('hex');
}
