/**
 * A rule set at work: decisions of the label machine, with a program for each corridor that is asked for. Nothing is decided here.
 *
 * src/rules/ may import kit, records and vm.
 */
import type { Program as LoadedProgram, Machine } from '../../vm/host.ts';
import { everybody, makeLabel } from '../../vm/label.ts';
import { assert } from '../kit/result.ts';
import type { Facts } from './checker/checked.ts';
import { type CompileFault, type CorridorProgram, compileCorridor } from './compiler/compile.ts';
import { InputWords } from './compiler/input-words.ts';
import { secretSecrecy } from './compiler/program.ts';
import { publicReader, type Reader } from './decision.ts';
import { corridorOf } from './facts.ts';
import { type MachineDecision, RanDecision, undecided } from './machine-decision.ts';
import { schema } from './schema.ts';
import type { Corridor, RuleSet } from './set/rule-set.ts';

export type { MachineDecision };

export interface Rules {
  readonly set: RuleSet;
  /**
   * What the rules say to these facts, as far as the reader may know it: the public where nothing is said. Never ALLOW where anything went wrong.
   * `facts` are such as `checkFacts` takes.
   */
  decide(facts: Facts, reader?: Reader): MachineDecision;
  /** What the set's rules of a corridor cannot be compiled for; nothing where they can. */
  check(corridor: Corridor): readonly CompileFault[];
}

/** A corridor's program in the machine, or that it has none. */
type Opened =
  | { readonly compiled: CorridorProgram; readonly loaded: LoadedProgram; readonly words: InputWords }
  | undefined;

/** Corridors whose programs are kept at once: of others they are made again. */
const programLimit = 256;

/**
 * Opens a rule set, which was checked. A program is made when the first transaction of its corridor comes.
 *
 * @example
 * const rules = await openRules(set, () => startMachine(wasm));
 * rules.decide(facts).verdict;
 */
export async function openRules(set: RuleSet, startMachine: () => Promise<Machine>): Promise<Rules> {
  const machine = await startMachine();
  /** The one that was used last is the last. */
  const programs = new Map<string, Opened>();

  function open(corridor: Corridor): Opened {
    const { kind, origin, destination, currency } = corridor;
    const key = `${kind} ${origin} ${destination} ${currency}`;
    if (programs.has(key)) return programs.get(key);
    const compiled = compileCorridor(set, corridor);
    let opened: Opened;
    if (compiled.ok) {
      const { program } = compiled.compiled;
      const loaded = machine.load(program.bytes);
      assert(loaded.ok, `the machine takes what was compiled${loaded.ok ? '' : `: ${loaded.message}`}`);
      opened = { compiled: compiled.compiled, loaded: loaded.program, words: new InputWords(program) };
    }
    programs.set(key, opened);
    if (programs.size > programLimit) programs.delete(programs.keys().next().value as string);
    return opened;
  }

  return {
    set,
    check(corridor) {
      const compiled = compileCorridor(set, corridor);
      return compiled.ok ? [] : compiled.faults;
    },
    decide(facts, reader = publicReader) {
      const corridor = corridorOf(facts);
      if (corridor === undefined || !hasTime(facts)) return undecided(set, 'facts_insufficient', null);
      const opened = open(corridor);
      if (opened === undefined) return undecided(set, 'rules_refused', null);
      const { compiled, loaded, words } = opened;
      words.fill(facts);
      const clearedFor = clearedOwners(compiled, reader);
      const clearance = clearedFor === 0 ? everybody : labelOfReader(clearedFor);
      const ran = loaded.run({ inputs: words.words, clearance });
      if (!ran.ok) return undecided(set, 'rule_trapped', loaded.hash);
      const { ports, fuelUsed } = ran;
      const publicInput = words.publicBytes();
      return new RanDecision({
        set,
        corridor,
        compiled,
        program: loaded.hash,
        fuelUsed,
        ports,
        clearedFor,
        publicInput,
      });
    },
  };
}

/** A transaction without a time is decided on by no rule. */
function hasTime({ fields }: Facts): boolean {
  const time = fields.get('tx.time');
  const field = schema.get('tx.time');
  return typeof time === 'bigint' && field !== undefined && time >= field.least && time <= field.most;
}

/** Bits of the owners in a program that have cleared a reader. */
function clearedOwners({ program }: CorridorProgram, { clearedFor }: Reader): number {
  let cleared = 0;
  for (const [number, owner] of program.owners.entries())
    if (clearedFor.includes(owner)) cleared |= 1 << number;
  return cleared;
}

function labelOfReader(cleared: number): number {
  const categories = Array.from({ length: 16 }, (_, category) => category).filter(
    (category) => cleared & (1 << category),
  );
  return makeLabel({ secrecy: secretSecrecy, authority: 0, categories });
}
