/** The keys of a role, opened in its HSMs. */
import type { HeldKey } from '../../hsm/failover.ts';
import { SignerError } from '../../hsm/signer.ts';
import type { Anchor } from '../journal/anchor.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock } from '../kit/clock.ts';
import { isValid, type KeyHolder, keysOf } from '../records/key-ring.ts';
import type { TrustBundle, TrustedKey } from '../records/trust-bundle.ts';
import type { HsmConfiguration, SigningConfiguration } from './configuration.ts';
import type { ProofSource } from './device-proof.ts';
import { accessHsm, type HsmSurroundings } from './hsm-access.ts';
import { openHsmKey } from './hsm-opening.ts';
import { holderOf } from './key-holder.ts';
import { type KeyPlace, readInventory } from './key-inventory.ts';

/** A signing key in its HSM, and with it a key-agreement key of the same HSM where there is one. */
export interface OpenKey extends HeldKey {
  /** False where it was opened once more, for its key-agreement key alone. */
  readonly signs: boolean;
  readonly keys: readonly PublishedKey[];
}

/** A key of the trust bundle, and where it is. */
export interface PublishedKey {
  readonly entry: TrustedKey;
  readonly place: KeyPlace;
}

/**
 * Opens every key of the role that the bundle has as valid, now or later: the HSMs in their order, of each the newest key first. Where an
 * HSM does not open, and another one does, `report` is told, and the role does without it until it is started again. `source` is the journal whose records they sign.
 */
export async function openKeys(
  surroundings: HsmSurroundings,
  bundle: TrustBundle,
  { hsms, processes, sessions }: SigningConfiguration,
  report: (line: string) => void,
  source?: ProofSource,
): Promise<readonly OpenKey[]> {
  const { home, role, configuration } = surroundings;
  const inventory = await readInventory(home, role);
  const now = systemClock.nowSeconds();
  const signingKeys = usableKeys(bundle, holderOf(role, configuration.issuer), now);
  const agreementKeys =
    role === 'quota' ? usableKeys(bundle, holderOf('quota-agreement', configuration.issuer), now) : [];
  const opened: OpenKey[] = [];
  let failure: SignerError | undefined;

  async function openIn(hsm: HsmConfiguration): Promise<void> {
    const signing = placedIn(hsm.name, inventory, signingKeys);
    const agreement = placedIn(hsm.name, inventory, agreementKeys);
    const access = accessHsm(hsm, surroundings);
    // A process has one key-agreement key: where there are more of them than signing keys, a signing key is opened again for each.
    for (let i = 0; i < Math.max(signing.length, agreement.length); i++) {
      const own = signing[i] ?? signing[0];
      const other = agreement[i];
      if (own === undefined) return;
      const token = await openHsmKey(access, {
        signingKey: own.place.label,
        expectedKeyId: own.entry.key.keyId,
        processes,
        sessions,
        ...(source === undefined ? {} : { source }),
        ...(other === undefined
          ? {}
          : { agreementKey: other.place.label, expectedAgreementKeyId: other.entry.key.keyId }),
      });
      const signs = i < signing.length;
      const { notBefore, notAfter } = own.entry;
      const keys = [...(signs ? [own] : []), ...(other === undefined ? [] : [other])];
      opened.push({ hsm: hsm.name, token, notBefore, notAfter, signs, keys });
    }
  }

  for (const hsm of hsms) {
    const before = opened.length;
    try {
      await openIn(hsm);
    } catch (error) {
      await closeKeys(opened.splice(before));
      // What is wrong with the set-up is no failure of an HSM.
      if (!(error instanceof SignerError)) {
        await closeKeys(opened);
        throw error;
      }
      failure ??= error;
      report(
        `${role} does without the HSM \`${hsm.name}\` until it is started again: ${error.message} [${error.code}]`,
      );
    }
  }
  if (opened.length === 0 && failure !== undefined) throw failure;
  return opened;
}

export async function closeKeys(keys: readonly OpenKey[]): Promise<void> {
  await Promise.all(keys.map(({ token }) => token.close()));
}

/** One of each HSM, whatever number of keys it was opened with. */
export function anchorsOf(opened: readonly OpenKey[], name: string): Anchor[] {
  const byHsm = new Map(opened.map(({ hsm, token }) => [hsm, token]));
  return [...byHsm.values()].map((token) => token.anchor(name));
}

function placedIn(
  hsm: string,
  inventory: readonly KeyPlace[],
  entries: readonly TrustedKey[],
): PublishedKey[] {
  return entries.flatMap((entry) => {
    const id = toHex(entry.key.keyId);
    const place = inventory.find((candidate) => candidate.hsm === hsm && candidate.keyId === id);
    return place === undefined ? [] : [{ entry, place }];
  });
}

/** Valid now or later, the newest first. */
export function usableKeys(bundle: TrustBundle, holder: KeyHolder, now: number): TrustedKey[] {
  return keysOf(bundle, holder)
    .filter((entry) => isValid(entry, Math.max(now, entry.notBefore)))
    .sort((a, b) => b.notBefore - a.notBefore);
}
