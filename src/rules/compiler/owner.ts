/** Owners of secrets as bits: one for each that a program has, which is also its category. */
import type { CheckedModule, Rule } from '../checker/checked.ts';
import { ownersOfRule } from '../checker/owners.ts';

/** Categories of the machine that a program may use. */
export const ownerLimit = 15;

export class OwnerTable {
  /** By number: `issuer`, or jurisdictions as a module writes them. */
  readonly names: string[] = [];

  /** The bit of one owner. */
  bitOf(name: string): number {
    let number = this.names.indexOf(name);
    if (number === -1) number = this.names.push(name) - 1;
    return 1 << number;
  }

  /** Of a rule's condition and numbers, in any part of them, whether it is taken or not. */
  ownersOfRule(rule: Rule, module: CheckedModule): number {
    let owners = 0;
    for (const name of ownersOfRule(rule, module)) owners |= this.bitOf(name);
    return owners;
  }
}
