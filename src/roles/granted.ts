/** The credentials that central management has granted, in the order of its journal, a page at a time. */
import { assert } from '../kit/result.ts';
import { attachSignature } from '../records/cose.ts';
import { type Credential, decodeCredential } from '../records/credential.ts';
import type { Intent, Store } from '../store/store.ts';

export interface Granted {
  /** Of its journal entry. */
  readonly sequence: number;
  readonly requestId: Uint8Array;
  readonly credential: Credential;
}

/** Those above `sequence`, at most `most`. */
export async function readGranted(store: Store, sequence: number, most: number): Promise<readonly Granted[]> {
  const page = await store.reads().intentsAfter('credential', sequence, most);
  return Promise.all(
    page.map(async ({ id, sequence: own }) => {
      const intent = await store.findIntent('credential', id);
      assert(intent !== undefined, 'an intent that is listed is there');
      return { sequence: own, requestId: id, credential: credentialOf(intent) };
    }),
  );
}

/** Of a stored intent, signed or not. */
function credentialOf({ toBeSigned }: Intent): Credential {
  const decoded = decodeCredential(attachSignature(toBeSigned, new Uint8Array(64)));
  assert(decoded.ok, 'a stored credential decodes');
  return decoded.value.record;
}

export function byIssuer(page: readonly Granted[]): ReadonlyMap<string, readonly Granted[]> {
  const groups = new Map<string, Granted[]>();
  for (const one of page) {
    const { issuer } = one.credential;
    groups.set(issuer, [...(groups.get(issuer) ?? []), one]);
  }
  return groups;
}
