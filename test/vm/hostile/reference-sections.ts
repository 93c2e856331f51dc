/**
 * What the loader must answer to the sections of a module before its code: a second reader, slow and plain, written from
 * the drawing of the format in vm/assembly/load.ts and the table of refusals in docs/ISA.md. Labels are taken apart.
 */
import { limits, type RefusalName, type WordType, wordTypes } from '../../../vm/isa.ts';
import { type LabelParts, makeLabel, readLabel } from '../../../vm/label.ts';

/** Of the reference only: ends the reading of a module. */
export class Refused extends Error {
  readonly refused: RefusalName;
  readonly offset: number;

  constructor(refused: RefusalName, offset: number) {
    super(`${refused} at ${offset}`);
    this.refused = refused;
    this.offset = offset;
  }
}

export interface FunctionEntry {
  readonly count: number;
  readonly parameters: readonly WordType[];
  readonly results: readonly WordType[];
}

/** What code is checked against. */
export interface Declared {
  readonly levels: number;
  readonly constants: readonly {
    readonly value: bigint;
    readonly label: LabelParts;
    readonly type: WordType;
  }[];
  readonly segments: readonly WordType[];
  readonly tables: readonly { readonly type: WordType; readonly sorted: boolean }[];
  readonly ports: readonly WordType[];
  readonly grants: readonly ('declassify' | 'endorse')[];
  readonly functions: readonly FunctionEntry[];
  /** The byte of the first instruction. */
  readonly code: number;
}

const sizes = { levels: 8, constants: 16, segments: 16, tables: 16, ports: 8, grants: 32, functions: 16 };
type Section = keyof typeof sizes;
const sections = Object.keys(sizes) as Section[];

function must(holds: boolean, refused: RefusalName, offset: number): void {
  if (!holds) throw new Refused(refused, offset);
}

class Entries {
  readonly view: DataView;
  at = 64;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(byte: number): number {
    return this.view.getUint32(this.at + byte, true);
  }

  label(byte: number): LabelParts {
    const bits = this.u32(byte);
    const parts = readLabel(bits);
    must(makeLabel(parts) === bits && parts.secrecy <= parts.authority, 'label', this.at);
    return parts;
  }

  type(byte: number): WordType {
    const type = wordTypes[this.u32(byte)];
    if (type === undefined) throw new Refused('label', this.at);
    return type;
  }

  take<T>(count: number, size: number, read: (index: number) => T): T[] {
    const taken: T[] = [];
    for (let index = 0; index < count; index++, this.at += size) taken.push(read(index));
    return taken;
  }
}

function isBelow(low: LabelParts, high: LabelParts): boolean {
  const categories = low.categories.every((category) => high.categories.includes(category));
  return low.secrecy <= high.secrecy && low.authority >= high.authority && categories;
}

const isOf = (count: number, most: number): boolean => count <= most;

/** Reads header and sections, to the first rule that they break. */
export function takeDeclarations(bytes: Uint8Array): Declared {
  const entries = new Entries(bytes);
  const { view } = entries;
  must(bytes.length >= 64 && bytes.length <= limits.moduleBytes, 'header', 0);
  must(view.getUint32(0, true) === 0x4d56_4d52 && view.getUint32(4, true) === 2, 'header', 0);
  must(view.getUint16(22, true) === 0, 'header', 0);
  const counts = Object.fromEntries(
    sections.map((section, index) => [section, view.getUint16(8 + 2 * index, true)]),
  ) as Record<Section, number>;
  const entryCount = view.getUint32(24, true);
  const codeCount = view.getUint32(28, true);
  must(
    sections.every((section) => isOf(counts[section], limits[section])),
    'count',
    0,
  );
  must(isOf(codeCount, limits.code) && isOf(entryCount * 8, limits.moduleBytes), 'count', 0);
  must(counts.functions > 0 && codeCount > 0, 'count', 0);
  const end = sections.reduce((sum, section) => sum + counts[section] * sizes[section], 64);
  must(end + (entryCount + codeCount) * 8 === bytes.length, 'header', 0);

  entries.take(counts.levels, 8, () => {
    entries.label(0);
    must(entries.u32(4) === 0, 'label', entries.at);
  });
  const constants = entries.take(counts.constants, 16, () => {
    const label = entries.label(8);
    return { value: view.getBigInt64(entries.at, true), label, type: entries.type(12) };
  });
  const segments = takeSegments(entries, counts.segments);
  const tables = takeTables(entries, counts.tables, entryCount);
  const ports = entries.take(counts.ports, 8, () => {
    entries.label(0);
    return entries.type(4);
  });
  const grants = entries.take(counts.grants, 32, () => takeGrant(entries));
  const functions = takeFunctions(entries, counts.functions, codeCount);
  for (const { count, sorted } of tables) {
    entries.take(count, 8, (index) => {
      const { at } = entries;
      must(
        !sorted || index === 0 || view.getBigInt64(at - 8, true) < view.getBigInt64(at, true),
        'table',
        at,
      );
    });
  }
  return { levels: counts.levels, constants, segments, tables, ports, grants, functions, code: entries.at };
}

