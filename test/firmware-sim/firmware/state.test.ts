import { describe, expect, it } from 'vitest';
import {
  applyChange,
  blankMemory,
  type Change,
  changedMemory,
  decodeMemory,
  encodeChange,
  encodeSnapshot,
  keepPin,
} from '../../../firmware-sim/firmware/state.ts';
import { sha256, utf8 } from '../../../src/kit/bytes.ts';
import { decodeCbor, encodeCbor } from '../../../src/kit/encoding.ts';
import { profileOf } from './serving.ts';

const { limits } = profileOf('aster-1');
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

const changes: readonly Change[] = [
  { kind: 'pin', pin: keepPin(bytes(16), bytes(32)), tries: 8 },
  { kind: 'tries', tries: 3 },
  {
    kind: 'key',
    key: {
      label: 'a',
      algorithm: 'ES256',
      use: 'sign',
      anchored: true,
      free: ['x', 'y'],
      point: bytes(65),
      seed: bytes(32),
      sealed: new Uint8Array(),
    },
  },
  { kind: 'anchor', name: 'journal', head: { sequence: 5, hash: bytes(32) } },
  { kind: 'anchor', name: 'journal', head: { sequence: 2 ** 53 - 1, hash: sha256(utf8('x')) } },
  { kind: 'ballot', ballot: { proposal: bytes(32), label: 'a', choice: 'abstain' } },
  { kind: 'trust', points: [bytes(65), new Uint8Array(65)] },
];

describe('what a device keeps', () => {
  it('is the same out of the snapshot, and out of any snapshot with the changes after it', () => {
    const whole = blankMemory(8);
    const snapshots = [encodeSnapshot(whole)];
    for (const change of changes) {
      applyChange(whole, change);
      snapshots.push(encodeSnapshot(whole));
    }
    for (const [at, snapshot] of snapshots.entries()) {
      const later = changes.slice(at).map(encodeChange);
      expect(decodeMemory({ snapshot, changes: later }, limits)).toEqual(whole);
    }
  });

  it('has one form as bytes', () => {
    const memory = blankMemory(8);
    for (const change of changes) applyChange(memory, change);
    const snapshot = encodeSnapshot(memory);
    expect(encodeSnapshot(decodeMemory({ snapshot, changes: [] }, limits))).toEqual(snapshot);
  });

  it('is not changed by looking at what it would be', () => {
    const memory = blankMemory(8);
    const before = encodeSnapshot(memory);
    for (const change of changes) changedMemory(memory, change);
    expect(encodeSnapshot(memory)).toEqual(before);
  });

  it('has the PIN’s key in RAM masked only', () => {
    const memory = blankMemory(8);
    for (const change of changes) applyChange(memory, change);
    expect(memory.pin?.maskedKey).not.toEqual(bytes(32));
    expect(Buffer.from(encodeSnapshot(memory)).includes(Buffer.from(bytes(32)))).toBe(true);
  });

  it('cannot be read where it is anything else, or beyond the limits', () => {
    const snapshot = encodeSnapshot(blankMemory(8));
    const decoded = decodeCbor(snapshot);
    const items = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
    const wrong = [
      new Uint8Array(),
      utf8('state'),
      encodeCbor([]),
      encodeCbor([...items, null]),
      encodeCbor(items.with(0, 2)),
      encodeCbor(items.with(1, [bytes(15), bytes(32)])),
      encodeCbor(items.with(2, limits.pinTries + 1)),
      encodeCbor(items.with(2, -1)),
      encodeCbor(items.with(4, [['journal', 1, bytes(31)]])),
      encodeCbor(items.with(5, [[bytes(32), 'a', 'maybe']])),
      encodeCbor(items.with(6, [bytes(64)])),
      encodeCbor(
        items.with(
          4,
          Array.from({ length: limits.anchors + 1 }, (_, at) => [`j${at}`, 1, bytes(32)]),
        ),
      ),
    ];
    for (const one of wrong)
      expect(() => decodeMemory({ snapshot: one, changes: [] }, limits)).toThrow('cannot be read');
    for (const change of [encodeCbor([7, 1]), encodeCbor([2, 'x']), encodeCbor(5)])
      expect(() => decodeMemory({ snapshot, changes: [change] }, limits)).toThrow('cannot be read');
  });
});
