/** What each command has to do, on the reference. */
import { checkAttestation } from '../../firmware-sim/attestation-check.ts';
import type { Quirks } from '../../firmware-sim/profile.ts';
import type {
  CommandName,
  Commands,
  DeviceErrorCode,
  DeviceKey,
  DeviceState,
  Head,
} from '../../firmware-sim/protocol.ts';
import { chainHash } from '../../src/journal/chain.ts';
import { decodeEntry, decodeIntentContent } from '../../src/journal/entry.ts';
import { decodeUtf8, equalBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import { decodeCbor } from '../../src/kit/encoding.ts';
import { modules, peers, proofOf } from './fixtures.ts';
import { digestLength, hasLowS, isSignature, readPoint, readSignature, sharedWith } from './outside.ts';
import type { Decision, Reference, ReferenceKey } from './reference.ts';

/** A connection, as whoever holds it knows it. */
export interface Connection {
  readonly number: number;
  /** The device's nonce of it. */
  readonly nonce: Uint8Array;
}

type Decide<N extends CommandName> = (
  device: Reference,
  given: Commands[N]['arguments'],
  connection: Connection,
) => Decision<N>;

export function stateOf({ lifecycle, tries }: Reference): DeviceState {
  return lifecycle === 'ready' && tries === 0 ? 'locked' : lifecycle;
}

function refusal<N extends CommandName>(device: Reference, code: DeviceErrorCode): Decision<N> {
  return { expected: { ok: false, code }, after: device, between: [] };
}

function done<N extends CommandName>(
  after: Reference,
  check: (result: Commands[N]['result']) => string | undefined = isEmpty,
  learn?: (after: Reference, result: Commands[N]['result']) => Reference,
): Decision<N> {
  return { expected: { ok: true, check, ...(learn === undefined ? {} : { learn }) }, after, between: [] };
}

function isEmpty(result: object): string | undefined {
  return Object.keys(result).length === 0 ? undefined : 'an answer with something in it';
}

function set<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map([...map, [key, value]]);
}

/** What is answered in whatever state. */
const always: readonly CommandName[] = ['info', 'counters', 'zeroise', 'tamper', 'dump-flash'];
const beforeLogin: readonly CommandName[] = [...always, 'attest', 'initialise', 'login'];

const labelPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const anchorName = /^[a-z][a-z0-9-]{0,31}$/;

/** Gives what the command has to answer, and what the device is then. */
export function decide<N extends CommandName>(
  before: Reference,
  name: N,
  given: Commands[N]['arguments'],
  connection: Connection,
): Decision<N> {
  const session = before.sessions.get(connection.number) ?? { loggedIn: false, proofs: new Map() };
  const device = { ...before, sessions: set(before.sessions, connection.number, session) };
  if (!always.includes(name)) {
    const state = stateOf(device);
    if (state === 'zeroised') return refusal(device, 'device_zeroised');
    if (state === 'failed') return refusal(device, 'device_failed');
    const needsNoPin = name === 'attest' || name === 'initialise';
    if (state === 'locked' && !needsNoPin) return refusal(device, 'pin_locked');
    if (state === 'blank' && !needsNoPin) return refusal(device, 'device_blank');
    if (!beforeLogin.includes(name) && !session.loggedIn) return refusal(device, 'login_required');
  }
  const one = table[name] as unknown as Decide<N>;
  return one(device, given, connection);
}

