/** What generated cases reach of the language: a sweep that never has a conflict says nothing of conflicts. */
import type { Typed } from '../../../src/rules/checker/checked.ts';
import { beatersOf, groupsOfMet, metRules } from '../../../src/rules/evaluator/applying-rule.ts';
import { partsOf } from '../../../src/rules/evaluator/clearance.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import {
  evaluateExpression,
  isError,
  type Reading,
  timeOf,
} from '../../../src/rules/evaluator/expression.ts';
import { layers, verdicts } from '../../../src/rules/language/syntax.ts';
import type { Case } from './cases.ts';

const all = { clearedFor: ['US', 'FR', 'EU', 'FR + US', 'FATF', 'ANY', 'DE', 'issuer'] };
const roundings = ['floor', 'ceiling', 'down', 'up', 'half_even', 'half_up'];
const operations = [
  ...[
    'constant',
    'field',
    'has',
    'parameter',
    'feed',
    'spent',
    'count',
    'listed',
    'and',
    'or',
    'not',
    'negate',
  ],
  ...['add', 'subtract', 'multiply', 'divide', 'remainder', 'min', 'max', 'select'],
  ...['==', '!=', '<', '<=', '>', '>='].map((operator) => `compare ${operator}`),
  ...['scale', 'share', 'convert'].flatMap((op) => roundings.map((rounding) => `${op} ${rounding}`)),
];

/** All that a sweep has to reach. */
export const reachable: readonly string[] = [
  ...operations,
  ...['field', 'feed', 'spent', 'count', 'add', 'subtract', 'multiply', 'divide', 'remainder', 'negate'].map(
    (op) => `${op}: error`,
  ),
  ...['scale', 'share', 'convert', 'min', 'max', 'listed', 'and', 'or', 'not', 'select', 'compare'].map(
    (op) => `${op}: error`,
  ),
  ...[
    'feed: DENY',
    'convert: DENY',
    'convert: own currency',
    'and: absorbs',
    'or: absorbs',
    'select: passes by an error',
  ],
  ...['listed: true', 'listed: false', 'share: by less than 0', 'scale: of less than 0'],
  ...verdicts.map((verdict) => `decision ${verdict}`),
  ...verdicts.map((verdict) => `rule of ${verdict} in force`),
  ...layers.map((layer) => `group of ${layer}`),
  ...[
    'cap met',
    'cap not met',
    'field required',
    'field there',
    'rule before its time',
    'rule after its time',
  ],
  ...[
    'error HOLD',
    'error DENY',
    'strict error',
    'error of a rule that is beaten',
    'error in the numbers under an error in the condition',
  ],
  ...['conflict of verdicts', 'conflict of caps', 'strict conflict', 'conflict above the results'],
  ...[
    'defeated by an exception',
    'defeated by a priority',
    'defeated over several steps',
    'defeated from another module',
  ],
  ...[
    'defeated by one that is defeated',
    'exception without its rule',
    'room',
    'no room left',
    'kept from the reader',
    'revealed by code',
  ],
  ...['without origin, destination, currency or time', 'no rule'],
];

export class Reach {
  readonly counts = new Map<string, number>(reachable.map((name) => [name, 0]));

  missing(): readonly string[] {
    return [...this.counts].filter(([, count]) => count === 0).map(([name]) => name);
  }

  toString(): string {
    return [...this.counts].map(([name, count]) => `${name} ${count}`).join(', ');
  }

  add(one: Case): void {
    const { set, facts, reader } = one;
    const decision = evaluate(set, facts, all);
    this.hit(`decision ${decision.verdict}`);
    if (decision.rules.length === 0) {
      this.hit(decision.verdict === 'HOLD' ? 'without origin, destination, currency or time' : 'no rule');
      return;
    }
    const rules = metRules(set, facts);
    const readings = new Map<string, Reading>();
    for (const { rule, module } of rules) {
      const reading = readings.get(module.name) ?? { set, module: module.name, facts, known: new Map() };
      readings.set(module.name, reading);
      const time = timeOf(facts);
      if (rule.from !== undefined && time < rule.from) this.hit('rule before its time');
      if (rule.expires !== undefined && time >= rule.expires) this.hit('rule after its time');
      const when = rule.when && evaluateExpression(rule.when, reading);
      if (rule.body.kind !== 'cap' || when === false) continue;
      const numbers = [rule.body.cap, rule.body.measure].map((part) => evaluateExpression(part, reading));
      if (isError(when) && numbers.some(isError))
        this.hit('error in the numbers under an error in the condition');
    }
    for (const reading of readings.values())
      for (const typed of reading.known.keys()) this.addTyped(typed, reading);
    this.addRules(one, rules);
    const seen = evaluate(set, facts, reader);
    for (const [index, { fired }] of seen.rules.entries()) {
      if (fired === undefined) this.hit('kept from the reader');
      else if (seen.rules[index]?.defeatedBy === undefined) this.hit('revealed by code');
    }
    if (decision.room === 0n) this.hit('no room left');
    else if (decision.room !== null) this.hit('room');
  }

