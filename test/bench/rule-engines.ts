/** Rules of three and of five clauses in the other engines that npm has: each answers whether a payment is denied. */
import { createRequire } from 'node:module';
import { celEnv, parse, plan } from '@bufbuild/cel';
import { Environment } from '@marcbachmann/cel-js';
import jsonLogic, { type RulesLogic } from 'json-logic-js';

/** Amounts in minor units, all of one currency. */
export type Payment = {
  readonly amount: number;
  readonly spent: number;
  readonly origin: string;
  readonly destination: string;
  /** Whether the information on both sides travels with it. */
  readonly informed: boolean;
};

export interface RuleEngine<P = Facts> {
  readonly name: string;
  /** What a payment is to it, made before the clock runs: each gets it in the form that it likes best. */
  prepare(payment: P): () => boolean;
}

/** Numbers are whole. */
export type Facts = Readonly<Record<string, number | string | boolean>>;

/** One rule as each engine has it: whether something is denied. */
interface RuleTexts {
  readonly id: string;
  readonly cel: string;
  readonly variables: Readonly<Record<string, 'int' | 'string' | 'bool'>>;
  readonly jsonLogic: RulesLogic;
  readonly cedar: string;
}

/** The rule in the language of src/rules: what the others below say, too. */
export const ruleModule = `module bench.payment 1
  jurisdiction US
  layer national
  on transfer

list embargoed of symbol = ["CU", "IR", "KP"]
feed ecb of rates max_age 24h on_stale HOLD
window day 24h
control territory verdict
control travel evidence
control limit.day cap

rule embargo control territory
  DENY when tx.destination in list.embargoed
rule travel control travel
  require tx.ivms_digest when tx.origin == "US" && convert(tx.amount, USD, feed.ecb, UP) >= usd("3000.00")
rule day control limit.day
  cap usd("10000.00") on convert(spent(day) + tx.amount, USD, feed.ecb, UP)
`;

const threeClauses: RuleTexts = {
  id: 'three',
  cel: 'destination in ["CU", "IR", "KP"] || (origin == "US" && amount >= 300000 && !informed) || spent + amount > 1000000',
  variables: { amount: 'int', spent: 'int', origin: 'string', destination: 'string', informed: 'bool' },
  jsonLogic: {
    or: [
      { in: [{ var: 'destination' }, ['CU', 'IR', 'KP']] },
      {
        and: [
          { '==': [{ var: 'origin' }, 'US'] },
          { '>=': [{ var: 'amount' }, 300_000] },
          { '!': { var: 'informed' } },
        ],
      },
      { '>': [{ '+': [{ var: 'spent' }, { var: 'amount' }] }, 1_000_000] },
    ],
  },
  cedar: `
permit(principal, action, resource);
forbid(principal, action, resource) when { ["CU", "IR", "KP"].contains(context.destination) };
forbid(principal, action, resource) when { context.origin == "US" && context.amount >= 300000 && !context.informed };
forbid(principal, action, resource) when { context.spent + context.amount > 1000000 };
`,
};

/** That of test/bench/embedded-call.ts. */
const fiveClauses: RuleTexts = {
  id: 'five',
  cel: 'amount > 1000000 || amount > balance || spent + amount > 5000000 || currency != "EUR" || destination in ["IR", "KP", "SY"]',
  variables: { amount: 'int', balance: 'int', spent: 'int', currency: 'string', destination: 'string' },
  jsonLogic: {
    or: [
      { '>': [{ var: 'amount' }, 1_000_000] },
      { '>': [{ var: 'amount' }, { var: 'balance' }] },
      { '>': [{ '+': [{ var: 'spent' }, { var: 'amount' }] }, 5_000_000] },
      { '!=': [{ var: 'currency' }, 'EUR'] },
      { in: [{ var: 'destination' }, ['IR', 'KP', 'SY']] },
    ],
  },
  cedar: `
permit(principal, action, resource);
forbid(principal, action, resource) when { context.amount > 1000000 };
forbid(principal, action, resource) when { context.amount > context.balance };
forbid(principal, action, resource) when { context.spent + context.amount > 5000000 };
forbid(principal, action, resource) when { context.currency != "EUR" };
forbid(principal, action, resource) when { ["IR", "KP", "SY"].contains(context.destination) };
`,
};

function celJs({ cel, variables }: RuleTexts): RuleEngine {
  let environment = new Environment();
  for (const [name, type] of Object.entries(variables))
    environment = environment.registerVariable(name, type);
  const program = environment.parse(cel);
  return {
    name: '@marcbachmann/cel-js',
    prepare(payment) {
      const context = bigintsOf(payment);
      return () => program(context) === true;
    },
  };
}

function bufbuildCel({ cel }: RuleTexts): RuleEngine {
  const program = plan(celEnv(), parse(cel));
  return {
    name: '@bufbuild/cel',
    prepare(payment) {
      const context = bigintsOf(payment);
      return () => program(context) === true;
    },
  };
}

/** Its numbers are floating point: nothing tells of an overflow. */
function jsonLogicJs({ jsonLogic: rule }: RuleTexts): RuleEngine {
  return { name: 'json-logic-js', prepare: (payment) => () => jsonLogic.apply(rule, payment) === true };
}

interface Cedar {
  preparsePolicySet(id: string, policies: { staticPolicies: string }): { type: string };
  statefulIsAuthorized(call: unknown): {
    type: string;
    response?: { decision: string; diagnostics: { errors: readonly unknown[] } };
  };
}

function cedarWasm({ id, cedar: staticPolicies }: RuleTexts): RuleEngine {
  // Its nodejs folder is CommonJS with types that are an ES module's, so it is named by hand.
  const require = createRequire(import.meta.url);
  const cedar = require('@cedar-policy/cedar-wasm/nodejs') as Cedar;
  const parsed = cedar.preparsePolicySet(id, { staticPolicies });
  if (parsed.type !== 'success') throw new Error('cedar refused the policies');
  return {
    name: '@cedar-policy/cedar-wasm',
    prepare(payment) {
      const call = {
        principal: { type: 'User', id: 'alice' },
        action: { type: 'Action', id: 'pay' },
        resource: { type: 'Account', id: 'bob' },
        context: { ...payment },
        preparsedPolicySetId: id,
        entities: [],
      };
      return () => {
        const { response } = cedar.statefulIsAuthorized(call);
        if (response === undefined || response.diagnostics.errors.length > 0)
          throw new Error('cedar could not evaluate a policy');
        return response.decision === 'deny';
      };
    },
  };
}

/** `five`: the rule that is measured embedded; else the one of the rule language. */
export const otherEngines = (clauses: 'three' | 'five' = 'three'): readonly RuleEngine[] =>
  [celJs, bufbuildCel, jsonLogicJs, cedarWasm].map((engine) =>
    engine(clauses === 'five' ? fiveClauses : threeClauses),
  );

function bigintsOf(facts: Facts): Record<string, bigint | string | boolean> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === 'number' ? BigInt(value) : value]),
  );
}
