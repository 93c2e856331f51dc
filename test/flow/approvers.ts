/** People who approve: a key each, and the file that names them. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes NAME.pem for alice, bob, carol and a stranger, and approvers.json, which names the first three, to `folder`. */
export function writeApprovers(folder: string, threshold: number): void {
  const approvers = ['alice', 'bob', 'carol', 'stranger'].map((name) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
    writeFileSync(join(folder, `${name}.pem`), pem, { mode: 0o600 });
    return { name, publicKey: publicKey.export({ format: 'pem', type: 'spki' }) };
  });
  const named = { threshold, approvers: approvers.slice(0, 3) };
  writeFileSync(join(folder, 'approvers.json'), JSON.stringify(named));
}