function takeSegments(entries: Entries, count: number): WordType[] {
  let words = 0;
  return entries.take(count, 16, () => {
    const label = entries.label(4);
    const ceiling = entries.label(8);
    const type = entries.type(12);
    words += entries.u32(0);
    must(entries.u32(0) > 0 && words <= limits.words && isBelow(label, ceiling), 'segment', entries.at);
    return type;
  });
}

function takeTables(
  entries: Entries,
  count: number,
  entryCount: number,
): { type: WordType; sorted: boolean; count: number }[] {
  let taken = 0;
  const tables = entries.take(count, 16, () => {
    entries.label(0);
    const table = { type: entries.type(4), count: entries.u32(8), sorted: entries.u32(12) === 1 };
    taken += table.count;
    must(table.count > 0 && taken <= entryCount && entries.u32(12) <= 1, 'table', entries.at);
    return table;
  });
  must(taken === entryCount, 'table', entries.at);
  return tables;
}

function takeGrant(entries: Entries): 'declassify' | 'endorse' {
  const { at, view } = entries;
  const from = entries.label(4);
  const to = entries.label(8);
  must(entries.u32(12) > 0, 'grant', at);
  must(view.getBigInt64(at + 16, true) <= view.getBigInt64(at + 24, true), 'grant', at);
  const kind = entries.u32(0);
  must(kind === 1 || kind === 2, 'grant', at);
  must(isBelow(to, from), 'grant', at);
  // One leaves authority as it is, the other all but authority.
  if (kind === 1) must(from.authority === to.authority, 'grant', at);
  else must(from.secrecy === to.secrecy && from.categories.join() === to.categories.join(), 'grant', at);
  return kind === 1 ? 'declassify' : 'endorse';
}

function takeFunctions(entries: Entries, count: number, codeCount: number): FunctionEntry[] {
  let taken = 0;
  const functions = entries.take(count, 16, (index) => {
    const { at, view } = entries;
    const { secrecy, categories } = entries.label(4);
    const [parameters = 0, results = 0, parameterBits = 0, resultBits = 0] = [8, 9, 10, 11].map((byte) =>
      view.getUint8(at + byte),
    );
    const own = entries.u32(0);
    taken += own;
    must(secrecy === 0 && categories.length === 0 && own > 0 && taken <= codeCount, 'function', at);
    must(parameters <= limits.parameters && results <= limits.parameters, 'function', at);
    must(parameterBits < 2 ** parameters && resultBits < 2 ** results, 'function', at);
    must(entries.u32(12) === 0, 'function', at);
    must(index < count - 1 || (parameters === 0 && results === 0), 'function', at);
    const types = (many: number, bits: number): WordType[] =>
      Array.from({ length: many }, (_, bit) => (Math.floor(bits / 2 ** bit) % 2 === 1 ? 'symbol' : 'number'));
    return { count: own, parameters: types(parameters, parameterBits), results: types(results, resultBits) };
  });
  must(taken === codeCount, 'function', entries.at);
  return functions;
}
