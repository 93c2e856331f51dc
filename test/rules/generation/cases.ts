/** Cases, each a rule set with facts and a reader, named by a seed; and decisions as text, to compare them. */
import type { Facts } from '../../../src/rules/checker/checked.ts';
import { publicReader, type Reader, type RuleDecision } from '../../../src/rules/decision.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { type Choice, SeededChoice } from './choice.ts';
import { bordersOf, generateCorridor, generateFacts } from './facts.ts';
import { generateSet } from './rule-sets.ts';

export interface Case {
  /** Of the set. */
  readonly seed: number;
  readonly set: RuleSet;
  readonly facts: Facts;
  readonly reader: Reader;
}

const owners = ['US', 'FR', 'EU', 'FR + US', 'FATF', 'ANY', 'DE', 'issuer'];
/** Of one set, so that few programs are compiled for many decisions. */
const corridors = 3;

/** The cases of one set: `count` facts, in a few corridors. */
export function* casesOf(seed: number, count: number): Generator<Case> {
  const choice = new SeededChoice(seed);
  const { set } = generateSet(choice);
  yield* casesOfSet(choice, seed, set, count);
}

export function* casesOfSet(choice: Choice, seed: number, set: RuleSet, count: number): Generator<Case> {
  const borders = bordersOf(set);
  const among = Array.from({ length: corridors }, () => generateCorridor(choice, set));
  for (let index = 0; index < count; index++) {
    const facts = generateFacts(choice, borders, choice.pick(among));
    yield { seed, set, facts, reader: readerOf(choice) };
  }
}

function readerOf(choice: Choice): Reader {
  if (choice.once(2)) return publicReader;
  return { clearedFor: choice.once(3) ? owners : owners.filter(() => choice.once(3)) };
}

/** A decision as text: the same for the same decision, however its object was built. */
export function decisionText(decision: RuleDecision): string {
  return showDecision(decision).join('\n');
}

function showDecision({ verdict, fired, rules, groups, missing, room }: RuleDecision): string[] {
  return [
    `${verdict}; fired ${fired.join()}; missing ${missing.join()}; room ${room}`,
    ...rules.map(
      ({ rule, applies, error, met, fired: one, defeatedBy }) =>
        `${rule}: applies ${applies} error ${error} met ${met} fired ${one} defeated by ${defeatedBy?.join()}`,
    ),
    ...groups.map(
      ({ jurisdiction, layer, control, verdict: one, conflict }) =>
        `${jurisdiction} ${layer} ${control}: ${one} conflict ${conflict}`,
    ),
  ];
}

/** What a failing case is shown as, so that it can be made again. */
export function caseText({ seed, set, facts, reader }: Case): string {
  const show = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => {
      if (part instanceof Map) return Object.fromEntries([...part].map(([key, one]) => [String(key), one]));
      return typeof part === 'bigint' ? String(part) : part;
    });
  return [
    `seed ${seed}; cleared for ${reader.clearedFor.join()}`,
    show(facts),
    `parameters ${show(set.parameters)}; lists ${[...set.lists.keys()].join()}`,
    ...set.modules.map(({ text }) => text),
  ].join('\n');
}
