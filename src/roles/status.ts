/** What a role says of itself to an operator: its key, its journal's head and what is not finished. */
import type { Signer } from '../../hsm/signer.ts';
import { toHex } from '../kit/bytes.ts';
import type { Stop, Store } from '../store/store.ts';

export interface RoleStatus {
  readonly role: 'central' | 'issuance' | 'quota';
  /** Of the key in the token, hex. */
  readonly keyId: string;
  /** The last entry's number and hash, hex: what a witness would hold. */
  readonly journal: { readonly sequence: number; readonly hash: string };
  /** Intents that a crash left without a signature: a retry or the next start finishes them. */
  readonly unsigned: number;
  /** At quota control: the stop in force, or null. */
  readonly stopped: Stop | null;
}

/** Signs a canary first, because only that shows that the token is there; throws the signer's error otherwise. */
export async function readStatus(
  role: RoleStatus['role'],
  signer: Signer,
  store: Store,
): Promise<RoleStatus> {
  await signer.check();
  const head = await store.head();
  return {
    role,
    keyId: toHex(signer.publicKey.keyId),
    journal: { sequence: head.sequence, hash: toHex(head.hash) },
    unsigned: (await store.unsigned()).length,
    stopped: (await store.stopped()) ?? null,
  };
}
