/** Reads the claims of a translation, and looks at their form: whether they are true is not decided here. */
import type { Step } from '../specification/syntax-tree.ts';
import { Refusal } from './check-wasm.ts';
import {
  type Claims,
  type Elision,
  elidedChecks,
  type Interval,
  type LoopClaim,
  type ProvenFunction,
} from './claims.ts';

/** What the source says a function has, which its claims have to be of. */
export interface FunctionShape {
  readonly parameters: number;
  readonly results: number;
  readonly registers: number;
  /** Its loops, in the order of their instructions. */
  readonly loops: readonly Step[];
}

/** Fields that an object has, all of them and in this order, or a refusal. */
function fields(value: unknown, names: readonly string[], what: string): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} is no object`);
  const entries: [string, unknown][] = Object.entries(value);
  if (entries.map(([name]) => name).join() !== names.join())
    throw invalid(`${what} has not the fields ${names.join(', ')}, in this order`);
  return entries.map(([, field]) => field);
}

function list<T>(value: unknown, what: string, read: (item: unknown, index: number) => T): T[] {
  if (!Array.isArray(value)) throw invalid(`${what} is no list`);
  return value.map(read);
}

/** A list that has to have so many. */
function exactList<T>(value: unknown, count: number, what: string, read: (item: unknown) => T): T[] {
  const items = list(value, what, read);
  if (items.length !== count) throw invalid(`${what} has ${items.length} entries: ${count} are accepted`);
  return items;
}

function whole(value: unknown, most: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most)
    throw invalid(`${what} is no whole number up to ${most}`);
  return value;
}

function flag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw invalid(`${what} is neither true nor false`);
  return value;
}

function interval(value: unknown): Interval {
  const [low = 0, high = 0] = exactList(value, 2, 'an interval', (bits) =>
    whole(bits, 0xffff_ffff, 'a label'),
  );
  if ((low & ~high) !== 0) throw invalid(`the interval ${low} to ${high} has bits set that may not be`);
  return [low, high];
}

/** The claims, of the right form for this source; `hash` in hex. */
export function readClaims(
  bytes: Uint8Array,
  hash: string,
  segments: number,
  shapes: readonly FunctionShape[],
): Claims {
  const value = parse(bytes);
  const names = ['version', 'module', 'registers', 'uniform', 'functions'];
  const [version, module, registers, uniform, functions] = fields(value, names, 'the whole');
  if (version !== 1) throw invalid('it has another version: 1 is accepted');
  if (module !== hash)
    throw new Refusal('translation_foreign', `it is of another module: of \`${hash}\` it would be accepted`);
  return {
    version,
    module: hash,
    registers: flag(registers, '`registers`'),
    uniform: exactList(uniform, segments, '`uniform`', (item) => flag(item, 'uniform')),
    functions: exactList(functions, shapes.length, '`functions`', (item) => item).map((item, index) => {
      const shape = shapes[index];
      return item === null || shape === undefined ? null : readFunction(item, shape);
    }),
  };
}

/** As `JSON.stringify` writes it, and not otherwise: there is one way to write the same claims. */
function parse(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    const value: unknown = JSON.parse(text);
    const written = new TextEncoder().encode(JSON.stringify(value));
    if (written.length === bytes.length && written.every((byte, index) => byte === bytes[index]))
      return value;
  } catch (error) {
    // Not JSON, or nested too deep.
    if (!(error instanceof SyntaxError) && !(error instanceof RangeError)) throw error;
  }
  throw invalid('it is not JSON as `JSON.stringify` writes it');
}

function readFunction(value: unknown, shape: FunctionShape): ProvenFunction {
  const names = ['pc', 'uncleared', 'parameters', 'results', 'masked', 'pcDynamic', 'loops', 'elided'];
  const [pc, uncleared, parameters, results, masked, pcDynamic, loops, elided] = fields(
    value,
    names,
    'a function',
  );
  const readLoops = list(loops, '`loops`', (item, index) =>
    readLoop(item, shape.loops[index], shape.registers),
  );
  if (readLoops.length !== shape.loops.length)
    throw invalid(`\`loops\` has ${readLoops.length} entries: ${shape.loops.length} are accepted`);
  return {
    pc: interval(pc),
    uncleared: interval(uncleared),
    parameters: exactList(parameters, shape.parameters, '`parameters`', interval),
    results: exactList(results, shape.results, '`results`', interval),
    masked: whole(masked, 2 ** shape.registers - 1, '`masked`'),
    pcDynamic: flag(pcDynamic, '`pcDynamic`'),
    loops: readLoops,
    elided: list(elided, '`elided`', readElision),
  };
}

function readLoop(value: unknown, loop: Step | undefined, registers: number): LoopClaim {
  const [at, pc, states] = fields(value, ['at', 'pc', 'registers'], 'a loop');
  if (loop === undefined || at !== loop.at) throw invalid('`loops` has another loop than the function');
  return { at, pc: interval(pc), registers: exactList(states, registers, 'registers of a loop', interval) };
}

function readElision(value: unknown): Elision {
  const [at, name, high] = exactList(value, 3, 'an entry of `elided`', (item) => item);
  const check = elidedChecks.find((candidate) => candidate === name);
  if (check === undefined) throw invalid('`elided` names no check');
  return [whole(at, 0xffff_ffff, 'an instruction'), check, whole(high, 0xffff_ffff, 'a label')];
}

function invalid(why: string): Refusal {
  return new Refusal('claim_invalid', `claims: ${why}`);
}
