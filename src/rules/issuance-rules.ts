/** A rule set as central management decides orders by it: the label machine's decisions, with the codes that a denial tells. */
import { startMachine } from '../../vm/host.ts';
import { sha256 } from '../kit/bytes.ts';
import type { CheckedModule, Rule } from './checker/checked.ts';
import type { Engine } from './engine.ts';
import type { RulesInForce } from './in-force.ts';
import { rankOf, type Verdict } from './language/syntax.ts';
import type { MachineDecision } from './machine-decision.ts';
import { openRules } from './rules.ts';
import type { RuleSet } from './set/rule-set.ts';

/** Of its rules the name alone is told, as long as there are denials. */
const policyModule = 'policy.issuance';
/** A denial has at most so many. */
const reasonLimit = 64;

/** Opens a checked set on a machine of its own; `wasm` is the label machine, and `engine` what runs the programs: the interpreter where nothing is said. */
export async function openIssuanceRules(
  set: RuleSet,
  wasm: Uint8Array,
  release: string,
  engine?: Engine,
): Promise<RulesInForce> {
  const rules = await openRules(set, () => startMachine(wasm), engine === undefined ? {} : { engine });
  const modules = set.modules.filter(({ on }) => on.includes('issuance'));
  const known = new Map(modules.flatMap((module) => module.rules.map((rule) => [rule.id, { module, rule }])));
  return {
    ruleSet: { version: Number(set.version), hash: set.hash },
    machine: sha256(wasm),
    release,
    feeds: [...new Set(modules.flatMap(({ feeds }) => feeds.map(({ name }) => name)))],
    windows: [...new Set(modules.flatMap(({ windows }) => windows.map(({ seconds }) => seconds)))],
    check: (corridor) => rules.check(corridor).map(({ message }) => message),
    prepare: (corridor) => rules.prepare(corridor),
    decide(facts) {
      const decision = rules.decide(facts);
      const { verdict, program, fuelUsed, traceHash, room } = decision;
      const amount = facts.fields.get('tx.amount');
      const isBelow = room !== null && typeof amount === 'bigint' && room < amount && room > 0n;
      return {
        verdict,
        reasons: verdict === 'ALLOW' ? [] : reasonsOf(decision, known),
        program,
        fuel: fuelUsed,
        wouldPass: isBelow ? room : null,
        traceHash,
      };
    },
  };
}

interface Known {
  readonly module: CheckedModule;
  readonly rule: Rule;
}

/** Of a FLAG the rules that flagged it; of a denial all that is public of why. */
function reasonsOf(decision: MachineDecision, known: ReadonlyMap<string, Known>): readonly string[] {
  const { verdict, code, fired, rules, groups } = decision;
  if (code !== undefined) return [code];
  const least: Verdict = verdict === 'FLAG' ? 'FLAG' : 'HOLD';
  const reasons = new Set<string>();
  let explained: Verdict = 'ALLOW';
  const add = (result: Verdict, reason: string): void => {
    if (rankOf(result) < rankOf(least)) return;
    reasons.add(reason);
    if (rankOf(result) > rankOf(explained)) explained = result;
  };
  for (const id of fired) {
    const found = known.get(id);
    if (found !== undefined) add(found.rule.body.verdict, codeOf(found));
  }
  for (const { error } of rules)
    if (error === 'HOLD' || error === 'DENY') add(error, error === 'DENY' ? 'rule_error' : 'rule_on_hold');
  for (const { conflict, layer } of groups)
    if (conflict === true) add(layer === 'strict' ? 'DENY' : 'HOLD', 'rule_conflict');
  // Of what is not told there is the verdict alone.
  if (rankOf(explained) < rankOf(verdict)) reasons.add('rule_confidential');
  return [...reasons].slice(0, reasonLimit);
}

function codeOf({ module, rule }: Known): string {
  return module.name === policyModule ? rule.name : rule.id;
}
