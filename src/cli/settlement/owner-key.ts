/** `ringmint owner`: a key of one's own, whose id is an owner of units and an account. */
import { generateKeyPairSync } from 'node:crypto';
import { toHex } from '../../kit/bytes.ts';
import { assert } from '../../kit/result.ts';
import { ownerOfKey } from '../../records/owner.ts';
import { keyThumbprint } from '../../records/signature.ts';
import { readApproverKey } from '../ceremony/approver-key.ts';
import type { ExitCode } from '../exit-code.ts';
import { writeNewFile } from '../file.ts';
import { pointOfKey } from '../public-key.ts';
import type { Terminal } from '../terminal.ts';

/** Makes a key in the form that approvers' keys have: PKCS#8 in PEM, for its owner's eyes only. An old file is never written over. */
export async function runOwnerCreate(terminal: Terminal, given: { out: string }): Promise<ExitCode> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = pointOfKey(publicKey);
  assert(point !== undefined, 'a key that was made on P-256 is on it');
  const written = await writeNewFile(given.out, String(privateKey.export({ format: 'pem', type: 'pkcs8' })));
  if (!written.ok) return terminal.refuse(written);
  return tell(terminal, keyThumbprint(point), given.out, [
    `  the key is in ${given.out}, readable by you only: keep a copy where no one else gets at it. Whoever has it has the units and the account`,
  ]);
}

export async function runOwnerShow(terminal: Terminal, given: { key: string }): Promise<ExitCode> {
  const key = await readApproverKey(given.key);
  return key.ok ? tell(terminal, key.value.key.keyId, given.key, []) : terminal.refuse(key);
}

function tell(terminal: Terminal, keyId: Uint8Array, file: string, more: readonly string[]): ExitCode {
  const owner = ownerOfKey(keyId);
  return terminal.result({ owner, account: toHex(keyId), file }, [
    owner,
    '  give this text as the owner of units (`ringmint request --owner`, a CSV, a draft), or as an account to be credited',
    ...more,
  ]);
}
