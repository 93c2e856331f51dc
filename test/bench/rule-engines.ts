/** One rule of three clauses in the other engines that npm has: each answers whether a payment is denied. */
import { createRequire } from 'node:module';
import { celEnv, parse, plan } from '@bufbuild/cel';
import { Environment } from '@marcbachmann/cel-js';
import jsonLogic, { type RulesLogic } from 'json-logic-js';

/** Amounts in minor units, all of one currency. */
export interface Payment {
  readonly amount: number;
  readonly spent: number;
  readonly origin: string;
  readonly destination: string;
  /** Whether the information on both sides travels with it. */
  readonly informed: boolean;
}

export interface RuleEngine {
  readonly name: string;
  /** What a payment is to it, made before the clock runs: each gets it in the form that it likes best. */
  prepare(payment: Payment): () => boolean;
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

const expression =
  'destination in ["CU", "IR", "KP"] || (origin == "US" && amount >= 300000 && !informed) || spent + amount > 1000000';

function celJs(): RuleEngine {
  const environment = new Environment()
    .registerVariable('amount', 'int')
    .registerVariable('spent', 'int')
    .registerVariable('origin', 'string')
    .registerVariable('destination', 'string')
    .registerVariable('informed', 'bool');
  const program = environment.parse(expression);
  return {
    name: '@marcbachmann/cel-js',
    prepare(payment) {
      const context = bigintsOf(payment);
      return () => program(context) === true;
    },
  };
}

function bufbuildCel(): RuleEngine {
  const program = plan(celEnv(), parse(expression));
  return {
    name: '@bufbuild/cel',
    prepare(payment) {
      const context = bigintsOf(payment);
      return () => program(context) === true;
    },
  };
}

/** Its numbers are floating point: nothing tells of an overflow. */
function jsonLogicJs(): RuleEngine {
  const rule: RulesLogic = {
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
  };
  return { name: 'json-logic-js', prepare: (payment) => () => jsonLogic.apply(rule, payment) === true };
}

interface Cedar {
  preparsePolicySet(id: string, policies: { staticPolicies: string }): { type: string };
  statefulIsAuthorized(call: unknown): {
    type: string;
    response?: { decision: string; diagnostics: { errors: readonly unknown[] } };
  };
}

function cedarWasm(): RuleEngine {
  // Its nodejs folder is CommonJS with types that are an ES module's, so it is named by hand.
  const require = createRequire(import.meta.url);
  const cedar = require('@cedar-policy/cedar-wasm/nodejs') as Cedar;
  const staticPolicies = `
permit(principal, action, resource);
forbid(principal, action, resource) when { ["CU", "IR", "KP"].contains(context.destination) };
forbid(principal, action, resource) when { context.origin == "US" && context.amount >= 300000 && !context.informed };
forbid(principal, action, resource) when { context.spent + context.amount > 1000000 };
`;
  const parsed = cedar.preparsePolicySet('bench', { staticPolicies });
  if (parsed.type !== 'success') throw new Error('cedar refused the policies');
  return {
    name: '@cedar-policy/cedar-wasm',
    prepare(payment) {
      const call = {
        principal: { type: 'User', id: 'alice' },
        action: { type: 'Action', id: 'pay' },
        resource: { type: 'Account', id: 'bob' },
        context: { ...payment },
        preparsedPolicySetId: 'bench',
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

export const otherEngines = (): readonly RuleEngine[] => [celJs(), bufbuildCel(), jsonLogicJs(), cedarWasm()];

function bigintsOf({ amount, spent, ...rest }: Payment): Record<string, bigint | string | boolean> {
  return { ...rest, amount: BigInt(amount), spent: BigInt(spent) };
}
