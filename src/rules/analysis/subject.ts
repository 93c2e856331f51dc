/** A rule set under analysis: its formulas for each corridor, the solver that is asked, and the machine that its answers are tried on. */
import type { CheckedModule, Facts } from '../checker/checked.ts';
import { fieldsOfRule } from '../checker/owners.ts';
import { fieldsBelow } from '../checker/part.ts';
import { groupsOf, modulesOf, saidOf } from '../set/groups.ts';
import type { Group, RuleSet } from '../set/rule-set.ts';
import { type CorridorClass, corridorsOf, showCorridor } from './corridors.ts';
import { DecisionCoder } from './decision-coder.ts';
import { FactTerms, type Inputs, type InputsOfSets, inputsOf } from './fact-terms.ts';
import type { Decide, Finding, FindingCode, Place, Witness } from './finding.ts';
import type { Questions } from './question.ts';
import type { Answer } from './solving.ts';
import { type Term, Terms } from './term.ts';
import { Universe } from './universe.ts';
import { expressionsOfModule } from './walking.ts';

export interface SubjectOptions {
  readonly set: RuleSet;
  readonly questions: Questions;
  readonly decide: Decide;
  /** Transactions from then on, in seconds. */
  readonly now: bigint;
  /** Of something that takes its time: what it is, how much of it is done, and how much there is. */
  readonly progress: (stage: string, done: number, all: number) => void;
}

export interface At {
  readonly coder: DecisionCoder;
  readonly where: CorridorClass;
}

export interface GroupAt extends At {
  readonly group: Group;
}

export class Subject {
  readonly options: SubjectOptions;
  readonly terms = new Terms();
  readonly corridors: readonly CorridorClass[];
  private readonly universe: Universe;
  private readonly inputs: InputsOfSets;
  private readonly coders = new Map<string, DecisionCoder>();

  constructor(options: SubjectOptions) {
    this.options = options;
    this.corridors = corridorsOf([options.set]);
    const named = this.corridors.flatMap(({ corridor: { origin, destination, currency } }) => [
      origin,
      destination,
      currency,
    ]);
    this.universe = new Universe([options.set], named);
    this.inputs = inputsOf([options.set]);
  }

  /** The formulas of a corridor. */
  coder(where: CorridorClass, inputs: Inputs, changedField?: string): DecisionCoder {
    const key = [showCorridor(where.corridor), inputs, changedField].join('|');
    let coder = this.coders.get(key);
    if (coder === undefined) {
      const facts = new FactTerms({
        terms: this.terms,
        universe: this.universe,
        corridor: where.corridor,
        inputs,
        of: this.inputs,
        now: this.options.now,
        ...(changedField === undefined ? {} : { changed: { field: changedField, mark: ' 2' } }),
      });
      coder = new DecisionCoder(this.options.set, facts);
      this.coders.set(key, coder);
    }
    return coder;
  }

  /** Each group in the corridors where it is not the same as in one before. */
  groups(inputs: Inputs): readonly GroupAt[] {
    const seen = new Set<string>();
    const numbers = new Map<Group, number>();
    return this.corridors.flatMap((where) =>
      groupsOf(this.options.set, where.corridor).flatMap((group) => {
        const number = numbers.get(group) ?? numbers.size;
        numbers.set(group, number);
        const key = `${number}|${where.corridor.kind}|${saidOf(
          where.corridor,
          group.members.map(({ rule }) => fieldsOfRule(rule)),
        )}`;
        if (seen.has(key)) return [];
        seen.add(key);
        return [{ coder: this.coder(where, inputs), where, group }];
      }),
    );
  }

  /** Corridors that differ in what `module` comes to. */
  corridorsOfModule(module: CheckedModule): readonly CorridorClass[] {
    const seen = new Set<string>();
    return this.corridors.filter((where) => {
      const applying = modulesOf(this.options.set, where.corridor);
      if (!applying.includes(module)) return false;
      const key = `${where.corridor.kind}|${applying.map(({ name }) => name).join()}|${saidOf(where.corridor, applying.map(readsOfModule))}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }

  ask(...assertions: readonly Term[]): Promise<Answer> {
    return this.options.questions.ask(this.terms, ...assertions);
  }

  /** What the machine says to the transaction of a model. */
  async witness(facts: Facts): Promise<Witness> {
    return { facts, decision: await this.options.decide(this.options.set, facts) };
  }
}

const readByModules = new WeakMap<CheckedModule, ReadonlySet<string>>();

/** The fields that a module looks at; a rate is of the transaction's currency. */
function readsOfModule(module: CheckedModule): ReadonlySet<string> {
  let reads = readByModules.get(module);
  if (reads === undefined) {
    reads = fieldsBelow([...expressionsOfModule(module)]);
    readByModules.set(module, reads);
  }
  return reads;
}

/** A finding about rules, with the places of all of them. */
export function findingOf(
  code: FindingCode,
  members: readonly {
    readonly rule: { readonly id: string; readonly span: Place['span'] };
    readonly module: CheckedModule;
  }[],
  message: string,
  more: Partial<Pick<Finding, 'corridor' | 'witnesses'>> = {},
): Finding {
  return {
    code,
    rules: members.map(({ rule }) => rule.id),
    places: members.map(({ rule, module }) => ({ module, span: rule.span })),
    message,
    witnesses: [],
    ...more,
  };
}

/** A model that the machine says otherwise to: a defect that has to be told. */
export function unconfirmed(finding: Finding, found: string): Finding {
  return {
    ...finding,
    code: 'witness_unconfirmed',
    message: `a defect of ringmint, please report it: the solver says ${finding.message}; ${found}`,
  };
}
