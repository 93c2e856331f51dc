/** The runtime of translated modules for the tests of vm/translator/: alone, and with functions and data put behind it. */
import { wordTypes } from '../../../vm/isa.ts';
import type { Module } from '../../../vm/module.ts';
import { type DataSegment, type ModuleParts, readRuntime } from '../../../vm/translator/runtime-module.ts';
import { type BareMachine, translatorRuntime } from '../machine.ts';

export const runtime = readRuntime(translatorRuntime);

/** What a host of a translated module calls. */
export type BareTranslation = Omit<
  BareMachine,
  'moduleAddress' | 'moduleCapacity' | 'loadModule' | 'refusedAt'
>;

interface BareGlobal<Value> {
  value: Value;
}

/** The exports of vm/assembly/translated.ts. */
export interface BareRuntime extends BareTranslation {
  readonly quotient: BareGlobal<bigint>;
  readonly fuelLeft: BareGlobal<bigint>;
  stop(code: number, at: number, label: number): number;
  stopUnallowed(at: number, label: number): number;
  grant(
    at: number,
    grant: number,
    context: number,
    uncleared: number,
    operand: number,
    value: bigint,
  ): number;
  divide(x: bigint, y: bigint, c: bigint, rounding: number): number;
  productOverflows(x: bigint, y: bigint): number;
  remainder(x: bigint, y: bigint): bigint;
  find(entries: number, count: number, value: bigint): bigint;
  roundsCost(dearest: bigint, round: bigint, left: bigint): bigint;
  initialise(): void;
}

/** The runtime by itself, with `main` of the host instead of translated functions. */
export function bareRuntime(main: () => number = () => 0): BareRuntime {
  const imports = { env: { main } } as unknown as Record<string, never>;
  return new WebAssembly.Instance(new WebAssembly.Module(translatorRuntime), imports)
    .exports as unknown as BareRuntime;
}

export function bareTranslation(parts: Partial<ModuleParts>): BareTranslation {
  const wasm = runtime.assemble({
    functions: [],
    stub: new Uint8Array(),
    data: [],
    claims: new Uint8Array(),
    ...parts,
  });
  return new WebAssembly.Instance(new WebAssembly.Module(wasm), {}).exports as unknown as BareTranslation;
}

export interface DataOptions {
  readonly fuelBound: bigint;
  readonly uniform: readonly boolean[];
}

/** docs/TRANSLATOR.md, the table of the memory. */
export function dataOf(module: Module, options: DataOptions): DataSegment[] {
  const header = new DataView(new ArrayBuffer(32));
  for (const [index, count] of [module.segments, module.ports, module.grants].entries())
    header.setUint32(4 * index, count.length, true);
  header.setUint32(12, module.functions.at(-1)?.authority ?? 0, true);
  header.setBigUint64(16, options.fuelBound, true);
  const segments = new DataView(new ArrayBuffer(32 * module.segments.length));
  let first = 0;
  for (const [index, { length, label, type }] of module.segments.entries()) {
    const fields = [
      runtime.address('VALUES') + 8 * first,
      length,
      runtime.address('LABELS') + 4 * first,
      label,
      options.uniform[index] === true ? 1 : 0,
      wordTypes.indexOf(type),
    ];
    for (const [field, value] of fields.entries()) segments.setUint32(32 * index + 4 * field, value, true);
    first += length;
  }
  const ports = new DataView(new ArrayBuffer(32 * module.ports.length));
  for (const [index, { label, type }] of module.ports.entries()) {
    ports.setUint32(32 * index + 8, label, true);
    ports.setUint32(32 * index + 16, wordTypes.indexOf(type), true);
  }
  const grants = new DataView(new ArrayBuffer(48 * module.grants.length));
  for (const [index, { kind, from, to, uses, least, most }] of module.grants.entries()) {
    for (const [field, value] of [kind === 'declassify' ? 1 : 2, from, to, uses].entries())
      grants.setUint32(48 * index + 4 * field, value, true);
    grants.setBigInt64(48 * index + 16, least, true);
    grants.setBigInt64(48 * index + 24, most, true);
  }
  const entries = new BigInt64Array(module.tables.flatMap((table) => table.entries));
  return Object.entries({
    HEADER: header,
    SEGMENTS: segments,
    PORTS: ports,
    GRANTS: grants,
    TABLES: entries,
  }).map(([name, { buffer }]) => ({ at: runtime.address(name), bytes: new Uint8Array(buffer) }));
}
