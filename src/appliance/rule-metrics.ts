/** Rules and what they decide for Prometheus: text exposition, version 0.0.4. */
import { toHex } from '../kit/bytes.ts';
import type { RuleSet } from '../records/claims.ts';
import type { ShadowReport } from '../roles/shadow-rules.ts';
import { type Engine, engineChoices } from '../rules/engine.ts';
import { verdicts } from '../rules/language/syntax.ts';

/** Since the system was started. */
export interface RuleFigures {
  /** Orders by their verdict. */
  readonly orders: Map<string, number>;
  /** Sets that were not taken over. */
  refusals: number;
}

export function showRules(
  { version, hash }: RuleSet,
  { orders, refusals }: RuleFigures,
  shadow: ShadowReport | undefined,
  engine: Engine,
): string {
  const lines = [
    '# HELP ringmint_rules_version Version of the rule set in force; the hash is of what it means.',
    '# TYPE ringmint_rules_version gauge',
    `ringmint_rules_version{hash="${toHex(hash)}"} ${version}`,
    '# HELP ringmint_rules_refused_total Rule sets that were activated and not taken over.',
    '# TYPE ringmint_rules_refused_total counter',
    `ringmint_rules_refused_total ${refusals}`,
    '# HELP ringmint_orders_decided_total Orders that the rules decided, by verdict.',
    '# TYPE ringmint_orders_decided_total counter',
    ...verdicts.map(
      (verdict) => `ringmint_orders_decided_total{verdict="${verdict}"} ${orders.get(verdict) ?? 0}`,
    ),
    ...showEngine(engine),
    ...(shadow === undefined ? [] : showShadow(shadow)),
  ];
  return `${lines.join('\n')}\n`;
}

function showEngine({ inUse, difference, figures }: Engine): string[] {
  const { translations, untranslated, translated, interpreted, compared } = figures;
  return [
    '# HELP ringmint_rules_engine What runs the rules now: 1 of one of them.',
    '# TYPE ringmint_rules_engine gauge',
    ...engineChoices.map((one) => `ringmint_rules_engine{engine="${one}"} ${one === inUse ? 1 : 0}`),
    '# HELP ringmint_rules_engine_differs 1 where a translation came to something else than the interpreter, which decides alone since.',
    '# TYPE ringmint_rules_engine_differs gauge',
    `ringmint_rules_engine_differs ${difference === null ? 0 : 1}`,
    '# HELP ringmint_rules_runs_total Runs of programs by what gave the answer, the shadow set among them.',
    '# TYPE ringmint_rules_runs_total counter',
    `ringmint_rules_runs_total{engine="translated"} ${translated}`,
    `ringmint_rules_runs_total{engine="interpreter"} ${interpreted}`,
    '# HELP ringmint_rules_compared_total Runs that were made by both and compared.',
    '# TYPE ringmint_rules_compared_total counter',
    `ringmint_rules_compared_total ${compared}`,
    '# HELP ringmint_rules_programs_total Programs that were translated, or stay with the interpreter since that was refused.',
    '# TYPE ringmint_rules_programs_total counter',
    `ringmint_rules_programs_total{outcome="translated"} ${translations}`,
    `ringmint_rules_programs_total{outcome="refused"} ${untranslated}`,
  ];
}

function showShadow({ orders, different, dropped, failed, counts }: ShadowReport): string[] {
  return [
    '# HELP ringmint_shadow_orders_total Orders that the shadow set decided, too: the same or otherwise, dropped for want of room, or failed.',
    '# TYPE ringmint_shadow_orders_total counter',
    `ringmint_shadow_orders_total{outcome="same"} ${orders - different - failed}`,
    `ringmint_shadow_orders_total{outcome="different"} ${different}`,
    `ringmint_shadow_orders_total{outcome="dropped"} ${dropped}`,
    `ringmint_shadow_orders_total{outcome="failed"} ${failed}`,
    '# HELP ringmint_shadow_differences_total Orders that the shadow set decided otherwise, by kind and by the code that only one of the two gives.',
    '# TYPE ringmint_shadow_differences_total counter',
    ...counts.map(
      ({ kind, rule, orders: count }) =>
        `ringmint_shadow_differences_total{kind="${kind}",rule="${rule}"} ${count}`,
    ),
  ];
}
