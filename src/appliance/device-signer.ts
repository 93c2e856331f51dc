/**
 * A key in a system's secure element, as the appliance has those on tokens: it signs records of the journal once the device has seen them proven,
 * and every signature is verified here before anybody gets it.
 */
import type { CommandName, Commands, DeviceKey } from '../../firmware-sim/protocol.ts';
import { assertKeyFit } from '../../hsm/attribute-reading.ts';
import { Breaker } from '../../hsm/breaker.ts';
import { importPoint, publicKeyOf, verifierOf } from '../../hsm/public-key.ts';
import { type AgreementKey, type KeyAgreement, SignerError } from '../../hsm/signer.ts';
import { makeCanary, type TokenSigner } from '../../hsm/token-signer.ts';
import { equalBytes } from '../kit/bytes.ts';
import { makeDeviceAnchor } from './device-anchor.ts';
import { readDeviceKey } from './device-key.ts';
import type { JournalProof } from './device-proof.ts';
import type { RoleDevice } from './role-device.ts';

export interface DeviceSignerOptions {
  readonly signingKey: string;
  readonly expectedKeyId?: Uint8Array;
  readonly agreementKey?: string;
  readonly expectedAgreementKeyId?: Uint8Array;
  /** Of the journal whose records it signs; a signer of commands has none. */
  readonly proof?: JournalProof;
  /** Called once, when it is closed. */
  readonly release: () => Promise<void>;
}

/** Calls that may wait or run; one more is refused as `signer_busy`. */
const queueLimit = 256;

/** What says nothing of whether the device is well. */
const ofRequests = new Set(['not_anchored', 'request_refused', 'point_invalid', 'signer_busy']);

/** Finds the keys and proves with a canary that the one signs. Throws SignerError, such as `key_missing`; `release` is the caller's then. */
export async function openDeviceSigner(
  device: RoleDevice,
  options: DeviceSignerOptions,
): Promise<TokenSigner> {
  const { signingKey, agreementKey, proof } = options;
  const breaker = new Breaker(() => performance.now());
  let admitted = 0;
  let closed = false;

  /** Makes one call where the device has not just failed again and again. */
  async function call<N extends CommandName>(
    name: N,
    given: Commands[N]['arguments'],
  ): Promise<Commands[N]['result']> {
    if (closed) throw new SignerError('signer_closed', 'the signer is closed');
    if (admitted >= queueLimit)
      throw new SignerError(
        'signer_busy',
        `${admitted} calls are waiting for the device: send the same again later`,
      );
    breaker.admit();
    admitted++;
    try {
      const result = await device.call(name, given);
      breaker.succeed();
      return result;
    } catch (error) {
      if (!(error instanceof SignerError && ofRequests.has(error.code))) breaker.fail(error);
      throw error;
    } finally {
      admitted--;
    }
  }

  const { keys } = await call('keys', {});
  const own = findKey(keys, signingKey, options.expectedKeyId);
  const agreement =
    agreementKey === undefined ? undefined : findKey(keys, agreementKey, options.expectedAgreementKeyId);
  const ownKeys = [own, ...(agreement === undefined ? [] : [agreement])];
  const publicKey = publicKeyOf(own.point);
  const verify = verifierOf(publicKey);

  async function signOnce(message: Uint8Array): Promise<Uint8Array> {
    const { signature } = await call('sign', { label: signingKey, message });
    // INVARIANT: no signature leaves this function that was not verified by other code than made it.
    if (await verify(message, signature)) return new Uint8Array(signature);
    const wrong = new SignerError(
      'signature_wrong',
      'the device gave a signature that does not verify: it was not let out',
    );
    breaker.fail(wrong);
    throw wrong;
  }

  /** A device that was powered on anew has forgotten what was proven: it is proven once more. */
  async function signEntry(message: Uint8Array, entry: number, proven: JournalProof): Promise<Uint8Array> {
    const { power } = proven;
    await proven.cover(entry);
    try {
      return await signOnce(message);
    } catch (error) {
      if (!(error instanceof SignerError && error.code === 'not_anchored')) throw error;
      proven.forget(power);
      await proven.cover(entry);
      return signOnce(message);
    }
  }

  const sign: TokenSigner['sign'] = async (given, request) => {
    // Ours: the caller may reuse its array, and what is verified has to be what was signed.
    const message = Uint8Array.from(given);
    const entry = request?.entry;
    return entry === undefined || proof === undefined ? signOnce(message) : signEntry(message, entry, proof);
  };
  const readAttributes: TokenSigner['readAttributes'] = async () => {
    const { keys: now } = await call('keys', {});
    return ownKeys.flatMap(({ label }) => readDeviceKey(device.role, findKey(now, label, undefined)));
  };
  await signOnce(makeCanary());

  const { vendor, profile, serial } = device.information;
  return {
    publicKey,
    sign,
    readAttributes,
    holds: (keyId) => equalBytes(keyId, publicKey.keyId),
    async check() {
      await signOnce(makeCanary());
    },
    async audit() {
      assertKeyFit(await readAttributes());
    },
    anchor: (name) => makeDeviceAnchor(device, name),
    agreement: agreement === undefined ? undefined : agreementOf(agreement, call),
    get health() {
      return { breaker: breaker.state, processes: 1, sessions: 1, admitted, replaced: 0 };
    },
    description: {
      label: `ringmint-${device.role}`,
      serial,
      manufacturer: `${vendor} (simulator)`,
      model: profile,
      slotId: 0,
    },
    others: [],
    keyIds: keys.map(({ point }) => publicKeyOf(point).keyId),
    processIds: [],
    async close() {
      if (closed) return;
      closed = true;
      await options.release();
    },
  };
}

/** Throws `key_missing` where there is none of this label, or another one than is expected. */
function findKey(keys: readonly DeviceKey[], label: string, expected: Uint8Array | undefined): DeviceKey {
  const key = keys.find((one) => one.label === label);
  if (key === undefined) throw new SignerError('key_missing', `the device has no key labelled \`${label}\``);
  if (expected !== undefined && !equalBytes(publicKeyOf(key.point).keyId, expected))
    throw new SignerError(
      'key_missing',
      `the key labelled \`${label}\` is another one than expected: was the device exchanged or made anew?`,
    );
  return key;
}

function agreementOf(
  { label, point }: DeviceKey,
  call: (name: 'derive', given: Commands['derive']['arguments']) => Promise<Commands['derive']['result']>,
): KeyAgreement {
  return {
    publicKey: publicKeyOf(point) as AgreementKey,
    async deriveSharedSecret(peerPoint) {
      if (peerPoint.length !== 65)
        throw new SignerError('point_invalid', `a point of ${peerPoint.length} bytes: 65 are accepted`);
      importPoint(peerPoint);
      const { secret } = await call('derive', { label, point: Uint8Array.from(peerPoint) });
      if (secret.length !== 32)
        throw new SignerError('secret_wrong', `a shared secret of ${secret.length} bytes: 32 are accepted`);
      return new Uint8Array(secret);
    },
  };
}
