/** Compares everything of a translated module that is around its functions (docs/TRANSLATOR.md, The runtime). */
import { wordTypes } from '../isa.ts';
import { CodeMatch } from './check-code.ts';
import { anyEntry } from './check-frame.ts';
import { type CheckedProgram, type Entry, signatureOf } from './check-program.ts';
import { type CheckCode, Cursor, Refusal, type Section } from './check-wasm.ts';

const pageBytes = 65_536;

/** What a translated module exports; nothing else of the runtime's exports is in it. */
const exported = new Set(
  (
    'memory fuelBound reset setWord segmentAddress segmentLength run portCount portWritten portValue portLabel portIsSymbol ' +
    'fuelUsed auditCount auditEntry trapCode trapAt trapLabel registerValue registerLabel'
  ).split(' '),
);

/** Compares everything but the translated functions, whose bytes are what is given back. */
export function checkAround(
  program: CheckedProgram,
  translated: Uint8Array,
  sections: readonly Section[],
): Cursor {
  const { runtime, functions, module, claims } = program;
  const ids = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0].filter(
    (id) => (id !== 4 && id !== 9) || runtime.kept.has(id),
  );
  if (sections.map(({ id }) => id).join() !== ids.join())
    throw new Refusal('translation_malformed', `its sections are not ${ids.join(', ')}`);
  const open = (id: number, code: CheckCode, what: string): CodeMatch => {
    const section = sections.find((candidate) => candidate.id === id);
    return new CodeMatch({ bytes: translated, at: section?.from ?? 0, to: section?.to ?? 0 }, (offset) => {
      throw new Refusal(code, `byte ${offset}, of ${what}, is not what it is to be`, { offset });
    });
  };
  const foreign = (id: number): CodeMatch => open(id, 'translation_foreign', `section ${id}`);
  const appended = 2 * functions.length;

  const types = foreign(1);
  types.unsigned(runtime.types.count + appended).raw(runtime.types.bytes);
  for (const [index, { body }] of functions.entries())
    for (const entry of [anyEntry(body.parameters.length), claims.functions[index]]) checkType(types, entry);
  types.end();
  const functionTypes = foreign(3);
  functionTypes.unsigned(1 + runtime.functions.count + appended).unsigned(runtime.importedType);
  functionTypes.raw(runtime.functions.bytes);
  for (let index = 0; index < appended; index++) functionTypes.unsigned(runtime.types.count + index);
  functionTypes.end();
  for (const [id, content] of runtime.kept) foreign(id).raw(content).end();
  const pages = Math.max(runtime.pages, Math.ceil(program.end / pageBytes));
  foreign(5).raw([1, 1]).unsigned(pages).unsigned(pages).end();
  const kept = runtime.exports.filter(({ name }) => exported.has(name));
  const exports = foreign(7).unsigned(kept.length);
  for (const { bytes } of kept) exports.raw(bytes);
  exports.end();
  foreign(8).unsigned(runtime.index('initialise')).end();
  const data = dataOf(program);
  const memory = open(11, 'translation_differs', 'the data').unsigned(data.length);
  for (const { at, bytes } of data) memory.raw([0]).i32(at).op('end').unsigned(bytes.length).raw(bytes);
  memory.end();

  const main = functions.length - 1;
  const stub = open(10, 'translation_differs', 'the stub').unsigned(1 + runtime.code.count + appended);
  const length = new Cursor(translated, stub.at).unsigned();
  stub.unsigned(length);
  const from = stub.at;
  stub
    .raw([0])
    .i32(module.functions[main]?.authority ?? 0)
    .i32(0)
    .call(program.tagged(main))
    .op('end');
  const own = foreign(10);
  own.at = stub.at;
  if (stub.at - from !== length)
    throw new Refusal('translation_malformed', 'the stub is not as long as it says', { offset: from });
  own.raw(runtime.code.bytes);
  return new Cursor(translated, own.at, sections.find(({ id }) => id === 10)?.to);
}

/** A type for a version that is called so; where there is none, one without parameters. */
function checkType(types: CodeMatch, entry: Entry | null | undefined): void {
  const long = 0x7e;
  const short = 0x7f;
  types.raw([0x60]);
  if (entry === null || entry === undefined) types.unsigned(0);
  else {
    const { values, count } = signatureOf(entry);
    types.unsigned(count);
    for (let index = 0; index < count; index++)
      types.raw([index >= values && index < values + entry.parameters.length ? long : short]);
  }
  types.raw([1, short]);
}

interface Data {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Little-endian numbers, one after the other: of 64 bits where they are bigints, else of 32. */
function words(...values: readonly (number | bigint)[]): number[] {
  const bytes: number[] = [];
  for (const value of values) {
    const halves =
      typeof value === 'bigint'
        ? [Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n))]
        : [value];
    for (const half of halves) bytes.push(half & 255, (half >>> 8) & 255, (half >>> 16) & 255, half >>> 24);
  }
  return bytes;
}

/** What memory begins with, in this order; what has no byte is left out. */
function dataOf(program: CheckedProgram): Data[] {
  const { module, runtime, claims, functions } = program;
  const main = functions.at(-1);
  const registers = claims.registers ? (main?.registers ?? 0) : 0;
  const header = words(
    module.segments.length,
    module.ports.length,
    module.grants.length,
    main?.body.authority ?? 0,
    program.dearest(main?.steps ?? []),
    registers,
    0,
  );
  const segments = module.segments.flatMap(({ length, label, type }, index) => {
    const { values, labels } = program.segments[index] ?? { values: 0, labels: 0 };
    const isUniform = claims.uniform[index] === true ? 1 : 0;
    return words(values, length, labels, label, isUniform, wordTypes.indexOf(type), 0n);
  });
  const ports = module.ports.flatMap(({ label, type }) =>
    words(0n, label, 0, wordTypes.indexOf(type), 0, 0n),
  );
  const grants = module.grants.flatMap(({ kind, from, to, uses, least, most }) =>
    words(kind === 'declassify' ? 1 : 2, from, to, uses, least, most, 0, 0, 0n),
  );
  const tables = new Uint8Array(8 * module.tables.reduce((sum, { entries }) => sum + entries.length, 0));
  const view = new DataView(tables.buffer);
  let at = 0;
  for (const { entries } of module.tables)
    for (const entry of entries) {
      view.setBigInt64(at, entry, true);
      at += 8;
    }
  return [
    { at: runtime.constant('HEADER'), bytes: new Uint8Array(header) },
    { at: runtime.constant('SEGMENTS'), bytes: new Uint8Array(segments) },
    { at: runtime.constant('PORTS'), bytes: new Uint8Array(ports) },
    { at: runtime.constant('GRANTS'), bytes: new Uint8Array(grants) },
    { at: runtime.constant('TABLES'), bytes: tables },
  ].filter(({ bytes }) => bytes.length > 0);
}
