/** The program with one rule bent, each a change of one place in its sources, and the liar, or the wrong clocks, that finds it. */
import type { Change } from './code.ts';

export interface SeededDefect extends Change {
  readonly name: string;
  readonly by: 'a lying issuance' | 'a lying central management' | 'a lying quota control' | 'wrong clocks';
}

export const seededDefects: readonly SeededDefect[] = [
  {
    name: 'a credential is not bound to its request',
    by: 'a lying issuance',
    file: 'roles/quota-control.ts',
    from: 'if (!equalBytes(credential.requestHash, sha256(presentation.request))) {',
    to: 'if (credential.requestHash.length === 0) {',
  },
  {
    name: 'the id of a spent credential is not stored',
    by: 'a lying central management',
    file: 'store/sqlite/sqlite-store.ts',
    from: 'spends: intent.spends ?? null,',
    to: 'spends: null,',
  },
  {
    name: 'less is taken than is signed',
    by: 'a lying issuance',
    file: 'roles/quota-control.ts',
    from: 'amount: total,',
    to: 'amount: (total + 1n) / 2n,',
  },
  {
    name: 'the room that was seen is taken for permission',
    by: 'a lying issuance',
    file: 'store/quota-plan.ts',
    from: 'if (!fits.ok) return fits;',
    to: '',
  },
  {
    name: 'the peer is not held against the issuer',
    by: 'a lying central management',
    file: 'roles/quota-control.ts',
    from: 'if (issuer !== peer) {',
    to: 'if (peer.length === 0) {',
  },
  {
    name: 'serials begin anew after a restart',
    by: 'a lying central management',
    file: 'roles/quota-control.ts',
    from: 'store.lastSerial(epoch)',
    to: 'Promise.resolve(0)',
  },
  {
    name: 'a revoked key counts',
    by: 'a lying issuance',
    file: 'records/key-ring.ts',
    from: 'if (entry.revokedAt !== null && seenAt >= entry.revokedAt) {',
    to: 'if (entry.revokedAt === -seenAt) {',
  },
  {
    name: 'a key of the bundle counts for whatever authority',
    by: 'a lying issuance',
    file: 'records/key-ring.ts',
    from: 'if (entry !== undefined && entry.role === holder.role && entry.name === holder.name)',
    to: 'if (entry !== undefined)',
  },
  {
    name: 'the root of a part is not recomputed by the verifier',
    by: 'a lying issuance',
    file: 'verifier/verify.ts',
    from: 'if (!equalBytes(root, controlBit.root)) {',
    to: 'if (root.length === 0) {',
  },
  {
    name: 'an expired credential is taken',
    by: 'wrong clocks',
    file: 'roles/quota-control.ts',
    from: 'if (credential.expiresAt <= now) {',
    to: 'if (credential.expiresAt <= 0) {',
  },
  {
    name: 'a credential from the future is taken',
    by: 'wrong clocks',
    file: 'roles/quota-control.ts',
    from: 'if (credential.issuedAt > now + dependencies.clockSkewSeconds) {',
    to: 'if (credential.issuedAt < 0) {',
  },
  {
    name: 'time goes back in a window',
    by: 'wrong clocks',
    file: 'quota/bucket.ts',
    from: 'const atMs = Math.max(nowMs, clockMs);',
    to: 'const atMs = nowMs + 0 * clockMs;',
  },
  {
    name: 'currency is dated when its key is not valid',
    by: 'wrong clocks',
    file: 'roles/carriage.ts',
    from: 'if (!counts.ok) return counts;',
    to: '',
  },
  {
    name: 'issuance does not compare the root',
    by: 'a lying quota control',
    file: 'roles/carriage.ts',
    from: 'if (!equalBytes(controlBit.root, root)) {',
    to: 'if (root.length === 0) {',
  },
  {
    name: 'issuance does not compare the sum',
    by: 'a lying quota control',
    file: 'roles/carriage.ts',
    from: 'controlBit.total !== sumOrders(orders).total ||',
    to: '',
  },
  {
    name: 'a control bit for orders that were denied is taken',
    by: 'a lying quota control',
    file: 'roles/carriage.ts',
    from: 'if (number === undefined) return succeed(null);',
    to: 'if (number !== -1) return succeed(null);',
  },
  {
    name: 'the key of the currency is not the one of the request',
    by: 'a lying issuance',
    file: 'roles/quota-control.ts',
    from: 'issuanceKey: made.issuanceKey,',
    to: 'issuanceKey: signer.publicKey.keyId,',
  },
  {
    name: 'a serial is used twice',
    by: 'a lying quota control',
    file: 'roles/currency-intent.ts',
    from: 'serial: { epoch, number: sequence },',
    to: '',
  },
];
