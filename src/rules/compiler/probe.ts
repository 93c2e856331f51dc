/** Programs that tell what expressions come to: for explanations of a decision, and for tests of the compiler. */
import { assert } from '../../kit/result.ts';
import type { CheckedModule, Typed } from '../checker/checked.ts';
import type { Corridor, RuleSet } from '../set/rule-set.ts';
import { cleanTruth } from './arithmetic.ts';
import { openWorkshop } from './compile.ts';
import { ExpressionCompiler } from './expression.ts';
import { Packing, type Slot } from './packing.ts';
import { encodeProgram, type Program } from './program.ts';

/** An expression that somebody wants to know the value of. */
export interface Wanted {
  readonly typed: Typed;
  readonly module: CheckedModule;
  /** Names of all who have to have cleared a reader of it: at least those whose secrets it looks at. */
  readonly owners: readonly string[];
}

/** Where the value of an expression is. */
export interface ValuePlace {
  readonly typed: Typed;
  /** Bits of all who have to have cleared a reader of it. */
  readonly owners: number;
  readonly error: Slot;
  readonly value:
    | { readonly of: 'truth'; readonly slot: Slot }
    | { readonly of: 'number' | 'symbol'; readonly port: number }
    | { readonly of: 'key'; readonly high: number; readonly low: number };
}

export interface ProbeProgram {
  readonly program: Program;
  readonly places: readonly ValuePlace[];
}

/** How many expressions a program tells of, each with two ports at most, and some ports over for what is packed. */
const wantedMost = 20;

/** As many programs as are needed; the places are in the order of what is wanted. */
export function compileProbes(
  set: RuleSet,
  corridor: Corridor,
  wanted: readonly Wanted[],
): readonly ProbeProgram[] {
  const programs: ProbeProgram[] = [];
  for (let first = 0; first < wanted.length; first += wantedMost)
    programs.push(...compileSome(set, corridor, wanted.slice(first, first + wantedMost)));
  return programs;
}

function compileSome(set: RuleSet, corridor: Corridor, wanted: readonly Wanted[]): readonly ProbeProgram[] {
  const made = compileProbe(set, corridor, wanted);
  if (made !== undefined) return [made];
  assert(wanted.length > 1, 'an expression of a rule that fits the machine fits it');
  const half = wanted.length >> 1;
  return [wanted.slice(0, half), wanted.slice(half)].flatMap((some) => compileSome(set, corridor, some));
}

/** `undefined` where it is above a limit of the machine. */
function compileProbe(set: RuleSet, corridor: Corridor, wanted: readonly Wanted[]): ProbeProgram | undefined {
  const shop = openWorkshop(set, corridor);
  const packing = new Packing(shop.graph);
  const compilers = new Map<CheckedModule, ExpressionCompiler>();
  const places = wanted.map(({ typed, module, owners: names }, number): ValuePlace => {
    let compiler = compilers.get(module);
    if (compiler === undefined) {
      compiler = new ExpressionCompiler(shop, module);
      compilers.set(module, compiler);
    }
    let owners = 0;
    for (const name of names) owners |= shop.owners.bitOf(name);
    const computed = compiler.compile(typed);
    const error = packing.pack(computed.error, 2, owners);
    switch (typed.type.kind) {
      case 'bool':
        return {
          typed,
          owners,
          error,
          value: { of: 'truth', slot: packing.pack(cleanTruth(shop.graph, computed), 1, owners) },
        };
      case 'symbol':
        return {
          typed,
          owners,
          error,
          value: { of: 'symbol', port: packing.put(`symbol_${number}`, owners, computed.value) },
        };
      case 'key': {
        const { low } = computed;
        assert(low !== undefined, 'a key has two words');
        const high = packing.put(`high_${number}`, owners, computed.value);
        return {
          typed,
          owners,
          error,
          value: { of: 'key', high, low: packing.put(`low_${number}`, owners, low) },
        };
      }
      default:
        return {
          typed,
          owners,
          error,
          value: { of: 'number', port: packing.put(`number_${number}`, owners, computed.value) },
        };
    }
  });
  packing.finish();
  const encoded = encodeProgram(shop, shop.grants, packing);
  assert(
    encoded.ok,
    `what explains a few clauses fits the machine${encoded.ok ? '' : `: ${encoded.message}`}`,
  );
  return { program: encoded.program, places };
}
