/**
 * The files of a SoftHSM token in one state, read while others use the token. Nothing is written, locked or logged in to.
 *
 * What changes under a reader: each login empties token.object and writes it anew (SoftHSM 2.6.1; 320 bytes in one write, with a counter
 * that goes up), and a new key adds files and another counter. A key's own files are written once, as it is made. Of 1,641,600 reads of
 * token.object beside 43 logins 3,347 found it empty; of 400 snapshots in the same 25 seconds, which took 63 ms each, none held it so.
 *
 * A slot of an anchor (hsm/anchor-slot.ts) is written anew at each step of a journal, hundreds of times a second in a busy system. It always has as
 * many bytes, in one write after it was emptied: what is read of it is one of its states, or 0 bytes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BackupError } from './backup-error.ts';
import { SignerError } from './signer.ts';

/** By path below the token's directory, with `/` between its parts. */
export type TokenFiles = ReadonlyMap<string, Uint8Array>;

/** All of a token's directory but its PINs: with a PIN put beside them, they are the directory again. */
const openFiles = ['softhsm2.conf', 'provisioned.json'];
const tokensName = 'tokens';
/** See hsm/token-directory.ts. */
const keptCopy = 'token-object';
/** SoftHSM's file of the token itself. */
const tokenObject = 'token.object';

/** Making a key pair takes some milliseconds on SoftHSM: two looks this far apart do not both fall into it. */
const settleMs = 50;

/**
 * The files that two looks in a row found alike, but for slots of anchors, which may be those of the second. The PINs are not among them.
 * Throws `token_incomplete` where the directory is no finished token, and `backup_unsettled` where it was in no such state within `timeoutMs`.
 */
export async function readSnapshot(directory: string, timeoutMs = 10_000): Promise<TokenFiles> {
  const lacking = [...openFiles, tokensName].filter((name) => !existsSync(join(directory, name)));
  if (lacking.length > 0)
    throw new SignerError(
      'token_incomplete',
      `the token in \`${directory}\` lacks ${lacking.join(', ')}: a finished token is accepted`,
    );
  const deadlineMs = performance.now() + timeoutMs;
  let before = look(directory);
  for (;;) {
    await pause(settleMs);
    const now = look(directory);
    if (before !== undefined && now !== undefined && isSettled(before, now)) return now;
    if (performance.now() > deadlineMs)
      throw new BackupError(
        'backup_unsettled',
        `the token in \`${directory}\` was not whole and at rest for ${settleMs} ms in ${timeoutMs} ms: try again, or stop its role first`,
      );
    before = now;
  }
}

/** One look; `undefined` where it fell into a change. */
function look(directory: string): TokenFiles | undefined {
  const files = new Map<string, Uint8Array>();
  try {
    for (const name of openFiles) files.set(name, readFileSync(join(directory, name)));
    readInto(files, directory, tokensName);
    for (const [path, bytes] of files) {
      if (path.split('/').at(-1) !== tokenObject) continue;
      // In the middle of a login, or after a kill in one. The copy has the same label, flags and PINs, and an older counter.
      const whole = bytes.length > 0 ? bytes : readFileSync(join(directory, keptCopy));
      files.set(path, whole);
      // Not the old copy: the PIN may have been changed since that was made.
      files.set(keptCopy, whole);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It went between the list and the read; or there is neither a whole token.object nor a copy.
    if (code === 'ENOENT') return undefined;
    if (code === undefined) throw error;
    throw new SignerError(
      'token_incomplete',
      `cannot read the token in \`${directory}\` (${code}): one that this user may read is accepted`,
    );
  }
  return files.has(keptCopy) ? files : undefined;
}

function readInto(files: Map<string, Uint8Array>, directory: string, path: string): void {
  for (const entry of readdirSync(join(directory, path), { withFileTypes: true })) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) readInto(files, directory, below);
    else files.set(below, readFileSync(join(directory, below)));
  }
}

/** Whether nothing was being made between two looks: the same files, of the same bytes, or each an object that was written anew as a whole. */
function isSettled(before: TokenFiles, now: TokenFiles): boolean {
  return (
    before.size === now.size &&
    [...now].every(([path, bytes]) => {
      const earlier = before.get(path);
      if (earlier === undefined) return false;
      const isSlot = path.endsWith('.object') && !path.endsWith(`/${tokenObject}`);
      // A key that is being made grows with each write; at rest it is not written any more.
      return (
        (isSlot && bytes.length > 0 && bytes.length === earlier.length) || Buffer.from(bytes).equals(earlier)
      );
    })
  );
}
