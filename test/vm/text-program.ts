/** Programs of a few lines, run on the bare machine: what the tests of instructions, calls, loops, tables, grants and fuel look at. */
import { refusalName, trapName } from '../../vm/host.ts';
import type { RefusalName, TrapName } from '../../vm/isa.ts';
import { showLabel } from '../../vm/label-text.ts';
import { assembled, type BareMachine, loadBare } from './machine.ts';

/**
 * Levels: `all` handles everything, `plain` no category, `low` at most C2, `loud` is C3 itself. Constants: p public,
 * m negative, s secret, k of category 1, u untrusted, y a symbol. Words of `pub` are public, of `sec` C4 {1}.
 */
export const declarations = `
level all   C0 A8 {1 2}
level plain C0 A8
level low   C0 A2 {1 2}
level loud  C3 A8 {1 2}
constant p0 0 C0 A8
constant p1 1 C0 A8
constant p2 2 C0 A8
constant p3 3 C0 A8
constant p5 5 C0 A8
constant p7 7 C0 A8
constant p63 63 C0 A8
constant p64 64 C0 A8
constant m1 -1 C0 A8
constant m3 -3 C0 A8
constant m7 -7 C0 A8
constant big 9223372036854775807 C0 A8
constant least -9223372036854775808 C0 A8
constant half 4294967296 C0 A8
constant most 4294967295 C0 A8
constant s0 0 C4 A8
constant s1 1 C4 A8
constant s9 9 C4 A8
constant k1 1 C1 A8 {1}
constant u1 1 C0 A1
constant yusd 'USD' C0 A8
constant yeur 'EUR' C0 A8
constant ysec 'USD' C4 A8
segment pub  2 C0 A8     ceiling C0 A8
segment sec  2 C4 A8 {1} ceiling C4 A4 {1}
segment low2 2 C0 A2     ceiling C0 A2
segment open 2 C0 A8     ceiling C8 A8 {1}
segment name 2 symbol C0 A8 ceiling C4 A8
table   five sorted C0 A8 : -3 0 1 7 4294967296
table   deep sorted C4 A8 {1} : 1 3
table   loose C0 A6 : 7 -3 7
table   code sorted C0 A8 : 'CHF' 'EUR' 'USD'
port out  C0 A8
port high C4 A4 {1}
port word symbol C0 A8
grant bit  declassify C4 A4 {1} to C0 A4 range 0 1 uses 300
grant once declassify C4 A4 {1} to C0 A4 range -1 1
grant keep declassify C4 A4 {1} to C0 A4 {1} range 0 9 uses 2
grant lift endorse    C0 A1 to C0 A6 range 1 9 uses 2
at all
`;

export interface Seen {
  readonly trap: TrapName | 'none';
  /** Counted from 0 over all functions. */
  readonly trapAt: number;
  readonly trapLabel: string;
  readonly fuel: bigint;
  /** Value and label, such as `7 C4 A8 {1}`. */
  register(index: number): string;
  port(index: number): bigint | undefined;
}

/** `text` after the declarations, with `halt` after it; instructions may be parted by commas instead of lines. */
export function sourceOf(text: string): string {
  return `${declarations}${text.replaceAll(/, */g, '\n')}\nhalt`;
}

export type Load = { readonly refused: RefusalName; readonly opcode: number } | undefined;

/** Why the program is refused, and the opcode at the byte of the refusal; `undefined` where it is loaded. */
export function loadText(machine: BareMachine, text: string): Load {
  const { bytes } = assembled(sourceOf(text));
  const code = loadBare(machine, bytes);
  return code === 0 ? undefined : { refused: refusalName(code), opcode: bytes[machine.refusedAt()] ?? 0 };
}

/** Runs a program that must load. */
export function runText(machine: BareMachine, text: string, fuel = 1_000_000n): Seen {
  const load = loadText(machine, text);
  if (load !== undefined) throw new Error(`refused: ${load.refused} at opcode ${load.opcode}`);
  return runLoaded(machine, fuel);
}

/** Runs what is loaded, from the beginning, with all words zero. */
export function runLoaded(machine: BareMachine, fuel = 1_000_000n): Seen {
  machine.reset();
  const trapped = machine.run(fuel) !== 0;
  return {
    trap: trapped ? trapName(machine.trapCode()) : 'none',
    trapAt: machine.trapAt(),
    trapLabel: showLabel(machine.trapLabel() >>> 0),
    fuel: machine.fuelUsed(),
    register: (index) => `${machine.registerValue(index)} ${showLabel(machine.registerLabel(index) >>> 0)}`,
    port: (index) => (machine.portWritten(index) === 0 ? undefined : machine.portValue(index)),
  };
}

/** Uses of grants in the last run, as `instruction:grant`. */
export function auditOf(machine: BareMachine): string {
  return Array.from({ length: machine.auditCount() }, (_, index) => {
    const entry = machine.auditEntry(index);
    return `${entry >> 32n}:${entry & 0xffffffffn}`;
  }).join(' ');
}
