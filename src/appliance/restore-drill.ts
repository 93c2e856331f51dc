/**
 * `ringmint keys restore-drill`: proves that the keys of a backup can be used, in a copy of it that is thrown away. The running systems, the
 * backup and the token it was made of are not touched.
 *
 * What a key is, the trust bundle says, and not the manifest, which whoever can write the backup can write too.
 */
import { createECDH } from 'node:crypto';
import { join } from 'node:path';
import { BackupError } from '../../hsm/backup-error.ts';
import { readBackup } from '../../hsm/backup-folder.ts';
import { findModule } from '../../hsm/module-path.ts';
import { parsePinSource } from '../../hsm/pin-source.ts';
import { type RestoredToken, restoreTemporarily } from '../../hsm/restored-token.ts';
import { type KeyAgreement, SignerError } from '../../hsm/signer.ts';
import { makeCanary, openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import type { DrillOptions, DrillReport } from '../cli/appliance.ts';
import { equalBytes, fromHex, toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { keysOf } from '../records/key-ring.ts';
import type { KeyRole, TrustBundle, TrustedKey } from '../records/trust-bundle.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { ApplianceError } from './appliance-error.ts';
import { type BackupManifest, readManifest } from './backup-manifest.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import { type KeyPlace, readInventory } from './key-inventory.ts';
import { usableKeys } from './open-keys.ts';
import { readTrustBundle } from './trust.ts';

export interface DrillSurroundings {
  readonly projectFolder: string;
  readonly clock: Clock;
  /** Aborted where the operator stops the drill. It then ends after the key under way, with everything removed. */
  readonly stopped: AbortSignal;
}

/** A key of the backup, and what the trust bundle has of it; `undefined` where it was made and never published. */
interface DrilledKey {
  readonly listed: BackupManifest['keys'][number];
  readonly trusted: TrustedKey | undefined;
}

/**
 * Throws `backup_incomplete`, `backup_altered`, `backup_foreign`, `drill_interrupted`, and what the signer throws: `pin_incorrect` after
 * one try, `key_missing`, `key_unfit`. Keys of the role that the backup does not have are no error here: the report names them.
 */
export async function drillRestore(
  options: DrillOptions,
  { projectFolder, clock, stopped }: DrillSurroundings,
): Promise<DrillReport> {
  const manifest = readManifest(options.folder);
  const files = readBackup(options.folder, manifest.files);
  const home = homeAt(options.home);
  const { issuer, module } = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const keys = findTrusted(manifest, bundle, issuer);
  const pin = options.pin === undefined ? undefined : parsePinSource(options.pin);
  const { role, hsm, tokenLabel, madeAt } = manifest;
  const restored = restoreTemporarily(files, {
    module: findModule(module, process.env, projectFolder),
    tokenLabel,
    pin: pin ?? { kind: 'file', path: join(home.token(role), 'pin') },
  });
  try {
    await proveKeys(restored, keys, stopped);
  } finally {
    restored.remove();
  }
  return {
    folder: options.folder,
    role,
    hsm,
    madeAt,
    keys: keys.map(({ listed, trusted }) => ({ ...listed, published: trusted !== undefined })),
    lacking: findLacking(manifest, bundle, {
      issuer,
      places: await readPlaces(home, role),
      now: clock.nowSeconds(),
    }),
  };
}

/** Before anything is opened: a token that is not this appliance's gets no try of this appliance's PIN. */
function findTrusted(manifest: BackupManifest, bundle: TrustBundle, issuer: string): DrilledKey[] {
  const keys = manifest.keys.map((listed) => {
    const keyRole = keyRoleOf(manifest.role, listed.kind);
    const trusted = keyRole === undefined ? [] : keysOf(bundle, holderOf(keyRole, issuer));
    return { listed, trusted: trusted.find(({ key }) => toHex(key.keyId) === listed.keyId) };
  });
  if (keys.every(({ trusted }) => trusted === undefined))
    throw new BackupError(
      'backup_foreign',
      `none of the keys that the backup has of ${manifest.role} is a key of ${manifest.role} in the trust bundle: a backup of this appliance is accepted, so look at \`--home\``,
    );
  return keys;
}

/** `undefined` where the system has no keys of that kind. */
function keyRoleOf(role: Role, kind: KeyPlace['kind']): KeyRole | undefined {
  if (kind === 'signing') return role;
  return role === 'quota' ? 'quota-agreement' : undefined;
}

/** A process opens one signing key and at most one key-agreement key, so that each opening proves one of both, as long as there are some. */
async function proveKeys(
  { address, environment }: RestoredToken,
  keys: readonly DrilledKey[],
  stopped: AbortSignal,
): Promise<void> {
  const signing = keys.filter(({ listed }) => listed.kind === 'signing');
  const agreement = keys.filter(({ listed }) => listed.kind === 'agreement');
  const last = signing.at(-1);
  if (last === undefined)
    throw new BackupError(
      'backup_incomplete',
      'the manifest names no signing key: a backup with one is accepted, for a token is opened with it',
    );
  for (let index = 0; index < Math.max(signing.length, agreement.length); index++) {
    assertGoingOn(stopped);
    const own = signing[index] ?? last;
    const other = agreement[index];
    const token = await openToken({
      address,
      environment,
      signingKey: own.listed.label,
      expectedKeyId: keyIdOf(own),
      ...(other === undefined
        ? {}
        : { agreementKey: other.listed.label, expectedAgreementKeyId: keyIdOf(other) }),
    });
    try {
      await token.audit();
      await proveSignature(token, own);
      if (other !== undefined) await proveAgreement(token.agreement, other);
    } finally {
      await token.close();
    }
  }
  assertGoingOn(stopped);
}

function keyIdOf({ listed }: DrilledKey): Uint8Array {
  const keyId = fromHex(listed.keyId);
  if (keyId === undefined) throw new Error('the manifest was read with its key ids in hex');
  return keyId;
}

/** What is signed authorises nothing, and is thrown away. A key that was never published was opened and has the id that it should have. */
async function proveSignature(token: TokenSigner, { listed, trusted }: DrilledKey): Promise<void> {
  const canary = makeCanary();
  const signature = await token.sign(canary);
  if (trusted !== undefined && !makeNodeVerifySignature()(trusted.key, canary, signature))
    throw new SignerError(
      'signature_wrong',
      `what \`${listed.label}\` of the backup signs is not signed by the key \`${listed.keyId}\` of the trust bundle`,
    );
}

async function proveAgreement(
  agreement: KeyAgreement | undefined,
  { listed, trusted }: DrilledKey,
): Promise<void> {
  if (agreement === undefined) throw new Error('a token that is opened with a key-agreement key has one');
  const ours = createECDH('prime256v1');
  const secret = await agreement.deriveSharedSecret(new Uint8Array(ours.generateKeys()));
  const point = trusted?.key.point ?? agreement.publicKey.point;
  if (!equalBytes(secret, new Uint8Array(ours.computeSecret(point))))
    throw new SignerError(
      'secret_wrong',
      `what \`${listed.label}\` of the backup derives is not derived by the key \`${listed.keyId}\` of the trust bundle`,
    );
}

function assertGoingOn(stopped: AbortSignal): void {
  if (stopped.aborted)
    throw new BackupError(
      'drill_interrupted',
      'the drill was stopped, and proves nothing; its copy of the backup is removed',
    );
}

/** Keys that are valid now or later, that the backup does not have, and that are in no other HSM. */
function findLacking(
  manifest: BackupManifest,
  bundle: TrustBundle,
  {
    issuer,
    places,
    now,
  }: { readonly issuer: string; readonly places: readonly KeyPlace[]; readonly now: number },
): DrillReport['lacking'] {
  const { role } = manifest;
  const keyRoles: readonly KeyRole[] = role === 'quota' ? [role, 'quota-agreement'] : [role];
  const accounted = new Set([
    ...manifest.keys.map(({ keyId }) => keyId),
    ...places.filter(({ hsm }) => hsm !== manifest.hsm).map(({ keyId }) => keyId),
  ]);
  return keyRoles.flatMap((keyRole) =>
    usableKeys(bundle, holderOf(keyRole, issuer), now)
      .map(({ key }) => ({ role: keyRole, keyId: toHex(key.keyId) }))
      .filter(({ keyId }) => !accounted.has(keyId)),
  );
}

/** None where the role's folder is lost, which is when backups are wanted: any key may have been in this HSM then. */
async function readPlaces(home: Home, role: Role): Promise<readonly KeyPlace[]> {
  try {
    return await readInventory(home, role);
  } catch (error) {
    if (error instanceof ApplianceError && error.code === 'home_missing') return [];
    throw error;
  }
}