  private addTyped(typed: Typed, reading: Reading): void {
    const outcome = reading.known.get(typed);
    const name =
      typed.op === 'compare'
        ? `compare ${typed.operator}`
        : 'rounding' in typed
          ? `${typed.op} ${typed.rounding}`
          : typed.op;
    this.hit(name);
    const parts = partsOf(typed).map((part) => reading.known.get(part));
    if (isError(outcome)) {
      this.hit(`${typed.op}: error`);
      if (outcome.error === 'DENY') this.hit(`${typed.op}: DENY`);
    } else if (parts.some(isError)) this.hit(`${typed.op}: absorbs`);
    if (typed.op === 'select' && !isError(outcome)) {
      const other = reading.known.get(typed.condition) === true ? typed.otherwise : typed.then;
      if (isError(evaluateExpression(other, reading))) this.hit('select: passes by an error');
    }
    if (typed.op === 'listed') this.hit(outcome === true ? 'listed: true' : 'listed: false');
    if (typed.op === 'convert' && reading.facts.fields.get('tx.currency') === typed.to)
      this.hit('convert: own currency');
    const [first, second] = parts;
    if (typed.op === 'share' && typeof second === 'bigint' && second < 0n) this.hit('share: by less than 0');
    if (typed.op === 'scale' && typeof first === 'bigint' && first < 0n) this.hit('scale: of less than 0');
  }

  private addRules({ set, facts }: Case, rules: ReturnType<typeof metRules>): void {
    const decision = evaluate(set, facts, all);
    const beaters = beatersOf(set);
    const outcomes = new Map(decision.rules.map((outcome) => [outcome.rule, outcome]));
    const byId = new Map(rules.map((one) => [one.rule.id, one]));
    for (const { rule, module } of rules) {
      const outcome = outcomes.get(rule.id);
      if (outcome === undefined) continue;
      const { applies = false, error = 'none', met = false, defeatedBy = [] } = outcome;
      if (rule.body.kind === 'cap' && applies) this.hit(met ? 'cap met' : 'cap not met');
      if (rule.body.kind === 'require' && applies) this.hit(met ? 'field required' : 'field there');
      if (applies && defeatedBy.length === 0) this.hit(`rule of ${rule.body.verdict} in force`);
      if (rule.exceptionTo !== undefined && !byId.has(rule.exceptionTo))
        this.hit('exception without its rule');
      if (error !== 'none') {
        this.hit(`error ${error}`);
        if (rule.layer === 'strict') this.hit('strict error');
        if ([...(beaters.get(rule.id) ?? [])].some((id) => outcomes.get(id)?.applies))
          this.hit('error of a rule that is beaten');
      }
      for (const id of defeatedBy) {
        const winner = byId.get(id);
        if (winner === undefined) continue;
        if (winner.rule.exceptionTo === rule.id) this.hit('defeated by an exception');
        else if (winner.rule.exceptionTo === rule.exceptionTo) this.hit('defeated by a priority');
        else this.hit('defeated over several steps');
        if (winner.module !== module) this.hit('defeated from another module');
        if ((outcomes.get(id)?.defeatedBy ?? []).length > 0) this.hit('defeated by one that is defeated');
      }
    }
    for (const [index, group] of groupsOfMet(rules).entries()) {
      this.hit(`group of ${group.layer}`);
      const outcome = decision.groups[index];
      if (outcome?.conflict !== true) continue;
      const [{ rule } = {}] = group.members;
      this.hit(rule?.control.of === 'cap' ? 'conflict of caps' : 'conflict of verdicts');
      if (group.layer === 'strict') this.hit('strict conflict');
      const results = group.members.map((one) =>
        outcomes.get(one.rule.id)?.fired === true ? verdicts.indexOf(one.rule.body.verdict) : 0,
      );
      if (verdicts.indexOf(outcome.verdict ?? 'ALLOW') > Math.max(...results))
        this.hit('conflict above the results');
    }
  }

  private hit(name: string): void {
    const count = this.counts.get(name);
    if (count !== undefined) this.counts.set(name, count + 1);
  }
}
