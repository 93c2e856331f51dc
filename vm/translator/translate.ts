/**
 * Translates a verified module into a WebAssembly module of its own that means the same (docs/TRANSLATOR.md). It need not be trusted: what
 * it gives is to be taken where `checkTranslation` takes it.
 */
import { toHex } from '../bytes.ts';
import { type Module, moduleHash, stripNames } from '../module.ts';
import { readModule } from '../module-reader.ts';
import type { Claims, ProvenFunction } from './claims.ts';
import { type EmittedFunction, emitProven, emitTagged, type ProvenCode, versionIndex } from './emission.ts';
import { type Inferred, inferLabels } from './inference.ts';
import type { Body } from './program-tree.ts';
import { readBodies } from './program-tree.ts';
import { type Runtime, readRuntime } from './runtime-module.ts';
import type { Places } from './step-emission.ts';
import { Code } from './wasm.ts';

export interface TranslateOptions {
  /** A module file that the machine has loaded: nothing of it is verified here. */
  readonly source: Uint8Array;
  /** `vm/translator-runtime.wasm`. */
  readonly runtime: Uint8Array;
  /** Leaves the main function's registers where `registerValue` reads them: for tests. */
  readonly registers?: boolean;
}

export interface Translation {
  readonly wasm: Uint8Array;
  readonly claims: Claims;
}

/** Throws `RangeError` for bytes that are no module, and an `Error` for some that the machine's loader would refuse. */
export function translate({
  source,
  runtime: runtimeWasm,
  registers = false,
}: TranslateOptions): Translation {
  const read = readModule(source);
  if (!read.ok) throw new RangeError(read.message);
  const { module } = read;
  const runtime = readRuntime(runtimeWasm);
  const bodies = readBodies(module);
  const inferred = inferLabels(module, bodies);
  const places = placesOf(module, runtime);
  const options = { program: { module, inferred, places, registers }, bodies, runtime };
  const proven = bodies.map((_, index) => emitProven(options, index));
  const functions = bodies.flatMap((_, index) => [emitTagged(options, index), proven[index] ?? noVersion]);
  const claims: Claims = {
    version: 1,
    module: toHex(moduleHash(stripNames(source))),
    registers,
    uniform: inferred.uniform,
    functions: bodies.map((body, index) => claimsOf(inferred, index, body, proven[index])),
  };
  const main = bodies.length - 1;
  const stub = new Code()
    .i32(module.functions[main]?.authority ?? 0)
    .i32(0)
    .call(versionIndex(runtime, main, 'tagged'))
    .op('end').bytes;
  const wasm = runtime.assemble({
    functions,
    stub,
    data: dataOf(module, runtime, bodies, { uniform: inferred.uniform, places, registers }),
    claims: new TextEncoder().encode(JSON.stringify(claims)),
  });
  return { wasm, claims };
}

/** In the place of a proven version that nothing calls. */
const noVersion: EmittedFunction = {
  parameters: [],
  results: ['i32'],
  locals: [],
  body: new Code().op('unreachable').op('end').bytes,
};

function placesOf(module: Module, runtime: Runtime): Places {
  let words = 0;
  const segments = module.segments.map(({ length }) => {
    const place = {
      values: runtime.address('VALUES') + 8 * words,
      labels: runtime.address('LABELS') + 4 * words,
    };
    words += length;
    return place;
  });
  let entries = 0;
  const tables = module.tables.map((table) => {
    const place = runtime.address('TABLES') + 8 * entries;
    entries += table.entries.length;
    return place;
  });
  return { segments, tables };
}

function claimsOf(
  inferred: Inferred,
  index: number,
  body: Body,
  proven: ProvenCode | undefined,
): ProvenFunction | null {
  const entry = inferred.entries[index];
  if (proven === undefined || entry === undefined) return null;
  const last = body.first + body.function.code.length;
  const loops = [...inferred.heads]
    .filter(([at]) => at >= body.first && at < last)
    .sort(([one], [other]) => one - other)
    .map(([at, head]) => ({ at, pc: head.pc, registers: head.registers }));
  return {
    pc: entry.pc,
    uncleared: entry.uncleared,
    parameters: entry.parameters,
    results: inferred.results[index] ?? [],
    masked: proven.masked,
    pcDynamic: proven.pcDynamic,
    loops,
    elided: proven.elided,
  };
}

class Data {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
  }

  u32(at: number, ...values: readonly number[]): this {
    for (const [index, value] of values.entries()) this.view.setUint32(at + 4 * index, value, true);
    return this;
  }

  i64(at: number, ...values: readonly bigint[]): this {
    for (const [index, value] of values.entries()) this.view.setBigInt64(at + 8 * index, value, true);
    return this;
  }
}

function dataOf(
  module: Module,
  runtime: Runtime,
  bodies: readonly Body[],
  {
    uniform,
    places,
    registers,
  }: { readonly uniform: readonly boolean[]; readonly places: Places; readonly registers: boolean },
): { at: number; bytes: Uint8Array }[] {
  const main = bodies.at(-1);
  const header = new Data(32)
    .u32(0, module.segments.length, module.ports.length, module.grants.length)
    .u32(12, main?.function.authority ?? 0)
    .i64(16, main?.dearest ?? 0n)
    .u32(24, registers ? (main?.registers ?? 0) : 0);
  const segments = new Data(32 * module.segments.length);
  for (const [index, { length, label, type }] of module.segments.entries()) {
    const place = places.segments[index];
    segments
      .u32(32 * index, place?.values ?? 0, length, place?.labels ?? 0, label)
      .u32(32 * index + 16, uniform[index] === true ? 1 : 0, type === 'symbol' ? 1 : 0);
  }
  const ports = new Data(32 * module.ports.length);
  for (const [index, { label, type }] of module.ports.entries())
    ports.u32(32 * index + 8, label, 0, type === 'symbol' ? 1 : 0);
  const grants = new Data(48 * module.grants.length);
  for (const [index, { kind, from, to, uses, least, most }] of module.grants.entries())
    grants.u32(48 * index, kind === 'declassify' ? 1 : 2, from, to, uses).i64(48 * index + 16, least, most);
  const entries = module.tables.flatMap((table) => table.entries);
  const tables = new Data(8 * entries.length);
  for (const [index, entry] of entries.entries()) tables.i64(8 * index, entry);
  return [
    { at: runtime.address('HEADER'), bytes: header.bytes },
    { at: runtime.address('SEGMENTS'), bytes: segments.bytes },
    { at: runtime.address('PORTS'), bytes: ports.bytes },
    { at: runtime.address('GRANTS'), bytes: grants.bytes },
    { at: runtime.address('TABLES'), bytes: tables.bytes },
  ];
}
