/**
 * What a device keeps: as a snapshot, and as the changes that follow it, both deterministic CBOR in records that the store seals.
 *
 * ```
 * snapshot  [ 1, PIN or null, tries left, [ key, … ], [ anchor, … ], [ ballot, … ], [ point, … ] or null ]
 * PIN       [ salt (16), PIN's key (32) ]
 * key       [ label, algorithm, use, anchored, [ free type, … ], point, seed (32), sealed (RSA) or empty ]
 * anchor    [ name, sequence, hash (32) ]           ballot   [ proposal (32), label, choice ]
 * change    [ 1, PIN, tries ]  [ 2, tries ]  [ 3, key ]  [ 4, anchor ]  [ 5, ballot ]  [ 6, [ point, … ] ]
 * ```
 */
import type { SignatureAlgorithm } from '../../hsm/signer.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import type { BallotChoice, DeviceLimits, Head, KeyUse } from '../protocol.ts';
import { expectedMask, type Guard } from './guard.ts';
import { applyMask } from './mask.ts';
import { DeviceStoreError, type StoredLog } from './store.ts';

export interface StoredPin {
  readonly salt: Uint8Array;
  /** 32 bytes, masked: what is compared before a try was written off is another key. */
  readonly maskedKey: Uint8Array;
}

/** Guards that the PIN's key needs. */
export const pinGuards: readonly Guard[] = ['lifecycle', 'try'];

/** Of a key that was sent, or read from the store. */
export function keepPin(salt: Uint8Array, key: Uint8Array): StoredPin {
  return { salt, maskedKey: applyMask(key, expectedMask(pinGuards)) };
}

export interface StoredKey {
  readonly label: string;
  readonly algorithm: SignatureAlgorithm;
  readonly use: KeyUse;
  readonly anchored: boolean;
  readonly free: readonly string[];
  /** Uncompressed, or SubjectPublicKeyInfo where it is RSA. */
  readonly point: Uint8Array;
  /** Of which, with the device's root, the secret is derived. */
  readonly seed: Uint8Array;
  /** The secret of an RSA key, sealed; empty for all others. */
  readonly sealed: Uint8Array;
}

export interface StoredBallot {
  readonly proposal: Uint8Array;
  readonly label: string;
  readonly choice: BallotChoice;
}

export interface DeviceMemory {
  pin: StoredPin | undefined;
  tries: number;
  readonly keys: Map<string, StoredKey>;
  readonly anchors: Map<string, Head>;
  /** By proposal, in hex. */
  readonly ballots: Map<string, StoredBallot>;
  trusted: readonly Uint8Array[] | undefined;
}

export type Change =
  | { readonly kind: 'pin'; readonly pin: StoredPin; readonly tries: number }
  | { readonly kind: 'tries'; readonly tries: number }
  | { readonly kind: 'key'; readonly key: StoredKey }
  | { readonly kind: 'anchor'; readonly name: string; readonly head: Head }
  | { readonly kind: 'ballot'; readonly ballot: StoredBallot }
  | { readonly kind: 'trust'; readonly points: readonly Uint8Array[] };

const version = 1;
const codes = { pin: 1, tries: 2, key: 3, anchor: 4, ballot: 5, trust: 6 } as const;
const algorithms: readonly SignatureAlgorithm[] = ['ES256', 'ES384', 'EdDSA', 'PS256'];
export const keyUses: readonly KeyUse[] = ['sign', 'agree', 'vote'];
export const ballotChoices: readonly BallotChoice[] = ['approve', 'reject', 'abstain'];

/** Of a device that was just made. */
export function blankMemory(tries: number): DeviceMemory {
  return {
    pin: undefined,
    tries,
    keys: new Map(),
    anchors: new Map(),
    ballots: new Map(),
    trusted: undefined,
  };
}

/** What the memory is after the change; the memory itself stays. */
export function changedMemory(memory: DeviceMemory, change: Change): DeviceMemory {
  const changed = {
    ...memory,
    keys: new Map(memory.keys),
    anchors: new Map(memory.anchors),
    ballots: new Map(memory.ballots),
  };
  applyChange(changed, change);
  return changed;
}

export function applyChange(memory: DeviceMemory, change: Change): void {
  switch (change.kind) {
    case 'pin':
      memory.pin = change.pin;
      memory.tries = change.tries;
      return;
    case 'tries':
      memory.tries = change.tries;
      return;
    case 'key':
      memory.keys.set(change.key.label, change.key);
      return;
    case 'anchor':
      memory.anchors.set(change.name, change.head);
      return;
    case 'ballot':
      memory.ballots.set(toHex(change.ballot.proposal), change.ballot);
      return;
    case 'trust':
      memory.trusted = change.points;
  }
}

export function encodeSnapshot(memory: DeviceMemory): Uint8Array {
  const { pin, tries, keys, anchors, ballots, trusted } = memory;
  return encodeCbor([
    version,
    pin === undefined ? null : pinValue(pin),
    tries,
    [...keys.values()].map(keyValue),
    [...anchors].map(([name, head]) => anchorValue(name, head)),
    [...ballots.values()].map(ballotValue),
    trusted ?? null,
  ]);
}

