/** Whose secrets an expression looks at: as a set of bits, one for each owner that a program has, which is also its category. */
import type { CheckedModule, Rule, Typed } from '../checker/checked.ts';
import { jurisdictionOf } from '../set/groups.ts';

/** Categories of the machine that a program may use. */
export const ownerLimit = 15;

export class OwnerTable {
  /** By number: `issuer`, or jurisdictions as a module writes them. */
  readonly names: string[] = [];
  private readonly known = new Map<Typed, number>();

  /** The bits of a secret's owner. */
  bitOf(name: string): number {
    let number = this.names.indexOf(name);
    if (number === -1) number = this.names.push(name) - 1;
    return 1 << number;
  }

  /** The bits of all whose secrets are looked at, in any part, whether it is taken or not. */
  ownersOf(typed: Typed, module: CheckedModule): number {
    const before = this.known.get(typed);
    if (before !== undefined) return before;
    let owners = 0;
    if (typed.op === 'field' && typed.field.secret !== undefined) owners |= this.bitOf(typed.field.secret);
    if (typed.op === 'parameter' && typed.parameter.secret) owners |= this.bitOf(jurisdictionOf(module));
    if (typed.op === 'listed' && typed.list.secret) owners |= this.bitOf(jurisdictionOf(module));
    for (const part of partsOf(typed)) owners |= this.ownersOf(part, module);
    this.known.set(typed, owners);
    return owners;
  }

  /** Of a rule's condition and numbers. */
  ownersOfRule({ when, body }: Rule, module: CheckedModule): number {
    let owners = when === undefined ? 0 : this.ownersOf(when, module);
    if (body.kind === 'cap') owners |= this.ownersOf(body.cap, module) | this.ownersOf(body.measure, module);
    return owners;
  }
}

/** The expressions that an expression is directly made of. */
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
