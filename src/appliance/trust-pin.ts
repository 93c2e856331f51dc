/**
 * What a system holds of its own against the trust bundle, which is one file for all: the root that signs it, from `ringmint init`, and the
 * highest revocation epoch that it has served with. A bundle of another root, or one that lacks a revocation, is never taken.
 */
import { Type } from 'typebox';
import { toHex } from '../kit/bytes.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { lockFile } from '../store/sqlite/file-lock.ts';
import { ApplianceError } from './appliance-error.ts';
import { readConfiguration } from './configuration.ts';
import type { Home, Role } from './home.ts';
import { writeFileDurably } from './private-file.ts';

const trustPinSchema = Type.Object(
  {
    version: Type.Literal(1),
    rootKeyId: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    revocationEpoch: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);

/** Writes down the root and the epoch of `bundle`. */
export async function pinTrust(
  home: Home,
  role: Role,
  { rootKey, revocationEpoch }: Pick<TrustBundle, 'rootKey' | 'revocationEpoch'>,
): Promise<void> {
  const pin = { version: 1, rootKeyId: toHex(rootKey.keyId), revocationEpoch };
  await writeFileDurably(home.trustPin(role), `${JSON.stringify(pin)}\n`, 0o600);
}

/** Holds `bundle` against what the system knows, and remembers its epoch. Throws `root_mismatch` or `bundle_superseded`. */
export async function holdTrust(home: Home, role: Role, bundle: TrustBundle): Promise<void> {
  const pin = await readConfiguration(home.trustPin(role), trustPinSchema);
  const rootKeyId = toHex(bundle.rootKey.keyId);
  if (rootKeyId !== pin.rootKeyId)
    throw new ApplianceError(
      'root_mismatch',
      `\`${home.trustBundle}\` is signed by root \`${rootKeyId}\`, and ${role} goes by \`${pin.rootKeyId}\`: put the right one back, and find out who exchanged it`,
    );
  if (bundle.revocationEpoch < pin.revocationEpoch)
    throw new ApplianceError(
      'bundle_superseded',
      `\`${home.trustBundle}\` is of revocation epoch ${bundle.revocationEpoch}, and ${role} has seen ${pin.revocationEpoch}: put the newer one back`,
    );
  if (bundle.revocationEpoch > pin.revocationEpoch) await raisePin(home, role, bundle);
}

/** One after another, where several processes of the role see a new bundle at once: the file is written beside itself. */
async function raisePin(home: Home, role: Role, bundle: TrustBundle): Promise<void> {
  for (;;) {
    const release = lockFile(`${home.trustPin(role)}.lock`);
    if (release === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    try {
      const { revocationEpoch } = await readConfiguration(home.trustPin(role), trustPinSchema);
      if (bundle.revocationEpoch > revocationEpoch) await pinTrust(home, role, bundle);
      return;
    } finally {
      release();
    }
  }
}