const table: { readonly [N in CommandName]: Decide<N> } = {
  info: (device) =>
    done(device, (result) => (result.state === stateOf(device) ? undefined : `state \`${result.state}\``)),

  counters: (device) =>
    done(device, ({ triesLeft }) => {
      const tries = device.lifecycle === 'zeroised' || device.lifecycle === 'failed' ? 0 : device.tries;
      return triesLeft === tries ? undefined : `${triesLeft} tries, and not ${tries}`;
    }),

  attest(device, { nonce }) {
    if (nonce.length < 8 || nonce.length > 64) return refusal(device, 'argument_invalid');
    return done(device, (answer) => {
      const { profile, serial } = device;
      const question = { ...answer, nonce, profile, serial: Buffer.from(serial, 'hex') };
      const attested = checkAttestation(question, (algorithm, point, message, signature) =>
        isSignature({ algorithm, point }, message, signature),
      );
      if (!attested.ok) return attested.message;
      return attested.value.bootState === stateOf(device)
        ? undefined
        : `a boot state \`${attested.value.bootState}\``;
    });
  },

  initialise(device, { salt, pinKey }) {
    if (device.lifecycle !== 'blank') return refusal(device, 'command_refused');
    return done({
      ...device,
      lifecycle: 'ready',
      pin: { salt, pinKey },
      tries: device.profile.limits.pinTries,
    });
  },

  login(device, { nonce, proof }, { number, nonce: own }) {
    const session = device.sessions.get(number);
    const spent = { ...device, tries: device.tries - 1 };
    const isRight = device.pin !== undefined && equalBytes(proof, proofOf(device.pin, own, nonce));
    if (session === undefined || !isRight)
      return { expected: { ok: false, code: 'pin_incorrect' }, after: spent, between: [] };
    const sessions = set(device.sessions, number, { ...session, loggedIn: true });
    const { pinTries } = device.profile.limits;
    return { ...done<'login'>({ ...device, tries: pinTries, sessions }), between: [spent] };
  },

  'change-pin': (device, pin) => done({ ...device, pin }),

  generate(device, { label, algorithm, use, anchored, free }) {
    const { limits, algorithms } = device.profile;
    if (!labelPattern.test(label)) return refusal(device, 'argument_invalid');
    if ((anchored && use !== 'sign') || (free.length > 0 && !anchored))
      return refusal(device, 'argument_invalid');
    if (device.keys.has(label)) return refusal(device, 'key_exists');
    if (!algorithms.includes(algorithm)) return refusal(device, 'algorithm_unsupported');
    const unfit = use === 'agree' ? algorithm !== 'ES256' : use === 'vote' && algorithm === 'PS256';
    if (unfit) return refusal(device, 'algorithm_unsupported');
    if (device.keys.size >= limits.keys) return refusal(device, 'keys_full');
    const key: ReferenceKey = { label, algorithm, use, anchored, free, point: undefined };
    return done(
      { ...device, keys: set(device.keys, label, key) },
      (made) => differenceOf(key, made, device.profile.quirks),
      (after, { point }) => ({
        ...after,
        keys: set(after.keys, label, { ...key, point: readPoint(algorithm, point, device.profile.quirks) }),
      }),
    );
  },

  keys: (device) =>
    done(device, ({ keys }) => {
      if (keys.length !== device.keys.size) return `${keys.length} keys, and not ${device.keys.size}`;
      for (const key of keys) {
        const own = device.keys.get(key.label);
        const wrong =
          own === undefined ? `a key \`${key.label}\`` : differenceOf(own, key, device.profile.quirks);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    }),

  sign(device, { label, message }) {
    const key = device.keys.get(label);
    if (key === undefined) return refusal(device, 'key_missing');
    if (key.use !== 'sign') return refusal(device, 'use_mismatch');
    const { limits, quirks } = device.profile;
    const { algorithm, point } = key;
    const digest = quirks.takes === 'digest' && !key.anchored ? digestLength(algorithm) : undefined;
    const isLong = digest === undefined ? message.length > limits.messageBytes : message.length !== digest;
    if (isLong) return refusal(device, 'argument_invalid');
    if (key.anchored && !maySign(device, key, message)) return refusal(device, 'not_anchored');
    return done(device, ({ signature }) => {
      if (point === undefined) return undefined;
      const own = readSignature(algorithm, signature, quirks);
      if (own === undefined || !isSignature({ algorithm, point }, message, own, digest !== undefined))
        return 'a signature that does not verify';
      return quirks.lowS && !hasLowS(algorithm, own) ? 'a signature of high s' : undefined;
    });
  },

  derive(device, { label, point }) {
    const key = device.keys.get(label);
    if (key === undefined) return refusal(device, 'key_missing');
    if (key.use !== 'agree') return refusal(device, 'use_mismatch');
    const peer = peers.get(toHex(point));
    if (peer === undefined) return refusal(device, 'point_invalid');
    return done(device, ({ secret }) =>
      key.point === undefined || equalBytes(secret, sharedWith(peer, key.point))
        ? undefined
        : 'a secret that is not shared',
    );
  },

  'read-anchor': (device, { name }) =>
    done(device, ({ head }) =>
      isSameHead(head, device.anchors.get(name) ?? null) ? undefined : 'another head than the anchored one',
    ),

  advance(device, { name, from, to }) {
    const own = device.anchors.get(name) ?? null;
    if (!anchorName.test(name)) return refusal(device, 'argument_invalid');
    if (isSameHead(own, to)) return done(device);
    if (own === null && device.anchors.size >= device.profile.limits.anchors)
      return refusal(device, 'anchors_full');
    if (!isSameHead(own, from)) return refusal(device, 'anchor_moved');
    if (own !== null && to.sequence <= own.sequence) return refusal(device, 'anchor_moved');
    return done({ ...device, anchors: set(device.anchors, name, to) });
  },

  prove(device, { name, from, entries }, { number }) {
    const head = device.anchors.get(name);
    const session = device.sessions.get(number);
    if (head === undefined || session === undefined) return refusal(device, 'not_anchored');
    if (from.sequence > head.sequence) return refusal(device, 'chain_broken');
    const before = session.proofs.get(name);
    const messages = before !== undefined && isSameHead(before.end, from) ? [...before.messages] : [];
    let end = from;
    for (const entry of entries) {
      if (end.sequence === head.sequence) break;
      const read = decodeEntry(entry);
      if (!read.ok) return refusal(device, 'argument_invalid');
      if (read.value.sequence !== end.sequence + 1) return refusal(device, 'chain_broken');
      end = { sequence: end.sequence + 1, hash: chainHash(end.hash, entry) };
      const intent = decodeIntentContent(read.value.content);
      if (intent.ok) messages.push(toHex(sha256(intent.value.toBeSigned)));
    }
    const isThere = isSameHead(end, head);
    if (!isThere && end.sequence === head.sequence) return refusal(device, 'chain_broken');
    const proofs = set(session.proofs, name, { end, messages: isThere ? [] : messages });
    const after = {
      ...device,
      sessions: set(device.sessions, number, { ...session, proofs }),
      admitted: isThere ? new Set([...device.admitted, ...messages]) : device.admitted,
    };
    return done(after, (result) => reached(result, end.sequence, isThere ? messages.length : 0));
  },

  vote(device, { label, proposal, choice }) {
    const key = device.keys.get(label);
    if (key === undefined) return refusal(device, 'key_missing');
    if (key.use !== 'vote') return refusal(device, 'use_mismatch');
    const name = toHex(proposal);
    const cast = device.ballots.get(name);
    if (cast !== undefined && (cast.choice !== choice || cast.label !== label))
      return refusal(device, 'ballot_cast');
    if (cast === undefined && device.ballots.size >= device.profile.limits.ballots)
      return refusal(device, 'ballots_full');
    const after = {
      ...device,
      ballots: set(device.ballots, name, cast ?? { label, choice, bytes: undefined }),
    };
    return done(
      after,
      ({ ballot }) =>
        cast?.bytes === undefined || equalBytes(cast.bytes, ballot)
          ? undefined
          : 'another ballot than before',
      (learning, { ballot }) => ({
        ...learning,
        ballots: set(learning.ballots, name, { label, choice, bytes: ballot }),
      }),
    );
  },

  trust(device, { points }) {
    if (device.trusted !== undefined) {
      const same =
        device.trusted.length === points.length &&
        device.trusted.every((point, index) => equalBytes(point, points[index] ?? new Uint8Array()));
      return same ? done(device) : refusal(device, 'trust_set');
    }
    return done({ ...device, trusted: points });
  },

  load(device, { module }) {
    const one = modules.find(({ signed }) => equalBytes(signed, module));
    const trusted = one !== undefined && device.trusted?.some((point) => equalBytes(point, one.key.point));
    if (one === undefined || trusted !== true) return refusal(device, 'module_refused');
    const after = { ...device, loaded: new Set([...device.loaded, toHex(one.hash)]) };
    return done(after, ({ hash }) => (equalBytes(hash, one.hash) ? undefined : 'the hash of another module'));
  },

  run(device, { hash, inputs, fuel }) {
    const one = modules.find((module) => equalBytes(module.hash, hash));
    if (one === undefined || !device.loaded.has(toHex(hash))) return refusal(device, 'module_unknown');
    if (inputs.some(({ segment, index }) => segment !== 0 || index > 1))
      return refusal(device, 'argument_invalid');
    const input = inputs.findLast(({ index }) => index === 0)?.value ?? 0n;
    const sum = BigInt(one.constant) + input;
    return done(device, ({ outcome, ports }) => {
      if (fuel !== null && fuel < 100n) return undefined;
      if (outcome !== 'finished') return 'a run that did not finish';
      const [port] = ports;
      return ports.length === 1 && port?.[0] === 0 && port[1] === sum ? undefined : 'another sum';
    });
  },

  zeroise(device, { serial }) {
    if (serial !== device.serial) return refusal(device, 'serial_mismatch');
    return done(zeroised(device));
  },

  tamper: (device) => done(zeroised(device)),

  'dump-flash': (device) => done(device, () => undefined),
};

export function zeroised(device: Reference): Reference {
  const { profile, serial } = device;
  return { ...blank(profile, serial), lifecycle: 'zeroised', tries: 0 };
}

export function blank(profile: Reference['profile'], serial: string): Reference {
  return {
    profile,
    serial,
    lifecycle: 'blank',
    pin: undefined,
    tries: profile.limits.pinTries,
    keys: new Map(),
    anchors: new Map(),
    ballots: new Map(),
    trusted: undefined,
    ...powerLess,
  };
}

const powerLess = {
  sessions: new Map(),
  admitted: new Set<string>(),
  loaded: new Set<string>(),
};

/** What is left after power went. */
export function withoutPower(device: Reference): Reference {
  return { ...device, ...powerLess };
}

function differenceOf(
  { algorithm, use, anchored, free, point }: ReferenceKey,
  made: DeviceKey,
  quirks: Quirks,
): string | undefined {
  if (made.algorithm !== algorithm || made.use !== use || made.anchored !== anchored) return 'another key';
  if (made.free.join(' ') !== free.join(' ')) return 'other free types';
  const own = readPoint(algorithm, made.point, quirks);
  if (own === undefined) return 'no point';
  return point === undefined || equalBytes(point, own) ? undefined : 'another point';
}

function isSameHead(a: Head | null, b: Head | null): boolean {
  if (a === null || b === null) return a === b;
  return a.sequence === b.sequence && equalBytes(a.hash, b.hash);
}

/** What a journal says whose head is anchored; what authorises nothing (canaries, proofs of possession); what is of a free type. */
function maySign(device: Reference, { free }: ReferenceKey, message: Uint8Array): boolean {
  if (device.admitted.has(toHex(sha256(message)))) return true;
  if (decodeUtf8(message.subarray(0, 9)) === 'ringmint.') return true;
  const type = typeOf(message);
  return type !== undefined && free.includes(type);
}

/** The type (RFC 9596) of what is to be signed, where it is a COSE_Sign1's. */
function typeOf(message: Uint8Array): string | undefined {
  const decoded = decodeCbor(message);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length !== 4) return undefined;
  const [context, header, external, payload] = decoded.value as readonly unknown[];
  if (context !== 'Signature1' || !(header instanceof Uint8Array) || !(payload instanceof Uint8Array))
    return undefined;
  if (!(external instanceof Uint8Array) || external.length !== 0) return undefined;
  const map = decodeCbor(header);
  if (!map.ok || !(map.value instanceof Map)) return undefined;
  const [algorithm, keyId, type, source] = [1, 4, 16, -65720].map((name) =>
    (map.value as Map<number, unknown>).get(name),
  );
  if (map.value.size === 4 ? !(source instanceof Uint8Array && source.length === 32) : map.value.size !== 3)
    return undefined;
  if (typeof algorithm !== 'number' || !(keyId instanceof Uint8Array) || keyId.length !== 32)
    return undefined;
  return typeof type === 'string' ? type : undefined;
}

function reached(
  result: Commands['prove']['result'],
  sequence: number,
  admitted: number,
): string | undefined {
  return result.reached === sequence && result.admitted === admitted
    ? undefined
    : `reached ${result.reached}, admitted ${result.admitted}, and not ${sequence}, ${admitted}`;
}
