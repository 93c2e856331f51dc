/**
 * The decision of a rule set, by docs/RULES.md "Meaning", point by point: the second opinion on the label machine. It shares nothing with the
 * compiler but the types, and is written for being read beside the document, not for speed.
 */
import { type CheckedModule, type Facts, numberLimit, type Typed } from '../checker/checked.ts';
import type { GroupOutcome, Reader, RuleDecision, RuleOutcome } from '../decision.ts';
import { type Verdict, verdicts } from '../language/syntax.ts';
import { schema } from '../schema.ts';
import type { RuleSet } from '../set/rule-set.ts';
import { beatersOf, groupsOfMet, type MetGroup, type MetRule, metRules } from './applying-rule.ts';
import { joinOwners, mayRead, type Owners, ownersOfRule, partsOf } from './clearance.ts';
import { evaluateExpression, greatestError, type Outcome, type Reading, timeOf } from './expression.ts';

/** What one rule comes to, before anybody's clearance is asked. */
interface Finding extends MetRule {
  readonly applies: boolean;
  readonly error: 'none' | 'HOLD' | 'DENY';
  /** Of a cap in numbers, where it applies. */
  readonly cap: bigint | undefined;
  readonly measure: bigint | undefined;
  readonly met: boolean;
}

interface Standing extends Finding {
  /** Ids of those that apply and beat it; empty where it does not apply. */
  readonly defeatedBy: readonly string[];
  readonly inForce: boolean;
  /** Of a rule in force; ALLOW of any other. */
  readonly result: Verdict;
  readonly fired: boolean;
  /** Of its expressions. */
  readonly owners: Owners;
  /** Those, and of all rules that may beat it here. */
  readonly ownersWithBeaters: Owners;
}

/** What the rule set says to these facts, as far as the reader may know it. The set was checked, and the facts are of the right types. */
export function evaluate(set: RuleSet, facts: Facts, reader: Reader): RuleDecision {
  if (!canBeDecided(facts))
    return { verdict: 'HOLD', fired: [], rules: [], groups: [], missing: [], room: null };
  const met = metRules(set, facts);
  const readings = new Map<CheckedModule, Reading>();
  const findings = met.map((rule) => {
    const reading = readings.get(rule.module) ?? { set, module: rule.module.name, facts, known: new Map() };
    readings.set(rule.module, reading);
    return findOf(rule, reading);
  });
  const beaters = beatersOf(set);
  const standings = findings.map((finding) => standingOf(finding, findings, beaters));
  const byId = new Map(standings.map((standing) => [standing.rule.id, standing]));
  const groups = groupsOfMet(met).map((group) => {
    const members = group.members.map(({ rule }) => byId.get(rule.id) as Standing);
    return groupOutcomeOf(group, members, reader);
  });
  const firedForReader = standings.filter((standing) => standing.fired && seesFired(standing, reader));
  return {
    verdict: greatest(groups.map(({ verdict = 'ALLOW' }) => verdict)),
    fired: firedForReader.map(({ rule }) => rule.id),
    rules: standings.map((standing) => ruleOutcomeOf(standing, reader)),
    groups,
    missing: [
      ...new Set(
        firedForReader.flatMap(({ rule: { body } }) => (body.kind === 'require' ? [body.field.name] : [])),
      ),
    ],
    room: roomOf(standings, facts),
  };
}

/** The four facts without which nobody knows which rules apply, and when. */
function canBeDecided({ fields }: Facts): boolean {
  const time = fields.get('tx.time');
  const { least = 0n, most = numberLimit } = schema.get('tx.time') ?? {};
  return (
    ['tx.origin', 'tx.destination', 'tx.currency'].every((name) => fields.has(name)) &&
    typeof time === 'bigint' &&
    time >= least &&
    time <= most
  );
}

function greatest(of: readonly Verdict[]): Verdict {
  return verdicts[Math.max(0, ...of.map((verdict) => verdicts.indexOf(verdict)))] as Verdict;
}

/** Points 4, 6 and 9: whether the rule applies, whether it is in error, and whether what it asks for is so. */
function findOf(one: MetRule, reading: Reading): Finding {
  const { rule } = one;
  const none = {
    ...one,
    applies: false,
    error: 'none',
    cap: undefined,
    measure: undefined,
    met: false,
  } as const;
  const time = timeOf(reading.facts);
  if (rule.from !== undefined && time < rule.from) return none;
  if (rule.expires !== undefined && time >= rule.expires) return none;
  const when = rule.when === undefined ? true : evaluateExpression(rule.when, reading);
  if (when === false) return none;
  let cap: Outcome | undefined;
  let measure: Outcome | undefined;
  if (rule.body.kind === 'cap') {
    cap = evaluateExpression(rule.body.cap, reading);
    measure = evaluateExpression(rule.body.measure, reading);
  }
  const error = greatestError(when, cap, measure);
  if (error !== undefined) return { ...none, error: rule.layer === 'strict' ? 'DENY' : error.error };
  const found = { ...none, applies: true };
  switch (rule.body.kind) {
    case 'verdict':
      return { ...found, met: true };
    case 'cap':
      return {
        ...found,
        cap: cap as bigint,
        measure: measure as bigint,
        met: (measure as bigint) > (cap as bigint),
      };
    case 'require':
      return { ...found, met: !reading.facts.fields.has(rule.body.field.name) };
  }
}

