/**
 * A rule set at work: decisions of the label machine, with a program for each corridor that is asked for. Nothing is decided here.
 *
 * src/rules/ may import kit, records and vm.
 */
import type { Machine } from '../../vm/host.ts';
import { assert } from '../kit/result.ts';
import type { Facts } from './checker/checked.ts';
import { fieldsOfRule } from './checker/owners.ts';
import { clearanceOf } from './clearance.ts';
import { type CompileFault, compileCorridor } from './compiler/compile.ts';
import { InputWords } from './compiler/input-words.ts';
import { type Explanation, publicReader, type Reader } from './decision.ts';
import { type Engine, type EngineProgram, interpreterAlone } from './engine.ts';
import { explainDecision, wantedOf } from './explanation.ts';
import { corridorOf } from './facts.ts';
import { transactionKinds } from './language/syntax.ts';
import { type MachineDecision, type OpenProgram, RanDecision, undecided } from './machine-decision.ts';
import { Probes } from './probe-run.ts';
import { schema } from './schema.ts';
import { groupsOf, saidOf } from './set/groups.ts';
import type { Corridor, Group, RuleSet } from './set/rule-set.ts';

export interface Rules {
  readonly set: RuleSet;
  /**
   * What the rules say to these facts, as far as the reader may know it: the public where nothing is said. Never ALLOW where anything went wrong.
   * `facts` are such as `checkFacts` takes.
   */
  decide(facts: Facts, reader?: Reader): MachineDecision;
  /** The same with what every clause came to, in a machine of its own; no rule is in it where none decided. */
  explain(facts: Facts, reader: Reader): Promise<Explanation>;
  /** Why the rules of a corridor cannot be compiled; nothing where they can. Their decisions are HOLD. */
  check(corridor: Corridor): readonly CompileFault[];
  /** Opens the program of a corridor before anybody asks for it; resolves when it is translated, or is known to stay with the interpreter. */
  prepare(corridor: Corridor): Promise<void>;
}

export interface RulesOptions {
  /**
   * Between how many machines the programs are shared. Where one holds several, going from one program to another loads it again: 70 µs of a program of
   * 100 rules, whose decision takes 8.
   */
  readonly machines?: number;
  /** What runs the programs; the interpreter where nothing is said. */
  readonly engine?: Engine;
}

/** A program in the machine: of one corridor, or of several to whom the same rules say the same. */
type Loaded = Omit<OpenProgram, 'corridor'> & { readonly loaded: EngineProgram };

interface Opened extends OpenProgram, Loaded {
  /** What explains its decisions, once somebody asked. */
  probes: Probes | undefined;
}

/** Why there is no program for a transaction. */
type Unopened = 'facts_insufficient' | 'rules_refused';

/** Programs that are kept at once, and corridors of which it is known which is theirs; of others they are made again. */
const programLimit = 256;
const corridorLimit = 4_096;

/**
 * Opens a rule set, which was checked. A program is made when the first transaction of its corridor comes.
 *
 * @example
 * const rules = await openRules(set, () => startMachine(wasm));
 * rules.decide(facts).verdict;
 */
export async function openRules(
  set: RuleSet,
  startMachine: () => Promise<Machine>,
  { machines = 4, engine = interpreterAlone() }: RulesOptions = {},
): Promise<Rules> {
  const started = await Promise.all(Array.from({ length: machines }, startMachine));
  /** Explanations are no reason for a program to be loaded again. */
  let explaining: Promise<Machine> | undefined;
  const programs = new ProgramCache(set, started, engine);

  function decide(facts: Facts, reader: Reader = publicReader): MachineDecision {
    const opened = programs.open(facts);
    if (typeof opened === 'string') return undecided(set, opened, null);
    const { compiled, loaded, words } = opened;
    words.fill(facts);
    const clearance = clearanceOf(reader, compiled.program.owners);
    const ran = loaded.run({ inputs: words.words, clearance: clearance.label });
    if (!ran.ok) return undecided(set, ran.code === 'trapped' ? 'rule_trapped' : ran.code, loaded.hash);
    return new RanDecision(set, opened, facts, ran.ports, ran.fuelUsed, clearance.owners);
  }

  return {
    set,
    decide,
    async explain(facts, reader) {
      const decision = decide(facts, reader);
      const opened = programs.open(facts);
      if (typeof opened === 'string' || decision.code !== undefined) return explainDecision(decision, [], []);
      const { compiled, corridor } = opened;
      explaining ??= startMachine();
      opened.probes ??= new Probes(await explaining, set, corridor, wantedOf(compiled.rules));
      return explainDecision(decision, compiled.rules, opened.probes.run(facts, reader));
    },
    check(corridor) {
      const compiled = compileCorridor(set, corridor);
      return compiled.ok ? [] : compiled.faults;
    },
    async prepare(corridor) {
      const opened = programs.openCorridor(corridor);
      if (typeof opened !== 'string') await opened.loaded.translate();
    },
  };
}

