/**
 * Checks an attestation: that a device of this vendor and model, running an image that the vendor endorsed, answered this very question. For
 * whoever asks or audits: it needs no secret, no device, and nothing of Node.
 *
 * ```
 * vendor's root ── signs ──► endorsement (key, device, model, image) ── names the key of ──► statement (nonce, device, model, image, state)
 * ```
 * What it proves of a simulator is that it went by the protocol: the vendors' keys are public (firmware/vendor.ts).
 */
import { equalBytes, toHex } from '../src/kit/bytes.ts';
import { type CborValue, decodeCbor } from '../src/kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../src/kit/result.ts';
import {
  attestationProfile,
  attestationType,
  attestationClaim as claim,
  coseKeyMember,
  debugEnabled,
  endorsementType,
  hardwareModelOf,
  softwareName,
} from './firmware/attestation-claims.ts';
import { type CurveAlgorithm, decodeSign1, keyIdOf, pointOfCoseKey, type Sign1 } from './firmware/sign1.ts';
import type { Profile } from './profile.ts';

export type AttestationCode =
  /** One of the two is no such object, or has other claims than it has to have. */
  | 'statement_malformed'
  | 'endorsement_malformed'
  /** The endorsement names another root than that of the vendor. */
  | 'root_mismatch'
  /** It names the right one, and is not by it: it was altered, or forged. */
  | 'endorsement_invalid'
  /** The statement is by another key than the endorsed one. */
  | 'key_mismatch'
  | 'statement_invalid'
  | 'nonce_mismatch'
  /** Vendor or model are not those of the profile. */
  | 'profile_mismatch'
  /** Statement and endorsement are of different devices, or of another one than was asked. */
  | 'device_mismatch'
  /** Statement and endorsement are of different images, or of one that is not accepted. */
  | 'measurement_mismatch';

