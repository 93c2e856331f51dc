/** Arguments of each command that are of the right kind, and values that are of a wrong one somewhere. */
import { writeArguments } from '../../../firmware-sim/command-table.ts';
import type { CommandName, Commands } from '../../../firmware-sim/protocol.ts';
import type { CborValue } from '../../../src/kit/encoding.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(5);
const head = { sequence: 1, hash: bytes(32) };
const point = bytes(65);

const samples: { readonly [N in CommandName]: Commands[N]['arguments'] } = {
  info: {},
  counters: {},
  attest: { nonce: bytes(16) },
  initialise: { salt: bytes(16), pinKey: bytes(32) },
  login: { nonce: bytes(16), proof: bytes(32) },
  'change-pin': { salt: bytes(16), pinKey: bytes(32) },
  generate: { label: 'key', algorithm: 'ES256', use: 'sign', anchored: true, free: ['type'] },
  keys: {},
  sign: { label: 'key', message: bytes(3) },
  derive: { label: 'key', point },
  'read-anchor': { name: 'journal' },
  advance: { name: 'journal', from: head, to: { ...head, sequence: 2 } },
  prove: { name: 'journal', from: head, entries: [bytes(3)] },
  vote: { label: 'key', proposal: bytes(32), choice: 'approve' },
  trust: { points: [point] },
  load: { module: bytes(3) },
  run: { hash: bytes(32), inputs: [{ segment: 0, index: 1, value: 2n }], fuel: 5n },
  zeroise: { serial: '00' },
  tamper: { event: 'mesh' },
  'dump-flash': { sector: 0 },
};

export type CborMap = ReadonlyMap<string, CborValue>;

export function sampleOf(command: CommandName): CborMap {
  return writeArguments(command, samples[command] as Commands[CommandName]['arguments']);
}

/** Of every type that a frame can hold, at the edges of what any argument takes. */
const strange: readonly CborValue[] = [
  null,
  true,
  false,
  -1,
  65_536,
  2 ** 32,
  2n ** 63n,
  2n ** 64n - 1n,
  -(2n ** 64n),
  '',
  'x'.repeat(4_000),
  'ünï',
  'line\nbreak',
  new Uint8Array(),
  bytes(31),
  bytes(33),
  bytes(66),
  [],
  [null],
  [[]],
  new Map(),
  new Map([['hash', bytes(32)]]),
  new Map<string, CborValue>([
    ['sequence', 1],
    ['hash', bytes(32)],
    ['more', 1],
  ]),
];

/** Every value of `sample` once with each strange one in its place, how deep it may lie; `path` names the place. */
export function* strangers(sample: CborMap): Generator<{ path: string; given: CborMap }> {
  for (const [name, value] of sample) {
    for (const { path, value: changed } of variants(value, name))
      yield { path, given: new Map([...sample, [name, changed]]) };
  }
}

function* variants(value: CborValue, path: string): Generator<{ path: string; value: CborValue }> {
  for (const other of strange) yield { path, value: other };
  if (Array.isArray(value)) {
    const items = value as readonly CborValue[];
    for (const [index, item] of items.entries())
      for (const inner of variants(item, `${path}[${index}]`))
        yield { path: inner.path, value: items.with(index, inner.value) };
  } else if (value instanceof Map) {
    const fields = value as ReadonlyMap<string, CborValue>;
    for (const [field, item] of fields) {
      for (const inner of variants(item, `${path}.${field}`))
        yield { path: inner.path, value: new Map([...fields, [field, inner.value]]) };
      yield { path: `${path}.${field}`, value: new Map([...fields].filter(([other]) => other !== field)) };
    }
  }
}