/** Programs by corridor; the one that was asked for longest ago makes room. */
class ProgramCache {
  private readonly set: RuleSet;
  private readonly machines: readonly Machine[];
  private readonly engine: Engine;
  private made = 0;
  private readonly corridors = new Map<string, Opened | Unopened>();
  /** By the groups of a corridor, and what it says that their rules ask for. */
  private readonly programs = new Map<string, Loaded>();
  private readonly numbers = new WeakMap<readonly Group[], number>();
  private numbered = 0;
  /** Most transactions are of the corridor of the one before. */
  private last: Opened | undefined;

  constructor(set: RuleSet, machines: readonly Machine[], engine: Engine) {
    this.set = set;
    this.machines = machines;
    this.engine = engine;
  }

  open(facts: Facts): Opened | Unopened {
    if (!hasTime(facts)) return 'facts_insufficient';
    const { last } = this;
    if (last !== undefined && isOf(last.corridor, facts)) return last;
    const corridor = corridorOf(facts);
    return corridor === undefined ? 'facts_insufficient' : this.openCorridor(corridor);
  }

  openCorridor(corridor: Corridor): Opened | Unopened {
    const { kind, origin, destination, currency } = corridor;
    const key = `${kind} ${origin} ${destination} ${currency}`;
    const opened = this.corridors.get(key) ?? this.find(corridor);
    touch(this.corridors, key, opened, corridorLimit);
    if (typeof opened !== 'string') this.last = opened;
    return opened;
  }

  private find(corridor: Corridor): Opened | Unopened {
    // To what is no corridor no rule applies: it would be allowed.
    if (!isCorridor(corridor)) return 'facts_insufficient';
    const key = this.programOf(corridor);
    const program = this.programs.get(key) ?? this.make(corridor);
    if (typeof program === 'string') return program;
    touch(this.programs, key, program, programLimit);
    return { ...program, corridor, probes: undefined };
  }

  /** What is the same for corridors to whom the same rules say the same. */
  private programOf(corridor: Corridor): string {
    const groups = groupsOf(this.set, corridor);
    const number = this.numbers.get(groups) ?? this.numbered++;
    this.numbers.set(groups, number);
    const fields = groups.flatMap(({ members }) => members.map(({ rule }) => fieldsOfRule(rule)));
    return `${number} ${saidOf(corridor, fields)}`;
  }

  private make(corridor: Corridor): Loaded | Unopened {
    const compiled = compileCorridor(this.set, corridor);
    if (!compiled.ok) return 'rules_refused';
    const { program } = compiled.compiled;
    const machine = this.machines[this.made++ % this.machines.length];
    assert(machine !== undefined, 'there is a machine at least');
    const loaded = machine.load(program.bytes);
    assert(loaded.ok, `the machine takes what was compiled${loaded.ok ? '' : `: ${loaded.message}`}`);
    return {
      compiled: compiled.compiled,
      loaded: this.engine.open(program.bytes, loaded.program),
      hash: loaded.program.hash,
      words: new InputWords(program),
    };
  }
}

/** Puts what was asked for last at the end; what was asked for longest ago makes room. */
function touch<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

function isOf({ kind, origin, destination, currency }: Corridor, facts: Facts): boolean {
  const { fields } = facts;
  return (
    kind === facts.kind &&
    origin === fields.get('tx.origin') &&
    destination === fields.get('tx.destination') &&
    currency === fields.get('tx.currency')
  );
}

function isCorridor({ kind, origin, destination, currency }: Corridor): boolean {
  const isCountry = (code: string): boolean => /^[A-Z]{2}$/.test(code);
  return (
    transactionKinds.includes(kind) &&
    isCountry(origin) &&
    isCountry(destination) &&
    /^[A-Z]{3}$/.test(currency)
  );
}

const time = schema.get('tx.time');

/** A transaction without a time is decided on by no rule. */
function hasTime({ fields }: Facts): boolean {
  const value = fields.get('tx.time');
  return typeof value === 'bigint' && time !== undefined && value >= time.least && value <= time.most;
}
