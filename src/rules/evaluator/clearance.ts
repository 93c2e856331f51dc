/** Whose secrets a rule looks at, and so who may know what of it: docs/RULES.md "Secrets". */
import type { CheckedModule, Typed } from '../checker/checked.ts';
import type { Reader } from '../decision.ts';
import type { SetRule } from './applying-rule.ts';

export type Owners = ReadonlySet<string>;

/** Of the rule's `when`, cap and measure, in any part. */
export function ownersOfRule({ rule, module }: SetRule): Owners {
  const owners = new Set<string>();
  const seen = new Set<Typed>();
  const { when, body } = rule;
  if (when !== undefined) addOwners(when, module, owners, seen);
  if (body.kind === 'cap') {
    addOwners(body.cap, module, owners, seen);
    addOwners(body.measure, module, owners, seen);
  }
  return owners;
}

function addOwners(typed: Typed, module: CheckedModule, owners: Set<string>, seen: Set<Typed>): void {
  if (seen.has(typed)) return;
  seen.add(typed);
  const own = module.jurisdictions.join(' + ');
  if (typed.op === 'field' && typed.field.secret !== undefined) owners.add(typed.field.secret);
  if (typed.op === 'parameter' && typed.parameter.secret) owners.add(own);
  if (typed.op === 'listed' && typed.list.secret) owners.add(own);
  for (const part of partsOf(typed)) addOwners(part, module, owners, seen);
}

/** The expressions that an expression is made of at once. */
export function partsOf(typed: Typed): readonly Typed[] {
  switch (typed.op) {
    case 'constant':
    case 'field':
    case 'has':
    case 'parameter':
    case 'feed':
    case 'spent':
    case 'count':
      return [];
    case 'listed':
      return [typed.item];
    case 'not':
    case 'negate':
      return [typed.operand];
    case 'select':
      return [typed.condition, typed.then, typed.otherwise];
    case 'scale':
    case 'share':
      return [typed.amount, typed.by];
    case 'convert':
      return [typed.amount];
    default:
      return [typed.left, typed.right];
  }
}

export function joinOwners(of: readonly Owners[]): Owners {
  return new Set(of.flatMap((owners) => [...owners]));
}

/** Whether all owners have cleared the reader. */
export function mayRead(reader: Reader, owners: Owners): boolean {
  return [...owners].every((owner) => reader.clearedFor.includes(owner));
}
