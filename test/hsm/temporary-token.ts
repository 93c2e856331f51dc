/** Real SoftHSM tokens in temporary directories, for the tests of hsm/. */
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { setUp } from '../../hsm/ci/index.js';
import type { KeyTemplate } from '../../hsm/messages.ts';
import { findModule } from '../../hsm/module-path.ts';
import { formatPkcs11Uri } from '../../hsm/pkcs11-uri.ts';
import { provisionDirectory, type TokenDirectory } from '../../hsm/token-directory.ts';
import { openToken, type TokenOptions, type TokenSigner } from '../../hsm/token-signer.ts';

export const projectFolder = fileURLToPath(new URL('../..', import.meta.url));
export const softhsm = findModule('auto', process.env, projectFolder);

export const signingOnly: readonly KeyTemplate[] = [{ label: 'signing', kind: 'signing' }];
export const bothKinds: readonly KeyTemplate[] = [...signingOnly, { label: 'agreement', kind: 'agreement' }];

/** A folder with a blank in its name, removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint hsm '));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A token in `path`, made by softhsm-ci-setup: what Ringmint signs with need not have been made by it. */
export async function provision(
  path: string,
  keys = signingOnly,
  tokenLabel = 'test token',
): Promise<TokenDirectory> {
  const tokens = await setUp({
    directory: path,
    prefix: join(projectFolder, '.softhsm'),
    template: {
      version: 1,
      roles: [
        {
          name: 'token',
          label: tokenLabel,
          keys: keys.map(({ label, kind }) => ({
            name: label,
            type: 'ec-p256',
            usage: [kind === 'signing' ? 'sign' : 'derive'],
          })),
        },
      ],
    },
  });
  const [role] = tokens.roles;
  if (role === undefined) throw new Error('softhsm-ci-setup made no token');
  const { configuration, pinFile } = role;
  const points = role.keys.map(({ label, publicKeyFile }) => [label, pointIn(publicKeyFile ?? '')] as const);
  return {
    path: dirname(configuration),
    environment: { SOFTHSM2_CONF: configuration },
    address: {
      module: softhsm,
      uri: formatPkcs11Uri({ token: tokenLabel }),
      pin: { kind: 'file', path: pinFile },
    },
    points: new Map(points),
  };
}

/** The point of a P-256 key: the last 65 bytes of its SubjectPublicKeyInfo (RFC 5480 §2). */
function pointIn(pemFile: string): Uint8Array {
  const der = createPublicKey(readFileSync(pemFile)).export({ type: 'spki', format: 'der' });
  return new Uint8Array(der.subarray(-65));
}

/** A token in `path` as Ringmint makes its own. */
export function provisionOwn(
  path: string,
  keys = signingOnly,
  tokenLabel = 'test token',
): Promise<TokenDirectory> {
  return provisionDirectory({ module: softhsm, path, tokenLabel, keys, random: randomBytes });
}

/** Where the PIN of `directory` is. */
export function pinFileOf({ address: { pin } }: TokenDirectory): string {
  if (pin.kind !== 'file') throw new Error('the PIN of a directory is in a file');
  return pin.path;
}

/** The point of a token's signing key. */
export function pointOf({ publicKey }: TokenSigner): Uint8Array {
  if (publicKey.algorithm === 'PS256') throw new Error('an RSA key has no point');
  return publicKey.point;
}

/** The token of `directory`, opened; closed when the test is over. */
export async function open(
  directory: TokenDirectory,
  options: Partial<TokenOptions> = {},
): Promise<TokenSigner> {
  const { address, environment } = directory;
  const token = await openToken({ address, environment, signingKey: 'signing', ...options });
  onTestFinished(() => token.close());
  return token;
}

/** Verifies with node:crypto, from the bare point. */
export function isValid(point: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
  const key = createPublicKey({ key: Buffer.concat([prefix, point]), format: 'der', type: 'spki' });
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

export function messageOf(text: string | number): Uint8Array {
  return new Uint8Array(createHash('sha512').update(String(text)).digest());
}

/** Whether a process is there; a zombie, which only waits to be reaped, is not. */
export async function isRunning(pid: number): Promise<boolean> {
  const { readFile } = await import('node:fs/promises');
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    return !/\) [ZX] /.test(status);
  } catch {
    // No such entry: the process has gone.
    return false;
  }
}

/** Waits until `condition` holds; fails after `limitMs`. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not so within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