/** Whether `signature` over `message` is by the key of `point`; false for any malformed input, never a throw. */
export type VerifyPoint = (
  algorithm: CurveAlgorithm,
  point: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean;

export interface AttestationQuestion {
  readonly statement: Uint8Array;
  readonly endorsement: Uint8Array;
  /** Of whoever asked; never used before. */
  readonly nonce: Uint8Array;
  /** Of the model that is expected: its root is what is trusted. */
  readonly profile: Pick<Profile, 'name' | 'oem' | 'attestation' | 'root'>;
  /** 16 bytes, where one device is meant. */
  readonly serial?: Uint8Array;
  /** Images that are accepted; where nothing is said, any that the vendor endorsed. */
  readonly measurements?: readonly Uint8Array[];
}

/** What is known of the device once its attestation is taken. */
export interface Attested {
  /** 16 bytes, hex. */
  readonly serial: string;
  readonly version: string;
  readonly measurement: Uint8Array;
  readonly bootState: string;
  readonly storeVersion: bigint;
}

/** Takes the attestation, or refuses it; total, for any bytes. */
export function checkAttestation(
  question: AttestationQuestion,
  verify: VerifyPoint,
): Result<Attested, AttestationCode> {
  const { profile } = question;
  const endorsed = checkEndorsement(question.endorsement, profile, verify);
  if (!endorsed.ok) return endorsed;
  const { point, ueid, measurement } = endorsed.value;

  const signed = decode(question.statement, attestationType, profile.attestation);
  if (!signed.ok) return refuse('statement_malformed', signed.message);
  if (!equalBytes(signed.value.keyId, keyIdOf(profile.attestation, point)))
    return refuse('key_mismatch', 'the statement names another key than the vendor endorsed');
  if (!verify(profile.attestation, point, signed.value.toBeSigned, signed.value.signature))
    return refuse('statement_invalid', 'the statement is not by the endorsed key: it was altered or forged');
  const read = readStatement(signed.value.payload);
  if (!read.ok) return read;
  const said = read.value;

  if (!equalBytes(said.nonce, question.nonce))
    return refuse('nonce_mismatch', 'the statement answers another question: ask anew with a new nonce');
  if (said.oem !== profile.oem || !equalBytes(said.model, hardwareModelOf(profile.name)))
    return refuse('profile_mismatch', `the device is no \`${profile.name}\``);
  const serial = ueid.subarray(1);
  if (!equalBytes(said.ueid, ueid) || (question.serial !== undefined && !equalBytes(question.serial, serial)))
    return refuse(
      'device_mismatch',
      `the device is \`${toHex(said.ueid.subarray(1))}\`, and not the one that was asked`,
    );
  const isAccepted =
    question.measurements === undefined || question.measurements.some((one) => equalBytes(one, measurement));
  if (!equalBytes(said.measurement, measurement) || !isAccepted)
    return refuse(
      'measurement_mismatch',
      `the device runs \`${toHex(said.measurement)}\`, which is not accepted`,
    );
  const { version, bootState, storeVersion } = said;
  return succeed({ serial: toHex(serial), version, measurement, bootState, storeVersion });
}

interface Endorsed {
  readonly point: Uint8Array;
  readonly ueid: Uint8Array;
  readonly measurement: Uint8Array;
}

function checkEndorsement(
  bytes: Uint8Array,
  { name, oem, attestation: algorithm, root }: AttestationQuestion['profile'],
  verify: VerifyPoint,
): Result<Endorsed, AttestationCode> {
  const signed = decode(bytes, endorsementType, algorithm);
  if (!signed.ok) return refuse('endorsement_malformed', signed.message);
  if (!equalBytes(signed.value.keyId, keyIdOf(algorithm, root)))
    return refuse('root_mismatch', `the endorsement names another root than that of \`${name}\``);
  if (!verify(algorithm, root, signed.value.toBeSigned, signed.value.signature))
    return refuse(
      'endorsement_invalid',
      'the endorsement is not by the root that it names: it was altered or forged',
    );
  const claims = claimsOf(signed.value.payload, 5);
  const confirmation = claims?.get(claim.confirmation);
  const key =
    confirmation instanceof Map && confirmation.size === 1 ? confirmation.get(coseKeyMember) : undefined;
  const point = pointOfCoseKey(algorithm, key);
  const ueid = claims?.get(claim.ueid);
  const model = claims?.get(claim.hwmodel);
  const measurement = claims?.get(claim.measurement);
  if (point === undefined || !isUeid(ueid) || !isHash(model) || !isHash(measurement))
    return refuse(
      'endorsement_malformed',
      'an endorsement has a key, a device, a model and an image, and nothing else',
    );
  if (claims?.get(claim.oemid) !== oem || !equalBytes(model, hardwareModelOf(name)))
    return refuse('profile_mismatch', `the vendor endorsed another model than \`${name}\``);
  return succeed({ point, ueid, measurement });
}

interface Statement {
  readonly nonce: Uint8Array;
  readonly ueid: Uint8Array;
  readonly oem: CborValue | undefined;
  readonly model: Uint8Array;
  readonly version: string;
  readonly measurement: Uint8Array;
  readonly bootState: string;
  readonly storeVersion: bigint;
}

function readStatement(payload: Uint8Array): Result<Statement, AttestationCode> {
  const claims = claimsOf(payload, 13);
  if (claims === undefined) return malformed('just the claims of its profile');
  if (claims.get(claim.profile) !== attestationProfile)
    return malformed(`the profile ${quote(attestationProfile)}`);
  if (claims.get(claim.swname) !== softwareName) return malformed(`the software ${quote(softwareName)}`);
  if (claims.get(claim.simulator) !== true || claims.get(claim.dbgstat) !== debugEnabled)
    return malformed('that it says of itself that it is a simulator, and can be looked into');
  if (claims.get(claim.oemboot) !== true) return malformed('that its vendor signed what runs');
  const nonce = claims.get(claim.nonce);
  const ueid = claims.get(claim.ueid);
  const model = claims.get(claim.hwmodel);
  const measurement = claims.get(claim.measurement);
  if (!(nonce instanceof Uint8Array) || !isUeid(ueid) || !isHash(model) || !isHash(measurement))
    return malformed('nonce, device, model and image as bytes');
  const versions = claims.get(claim.swversion);
  const version: unknown = Array.isArray(versions) && versions.length === 1 ? versions[0] : undefined;
  const bootState = claims.get(claim.bootState);
  if (typeof version !== 'string' || typeof bootState !== 'string')
    return malformed('a version and a state as text');
  const stored = claims.get(claim.storeVersion);
  if ((typeof stored !== 'number' && typeof stored !== 'bigint') || stored < 0)
    return malformed('a version of the store from 0');
  const oem = claims.get(claim.oemid);
  const storeVersion = BigInt(stored);
  return succeed({ nonce, ueid, oem, model, version, measurement, bootState, storeVersion });
}

function malformed(accepted: string): Result<never, AttestationCode> {
  return refuse('statement_malformed', `not an attestation of this kind: ${accepted} is accepted`);
}

/** A signed object of this type and algorithm. */
function decode(
  bytes: Uint8Array,
  type: string,
  algorithm: CurveAlgorithm,
): Result<Sign1, 'object_malformed'> {
  const signed = decodeSign1(bytes);
  if (!signed.ok) return signed;
  if (signed.value.type !== type)
    return refuse('object_malformed', `this is ${quote(signed.value.type)}: \`${type}\` is accepted`);
  if (signed.value.algorithm !== algorithm)
    return refuse('object_malformed', `signed by ${signed.value.algorithm}: ${algorithm} is accepted`);
  return signed;
}

/** The map of `count` entries in a payload. */
function claimsOf(payload: Uint8Array, count: number): ReadonlyMap<number | string, CborValue> | undefined {
  const decoded = decodeCbor(payload);
  return decoded.ok && decoded.value instanceof Map && decoded.value.size === count
    ? decoded.value
    : undefined;
}

function isUeid(value: CborValue | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 17 && value[0] === 0x01;
}

function isHash(value: CborValue | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}
