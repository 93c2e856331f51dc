/** Reads the claims of a translation, and looks at their form: whether they are true is not decided here. */
import type { CheckedFunction } from './check-program.ts';
import { Refusal } from './check-wasm.ts';
import { type Claims, elidedChecks, type Interval, type ProvenFunction } from './claims.ts';

/** The claims, of the right form for this source, whose hash in hex is `hash`. */
export function readClaims(
  bytes: Uint8Array,
  hash: string,
  segments: number,
  sources: readonly CheckedFunction[],
): Claims {
  const names = ['version', 'module', 'registers', 'uniform', 'functions'];
  const [version, module, registers, uniform, functions] = fields(parse(bytes), names, 'they');
  if (version !== 1) throw invalid('they have another version: 1 is accepted');
  if (module !== hash)
    throw new Refusal('translation_foreign', `it is of another module: of \`${hash}\` it would be accepted`);
  const items = list(functions, '`functions`', (item) => item, sources.length);
  return {
    version,
    module: hash,
    registers: flag(registers, '`registers`'),
    uniform: list(uniform, '`uniform`', (item) => flag(item, 'an entry of `uniform`'), segments),
    functions: sources.map((source, index) =>
      items[index] === null ? null : readFunction(items[index], source),
    ),
  };
}

/** As `JSON.stringify` writes it, and not otherwise: there is one way to write the same claims. */
function parse(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const written = new TextEncoder().encode(JSON.stringify(value));
    if (written.length === bytes.length && written.every((byte, index) => byte === bytes[index]))
      return value;
  } catch (error) {
    // Not JSON, or nested too deep.
    if (!(error instanceof SyntaxError) && !(error instanceof RangeError)) throw error;
  }
  throw invalid('they are not JSON as `JSON.stringify` writes it');
}

function readFunction(value: unknown, { body, registers, loops }: CheckedFunction): ProvenFunction {
  const names = 'pc,uncleared,parameters,results,masked,pcDynamic,loops,elided'.split(',');
  const claim = fields(value, names, 'a function');
  const [pc, uncleared, parameters, results, masked, pcDynamic, heads, elided] = claim;
  return {
    pc: interval(pc),
    uncleared: interval(uncleared),
    parameters: list(parameters, '`parameters`', interval, body.parameters.length),
    results: list(results, '`results`', interval, body.results.length),
    masked: whole(masked, 2 ** registers - 1, '`masked`'),
    pcDynamic: flag(pcDynamic, '`pcDynamic`'),
    loops: list(heads, '`loops`', (item) => item, loops.length).map((item, index) => {
      const [at, outer, states] = fields(item, ['at', 'pc', 'registers'], 'a loop');
      if (at !== loops[index]?.at) throw invalid('`loops` has another loop than the function');
      return {
        at: whole(at, 2 ** 32, '`at`'),
        pc: interval(outer),
        registers: list(states, '`registers`', interval, registers),
      };
    }),
    elided: list(elided, '`elided`', (item) => {
      const [at, name, high] = list(item, 'an entry of `elided`', (part) => part, 3);
      const check = elidedChecks.find((candidate) => candidate === name);
      if (check === undefined) throw invalid('`elided` names no check');
      return [whole(at, 2 ** 32 - 1, '`at`'), check, whole(high, 2 ** 32 - 1, 'a label')];
    }),
  };
}

/** Fields that an object has, all of them and in this order, or a refusal. */
function fields(value: unknown, names: readonly string[], what: string): unknown[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length !== names.length || entries.some(([name], index) => name !== names[index]))
    throw invalid(`${what} have not the fields ${names.join(', ')}, in this order`);
  return entries.map(([, field]) => field as unknown);
}

/** A list, with as many entries as it has to have. */
function list<T>(value: unknown, what: string, read: (item: unknown) => T, count?: number): T[] {
  if (!Array.isArray(value) || (count !== undefined && value.length !== count))
    throw invalid(`${what} is no list of ${count ?? 'checks'}`);
  return value.map(read);
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
  const [low = 0, high = 0] = list(value, 'an interval', (bits) => whole(bits, 2 ** 32 - 1, 'a label'), 2);
  if ((low & ~high) !== 0) throw invalid(`the interval ${low} to ${high} has bits set that may not be`);
  return [low, high];
}

function invalid(why: string): Refusal {
  return new Refusal('claim_invalid', `claims: ${why}`);
}
