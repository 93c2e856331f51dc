/** Values of expressions, from the machine: what a reader may not know is left out. */
import type { Program as LoadedProgram, Machine } from '../../vm/host.ts';
import { equalBytes } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import type { Facts, Typed, Value } from './checker/checked.ts';
import { expressionsBelow } from './checker/part.ts';
import { clearanceOf } from './clearance.ts';
import { InputWords } from './compiler/input-words.ts';
import { numbersOf, readSlot } from './compiler/packing.ts';
import { compileProbes, type ValuePlace, type Wanted } from './compiler/probe.ts';
import { isKey, symbolOfWord, wordsOfKey } from './compiler/word.ts';
import type { ClauseError, Reader } from './decision.ts';
import type { Corridor, RuleSet } from './set/rule-set.ts';

export type Told = Value | ClauseError;

interface LoadedProbe {
  readonly loaded: LoadedProgram;
  readonly words: InputWords;
  readonly owners: readonly string[];
  readonly places: readonly ValuePlace[];
}

/** The programs of some expressions, ready to be run. */
export class Probes {
  private readonly set: RuleSet;
  private readonly loaded: readonly LoadedProbe[];

  constructor(machine: Machine, set: RuleSet, corridor: Corridor, wanted: readonly Wanted[]) {
    this.set = set;
    this.loaded = compileProbes(set, corridor, wanted).map(({ program, places }) => {
      const loaded = machine.load(program.bytes);
      assert(loaded.ok, `the machine takes what was compiled${loaded.ok ? '' : `: ${loaded.message}`}`);
      return { loaded: loaded.program, words: new InputWords(program), owners: program.owners, places };
    });
  }

  /** What the expressions come to, those of them that the reader is cleared for; in the order in which they were wanted. */
  run(facts: Facts, reader: Reader): readonly (Told | undefined)[] {
    return this.loaded.flatMap(({ loaded, words, owners, places }) => {
      words.fill(facts);
      const clearance = clearanceOf(reader, owners);
      const ran = loaded.run({ inputs: words.words, clearance: clearance.label });
      // A trap is a defect: nothing is told then.
      return places.map((place) =>
        ran.ok && (place.owners & ~clearance.owners) === 0
          ? valueAt(place, ran.ports, this.set, facts)
          : undefined,
      );
    });
  }
}

function valueAt(
  { typed, error, value }: ValuePlace,
  ports: ReadonlyMap<number, bigint>,
  set: RuleSet,
  facts: Facts,
): Told | undefined {
  const words = numbersOf(ports);
  const number = readSlot(error, words);
  if (number !== 0) return { error: number === 3 ? 'DENY' : 'HOLD' };
  switch (value.of) {
    case 'truth':
      return readSlot(value.slot, words) === 1;
    case 'number':
      return ports.get(value.port);
    case 'symbol':
      return symbolOfWord(ports.get(value.port) ?? 0n);
    case 'key': {
      const [high, low] = [ports.get(value.high), ports.get(value.low)];
      // The machine has a hash of it: the key is one of those that the expression or the facts have.
      return keysOf(typed, set, facts).find((key) => {
        const words = wordsOfKey(key);
        return words.high === high && words.low === low;
      });
    }
  }
}

/** Every key that an expression could come to, each once; those of a list are never what it comes to. */
function keysOf(typed: Typed, set: RuleSet, facts: Facts): readonly Uint8Array[] {
  const found: Uint8Array[] = [...facts.fields.values(), ...set.parameters.values()].filter(isKey);
  for (const part of expressionsBelow([typed])) {
    const value =
      part.op === 'constant' ? part.value : part.op === 'parameter' ? part.parameter.value : undefined;
    if (isKey(value) && !found.some((one) => equalBytes(one, value))) found.push(value);
  }
  return found;
}
