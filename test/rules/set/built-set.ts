/** Rule sets built by hand, without a text: what grouping looks at, and nothing else. */
import type { CheckedModule, Control, Rule } from '../../../src/rules/checker/checked.ts';
import type { Layer } from '../../../src/rules/language/syntax.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';

const span = { start: 0, end: 0 };

export interface RulePlan {
  readonly name: string;
  readonly control?: string;
  readonly strict?: boolean;
  readonly exceptionTo?: string;
  readonly priority?: bigint;
}

export interface ModulePlan {
  readonly name: string;
  readonly jurisdictions: readonly string[];
  readonly layer?: CheckedModule['layer'];
  readonly on?: CheckedModule['on'];
  readonly rules: readonly RulePlan[];
}

export function buildSet(
  plans: readonly ModulePlan[],
  unions: Readonly<Record<string, readonly string[]>> = {},
): RuleSet {
  return {
    name: 'built',
    version: 1n,
    hash: new Uint8Array(32),
    modules: plans.map(buildModule),
    unions: new Map(Object.entries(unions)),
    issuers: new Map(),
    parameters: new Map(),
    lists: new Map(),
  };
}

function buildModule({ name, jurisdictions, layer = 'national', on, rules }: ModulePlan): CheckedModule {
  const controls = new Map<string, Control>();
  const built = rules.map((plan): Rule => {
    const controlName = plan.control ?? 'party';
    const control = controls.get(controlName) ?? { kind: 'control', name: controlName, of: 'verdict', span };
    controls.set(controlName, control);
    const own: Layer = plan.strict === true ? 'strict' : layer;
    return {
      kind: 'rule',
      name: plan.name,
      id: `${name}/${plan.name}`,
      layer: own,
      derogable: false,
      control,
      exceptionTo: plan.exceptionTo,
      priority: plan.priority,
      from: undefined,
      expires: undefined,
      when: undefined,
      body: { kind: 'verdict', verdict: 'HOLD' },
      reveals: undefined,
      law: undefined,
      says: undefined,
      span,
    };
  });
  return {
    name,
    version: 1n,
    jurisdictions,
    layer,
    on: on ?? ['transfer'],
    law: undefined,
    note: undefined,
    lists: [],
    feeds: [],
    parameters: [],
    windows: [],
    lets: [],
    controls: [...controls.values()],
    rules: built,
    tests: [],
    properties: [],
    text: '',
    hash: new Uint8Array(32),
  };
}