export function encodeChange(change: Change): Uint8Array {
  const code = codes[change.kind];
  switch (change.kind) {
    case 'pin':
      return encodeCbor([code, pinValue(change.pin), change.tries]);
    case 'tries':
      return encodeCbor([code, change.tries]);
    case 'key':
      return encodeCbor([code, keyValue(change.key)]);
    case 'anchor':
      return encodeCbor([code, anchorValue(change.name, change.head)]);
    case 'ballot':
      return encodeCbor([code, ballotValue(change.ballot)]);
    case 'trust':
      return encodeCbor([code, change.points]);
  }
}

function pinValue({ salt, maskedKey }: StoredPin): CborValue {
  return [salt, applyMask(maskedKey, expectedMask(pinGuards))];
}

function keyValue({ label, algorithm, use, anchored, free, point, seed, sealed }: StoredKey): CborValue {
  return [label, algorithm, use, anchored, free, point, seed, sealed];
}

function anchorValue(name: string, { sequence, hash }: Head): CborValue {
  return [name, sequence, hash];
}

function ballotValue({ proposal, label, choice }: StoredBallot): CborValue {
  return [proposal, label, choice];
}

/** Throws DeviceStoreError `store_unreadable` for what this firmware, with these limits, has not written. */
export function decodeMemory({ snapshot, changes }: StoredLog, limits: DeviceLimits): DeviceMemory {
  const [form, pin, tries, keys, anchors, ballots, trusted] = listOf(decoded(snapshot), 7);
  if (form !== version) throw unreadable(`a snapshot of version ${version}`);
  const memory = blankMemory(countOf(tries));
  if (pin !== null) memory.pin = pinOf(pin);
  for (const key of listOf(keys)) applyChange(memory, { kind: 'key', key: keyOf(key) });
  for (const anchor of listOf(anchors)) applyChange(memory, anchorOf(anchor));
  for (const ballot of listOf(ballots)) applyChange(memory, { kind: 'ballot', ballot: ballotOf(ballot) });
  if (trusted !== null) memory.trusted = pointsOf(trusted);
  for (const change of changes) applyChange(memory, changeOf(decoded(change)));
  const isWithin =
    memory.tries <= limits.pinTries &&
    memory.keys.size <= limits.keys &&
    memory.anchors.size <= limits.anchors &&
    memory.ballots.size <= limits.ballots;
  if (!isWithin) throw unreadable('a state within the limits of the profile');
  return memory;
}

function changeOf(value: CborValue): Change {
  const [code, first, second] = listOf(value);
  switch (code) {
    case codes.pin:
      return { kind: 'pin', pin: pinOf(first), tries: countOf(second) };
    case codes.tries:
      return { kind: 'tries', tries: countOf(first) };
    case codes.key:
      return { kind: 'key', key: keyOf(first) };
    case codes.anchor:
      return anchorOf(first);
    case codes.ballot:
      return { kind: 'ballot', ballot: ballotOf(first) };
    case codes.trust:
      return { kind: 'trust', points: pointsOf(first) };
    default:
      throw unreadable('a change of this firmware');
  }
}

function pinOf(value: CborValue | undefined): StoredPin {
  const [salt, key] = listOf(value, 2);
  return keepPin(bytesOf(salt, 16), bytesOf(key, 32));
}

function keyOf(value: CborValue | undefined): StoredKey {
  const [label, algorithm, use, anchored, free, point, seed, sealed] = listOf(value, 8);
  if (typeof anchored !== 'boolean') throw unreadable('whether a key is anchored');
  return {
    label: textOf(label),
    algorithm: oneOf(algorithm, algorithms),
    use: oneOf(use, keyUses),
    anchored,
    free: listOf(free).map(textOf),
    point: bytesOf(point),
    seed: bytesOf(seed, 32),
    sealed: bytesOf(sealed),
  };
}

function anchorOf(value: CborValue | undefined): Change {
  const [name, sequence, hash] = listOf(value, 3);
  return {
    kind: 'anchor',
    name: textOf(name),
    head: { sequence: countOf(sequence), hash: bytesOf(hash, 32) },
  };
}

function ballotOf(value: CborValue | undefined): StoredBallot {
  const [proposal, label, choice] = listOf(value, 3);
  return {
    proposal: bytesOf(proposal, 32),
    label: textOf(label),
    choice: oneOf(choice, ballotChoices),
  };
}

function pointsOf(value: CborValue | undefined): readonly Uint8Array[] {
  return listOf(value).map((point) => bytesOf(point, 65));
}

function decoded(bytes: Uint8Array): CborValue {
  const value = decodeCbor(bytes);
  if (!value.ok) throw unreadable('deterministic CBOR');
  return value.value;
}

function listOf(value: CborValue | undefined, length?: number): readonly CborValue[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length))
    throw unreadable(`an array${length === undefined ? '' : ` of ${length}`}`);
  return value;
}

function countOf(value: CborValue | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unreadable('a count');
  return value;
}

function bytesOf(value: CborValue | undefined, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length))
    throw unreadable(`a byte string${length === undefined ? '' : ` of ${length} bytes`}`);
  // The library's may be views of what was decoded.
  return new Uint8Array(value);
}

function textOf(value: CborValue | undefined): string {
  if (typeof value !== 'string') throw unreadable('text');
  return value;
}

function oneOf<T extends string>(value: CborValue | undefined, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw unreadable(`one of ${known.join(', ')}`);
  return found;
}

function unreadable(expected: string): DeviceStoreError {
  return new DeviceStoreError('store_unreadable', `a sealed record cannot be read: ${expected} is expected`);
}