/** Point 5, and what follows from it for the rule. */
function standingOf(
  finding: Finding,
  findings: readonly Finding[],
  beaters: ReadonlyMap<string, ReadonlySet<string>>,
): Standing {
  const mayBeat = findings.filter(({ rule }) => beaters.get(finding.rule.id)?.has(rule.id));
  const defeatedBy = finding.applies ? mayBeat.filter(({ applies }) => applies) : [];
  const inForce = finding.applies && defeatedBy.length === 0;
  const result = inForce && finding.met ? finding.rule.body.verdict : 'ALLOW';
  const owners = ownersOfRule(finding);
  return {
    ...finding,
    defeatedBy: defeatedBy.map(({ rule }) => rule.id),
    inForce,
    result,
    fired: result !== 'ALLOW',
    owners,
    ownersWithBeaters: joinOwners([owners, ...mayBeat.map(ownersOfRule)]),
  };
}

/** Points 7 and 8. */
function groupOutcomeOf(group: MetGroup, members: readonly Standing[], reader: Reader): GroupOutcome {
  const inForce = members.filter((member) => member.inForce);
  const isConflict = inForce.some((one) => inForce.some((other) => areInConflict(one, other)));
  const errors = members.flatMap(({ error }) => (error === 'none' ? [] : [error]));
  const ofConflict: readonly Verdict[] = isConflict ? [group.layer === 'strict' ? 'DENY' : 'HOLD'] : [];
  const verdict = greatest([...inForce.map(({ result }) => result), ...ofConflict, ...errors]);
  const { jurisdiction, layer, control } = group;
  return {
    jurisdiction,
    layer,
    control,
    verdict,
    ...(mayRead(reader, joinOwners(members.map(({ owners }) => owners))) ? { conflict: isConflict } : {}),
  };
}

function areInConflict(one: Standing, other: Standing): boolean {
  const a = one.rule.body;
  const b = other.rule.body;
  if (a.kind === 'verdict' && b.kind === 'verdict') return a.verdict !== b.verdict;
  if (a.kind === 'cap' && b.kind === 'cap')
    return one.cap !== other.cap || typeText(a.cap) !== typeText(b.cap);
  return false;
}

function typeText({ type }: Typed): string {
  return type.kind === 'money' ? `money<${type.currency}>` : type.kind;
}

function seesFired({ rule, ownersWithBeaters }: Standing, reader: Reader): boolean {
  return rule.reveals === 'code' || mayRead(reader, ownersWithBeaters);
}

function ruleOutcomeOf(standing: Standing, reader: Reader): RuleOutcome {
  const { rule, applies, error, met, fired, defeatedBy, owners, ownersWithBeaters } = standing;
  return {
    rule: rule.id,
    ...(mayRead(reader, owners) ? { applies, error, met } : {}),
    ...(seesFired(standing, reader) ? { fired } : {}),
    ...(mayRead(reader, ownersWithBeaters) ? { defeatedBy } : {}),
  };
}

/** The largest amount that the public caps in force on the amount let pass. */
function roomOf(standings: readonly Standing[], facts: Facts): bigint | null {
  const amount = facts.fields.get('tx.amount');
  const rooms = standings.flatMap(({ rule: { body }, inForce, cap, measure, ownersWithBeaters }) => {
    if (!inForce || cap === undefined || measure === undefined || typeof amount !== 'bigint') return [];
    if (body.kind !== 'cap' || typeText(body.cap) !== 'money<tx>') return [];
    if (!isSumWithAmount(body.measure) || looksAtAmount(body.cap) || ownersWithBeaters.size > 0) return [];
    const room = cap - measure + amount;
    return [room < 0n ? 0n : room];
  });
  return rooms.reduce<bigint | null>((least, room) => (least === null || room < least ? room : least), null);
}

/** Whether the amount is just one of the parts that are added. */
function isSumWithAmount(measure: Typed): boolean {
  return amountsAdded(measure, new Map()) === 1;
}

/** How often the amount is one of the parts that are added; more than any number where it is looked at in another way. */
function amountsAdded(typed: Typed, known: Map<Typed, number>): number {
  const before = known.get(typed);
  if (before !== undefined) return before;
  const of = (part: Typed): number => amountsAdded(part, known);
  let count = 0;
  if (isAmount(typed)) count = 1;
  else if (typed.op === 'add') count = of(typed.left) + of(typed.right);
  else if (partsOf(typed).some((part) => of(part) > 0)) count = Number.POSITIVE_INFINITY;
  known.set(typed, count);
  return count;
}

function looksAtAmount(typed: Typed): boolean {
  return amountsAdded(typed, new Map()) > 0;
}

function isAmount(typed: Typed): boolean {
  return typed.op === 'field' && typed.field.name === 'tx.amount';
}
