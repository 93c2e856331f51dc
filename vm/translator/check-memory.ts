/** What the memory of a translated module begins with (docs/TRANSLATOR.md, The runtime). */
import { wordTypes } from '../isa.ts';
import type { CheckedProgram } from './check-program.ts';

const pageBytes = 65_536;

/** As many pages as the tables need, and no fewer than the runtime has. */
export function pagesOf(program: CheckedProgram): number {
  return Math.max(program.runtime.pages, Math.ceil(program.end / pageBytes));
}

interface Data {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Little-endian numbers, one after the other: of 64 bits where they are bigints, else of 32. */
function words(...values: readonly (number | bigint)[]): number[] {
  const bytes: number[] = [];
  for (const value of values) {
    const size = typeof value === 'bigint' ? 8 : 4;
    const bits = BigInt.asUintN(8 * size, BigInt(value));
    for (let place = 0n; place < size; place++) bytes.push(Number((bits >> (8n * place)) & 255n));
  }
  return bytes;
}

/** In the order in which they are; those without a byte are left out. */
export function dataOf(program: CheckedProgram): Data[] {
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
