/** Commands of keys: they are made, listed, and used. */
import { createHash } from 'node:crypto';
import { quote, type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { Commands, DeviceErrorCode, DeviceKey, KeyUse } from '../protocol.ts';
import { checkLabel, checkLength, checkOne, invalid } from './argument.ts';
import { ballotType } from './ballots.ts';
import { confirm, decide } from './decision.ts';
import type { Device } from './device.ts';
import { type Guard, Permit } from './guard.ts';
import { isFree } from './journal-proof.ts';
import {
  type HeldKey,
  holdKey,
  type KeyPolicy,
  keyMaterial,
  secretOfMaterial,
  unmaskKey,
  unmaskRoot,
} from './keys.ts';
import { makeRsaKey, sealRsaKey } from './rsa.ts';
import {
  agree,
  digestLengthOf,
  isPoint,
  publicOf,
  signWith,
  vendorPoint,
  vendorSignature,
} from './signing.ts';
import { keyUses, type StoredKey } from './state.ts';

const generated: readonly Guard[] = ['lifecycle', 'login'];
/** Of as many keys as there may be they fit into a slot of the store. */
const freeLimit = { types: 8, characters: 127, together: 512 } as const;

type Generate = Commands['generate']['arguments'];

/** A cut leaves no key, or one that nobody was told of: `keys` lists it. */
export function generate(
  device: Device,
  permit: Permit,
  given: Generate,
): Result<DeviceKey, DeviceErrorCode> {
  const fault = checkPolicy(given);
  if (fault !== undefined) return fault;
  const { core, memory } = device;
  const { profile, chip, store } = core;
  const { label, algorithm, use, anchored } = given;
  if (decide(chip.cpu, 'generate.exists', () => memory.keys.has(label)))
    return refuse('key_exists', `there is a key \`${label}\`: another label is accepted`);
  const missing = checkAlgorithm(profile.algorithms, given);
  if (missing !== undefined) return missing;
  const { limits } = profile;
  if (memory.keys.size >= limits.keys)
    return refuse('keys_full', `it has ${memory.keys.size} keys, and has room for ${limits.keys}`);
  const policy: KeyPolicy = { label, algorithm, use, anchored, free: [...given.free] };
  // The store's version is never the same again: where a glitch has the random number come again, the seed is another.
  const seed = createHash('sha256')
    .update('ringmint.device.seed.v1')
    .update(`${store.version} `)
    .update(chip.cpu.random('generate.seed', 32))
    .digest();
  const root = unmaskRoot(core, permit);
  const made = makeKey(root, policy, new Uint8Array(seed));
  const stored = { ...made, point: Uint8Array.from(chip.cpu.value('generate.point', made.point)) };
  const held = holdKey(core, root, stored);
  root.fill(0);
  device.commit({ kind: 'key', key: stored }, permit, generated);
  device.keys.set(label, held);
  return succeed(describeKey(device, stored));
}

function makeKey(root: Uint8Array, policy: KeyPolicy, seed: Uint8Array): StoredKey {
  const material = keyMaterial(root, policy, seed);
  const drawn = policy.algorithm === 'PS256' ? makeRsaKey() : undefined;
  const sealed = drawn === undefined ? new Uint8Array() : sealRsaKey(drawn, material);
  const secret = drawn ?? secretOfMaterial(policy.algorithm, material, sealed);
  const point = publicOf(policy.algorithm, secret);
  secret.fill(0);
  material.fill(0);
  return { ...policy, point, seed, sealed };
}

function checkPolicy({ label, use, anchored, free }: Generate) {
  const fault = checkLabel(label) ?? checkOne('use', use, keyUses);
  if (fault !== undefined) return fault;
  if (anchored && use !== 'sign')
    return invalid('anchored', 'true', `false of a key to ${use}, and either of a key to sign,`);
  if (free.length > 0 && !anchored)
    return invalid('free', `${free.length} types`, 'none, of a key that signs everything,');
  if (free.length > freeLimit.types)
    return invalid('free', `${free.length} types`, `at most ${freeLimit.types}`);
  const together = free.join('').length;
  if (together > freeLimit.together)
    return invalid('free', `${together} characters`, `at most ${freeLimit.together} together`);
  for (const [index, type] of free.entries()) {
    if (type.length === 0 || type.length > freeLimit.characters || !/^[\x21-\x7e]+$/.test(type))
      return invalid(`free[${index}]`, quote(type), `a type of 1 to ${freeLimit.characters} characters`);
    if (type === ballotType || free.indexOf(type) !== index)
      return invalid(`free[${index}]`, quote(type), 'each type once, and none of a ballot,');
  }
  return undefined;
}

function checkAlgorithm(known: readonly string[], { algorithm, use }: Generate) {
  if (!known.includes(algorithm))
    return refuse('algorithm_unsupported', `\`${algorithm}\` is none of its algorithms: ${known.join(', ')}`);
  if (use === 'agree' && algorithm !== 'ES256')
    return refuse('algorithm_unsupported', `a key to agree is on P-256: ES256 is accepted`);
  // Their signatures are random, and a ballot is to be the same each time.
  if (use === 'vote' && algorithm === 'PS256')
    return refuse('algorithm_unsupported', `ballots are signed the same each time: a curve is accepted`);
  return undefined;
}

export function listKeys({ memory, core }: Device): Result<Commands['keys']['result'], DeviceErrorCode> {
  return succeed({ keys: [...memory.keys.values()].map((key) => describeKey({ core }, key)) });
}

function describeKey({ core }: Pick<Device, 'core'>, stored: StoredKey): DeviceKey {
  const { label, algorithm, use, anchored, free, point } = stored;
  const shown = vendorPoint(point, core.profile.quirks);
  return { label, algorithm, use, anchored, free: [...free], point: Uint8Array.from(shown) };
}

/** What is signed is known before anybody hears of it; a cut leaves everything as it was. */
export function sign(
  device: Device,
  permit: Permit,
  { label, message }: Commands['sign']['arguments'],
): Result<Commands['sign']['result'], DeviceErrorCode> {
  const found = findKey(device, label, 'sign');
  if (!found.ok) return found;
  const key = found.value;
  const { algorithm, anchored, free, point } = key.stored;
  const { profile, chip } = device.core;
  const { quirks, limits } = profile;
  const digest = anchored || quirks.takes === 'message' ? undefined : digestLengthOf(algorithm);
  const fault =
    digest === undefined
      ? checkLength('message', message, 0, limits.messageBytes)
      : checkLength('message', message, digest);
  if (fault !== undefined) return fault;
  const signing = new Permit(chip.cpu, permit);
  if (chip.cpu.branch('sign.anchored', anchored)) {
    const mayBeSigned = () => device.admitted.has(message) || isFree(message, free);
    if (!signing.pass('anchored', [mayBeSigned, mayBeSigned, mayBeSigned]))
      return refuse(
        'not_anchored',
        `\`${label}\` signs what \`prove\` has shown to be in an anchored journal, and ${free.length === 0 ? 'no type' : free.map(quote).join(', ')} without it`,
      );
  }
  const waitMs = device.rate.take();
  if (waitMs > 0) return refuseRate(waitMs, quirks.signaturesPerSecond ?? 0);
  const signature = signWith(chip.cpu, 'sign', point, {
    algorithm,
    secret: unmaskKey(key, signing),
    message,
    hashed: digest !== undefined,
    lowS: quirks.lowS,
  });
  return succeed({ signature: vendorSignature(algorithm, signature, quirks) });
}

function refuseRate(waitMs: number, perSecond: number): Result<never, DeviceErrorCode> {
  return {
    ...refuse(
      'device_busy',
      `${perSecond} signatures a second are made: in ${waitMs} ms one more is accepted`,
    ),
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  };
}

/** The x-coordinate of the shared point: with a key that was unmasked without its guards it is nobody's. */
export function derive(
  device: Device,
  permit: Permit,
  { label, point }: Commands['derive']['arguments'],
): Result<Commands['derive']['result'], DeviceErrorCode> {
  const found = findKey(device, label, 'agree');
  if (!found.ok) return found;
  if (!isPoint(point))
    return refuse(
      'point_invalid',
      'the point is not on P-256: 65 bytes, uncompressed, are accepted',
      'point',
    );
  const { cpu } = device.core.chip;
  const secret = unmaskKey(found.value, permit);
  const own = found.value.stored.point;
  confirm(cpu, 'derive.key', () => Buffer.from(publicOf('ES256', secret)).equals(own), 2);
  const shared = cpu.value('derive.made', agree(secret, point));
  confirm(cpu, 'derive.again', () => Buffer.from(agree(secret, point)).equals(shared), 2);
  secret.fill(0);
  return succeed({ secret: shared });
}

function findKey(device: Device, label: string, use: KeyUse): Result<HeldKey, DeviceErrorCode> {
  const fault = checkLabel(label);
  if (fault !== undefined) return fault;
  const key = device.keys.get(label);
  if (key === undefined) return refuse('key_missing', `there is no key \`${label}\`: \`keys\` lists them`);
  return key.stored.use === use
    ? succeed(key)
    : refuse('use_mismatch', `\`${label}\` is a key to ${key.stored.use}: one to ${use} is accepted`);
}
