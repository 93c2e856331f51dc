/**
 * Expressions that are the same in this language and in CEL: of `bool`, `int` and text, with small numbers and no optional fields. Half of the
 * parentheses are left out where the types stay right without, so that both parsers say what binds closer.
 */
import type { Choice } from './choice.ts';

/** Variables of the expressions, and what they are. */
export const plainVariables = { a: 3n, b: 0n, c: -7n, d: 20n } as const;

interface PlainScope {
  readonly choice: Choice;
  /** Of the quantifiers around. */
  readonly variables: readonly string[];
}

export function plainTruth(choice: Choice, depth: number): string {
  return truth(depth, { choice, variables: [] });
}

function truth(depth: number, scope: PlainScope): string {
  const { choice } = scope;
  const of = (): string => truth(depth - 1, scope);
  if (depth <= 0) return choice.once(3) ? choice.pick(['true', 'false']) : comparison(1, scope);
  switch (choice.below(8)) {
    case 0:
      return loosely(choice, `${of()} && ${of()}`);
    case 1:
      return loosely(choice, `${of()} || ${of()}`);
    case 2:
      return `!(${of()})`;
    case 3:
      return `(${of()} ? ${of()} : ${of()})`;
    case 4:
      return scope.variables.length > 0
        ? comparison(depth, scope)
        : `[${numbers(scope)}].${choice.pick(['exists', 'all'])}(x, ${truth(depth - 1, { choice, variables: ['x'] })})`;
    case 5:
      return `(${number(Math.min(depth, 2), scope)} in [${numbers(scope)}])`;
    case 6:
      return `(${text(choice)} ${choice.pick(['==', '!='])} ${text(choice)})`;
    default:
      return comparison(depth, scope);
  }
}

function comparison(depth: number, scope: PlainScope): string {
  const of = (): string => number(Math.min(depth, 3), scope);
  return `(${of()} ${scope.choice.pick(['==', '!=', '<', '<=', '>', '>='])} ${of()})`;
}

function number(depth: number, scope: PlainScope): string {
  const { choice, variables } = scope;
  if (depth <= 0 || choice.once(5)) {
    if (choice.once(3)) return choice.once(4) ? `(-${choice.below(20)})` : String(choice.below(20));
    return choice.pick([...Object.keys(plainVariables), ...variables]);
  }
  const of = (): string => number(depth - 1, scope);
  if (choice.once(8)) return `(${truth(depth - 1, scope)} ? ${of()} : ${of()})`;
  if (choice.once(8)) return `-(${of()})`;
  return loosely(choice, `${of()} ${choice.pick(['+', '-', '*', '/', '%'])} ${of()}`);
}

/** Items of a list, none of which is ever in error: there this language and CEL differ. */
function numbers(scope: PlainScope): string {
  const { choice } = scope;
  const item = (): string =>
    choice.once(3) ? `${number(0, scope)} - ${number(0, scope)}` : number(0, scope);
  return Array.from({ length: 1 + choice.below(3) }, item).join(', ');
}

function text(choice: Choice): string {
  return choice.once(2)
    ? choice.pick(['tx.origin', 'tx.destination', 'tx.currency'])
    : JSON.stringify(choice.pick(['US', 'FR', 'EUR', 'basic']));
}

/** In parentheses, or in none. */
function loosely(choice: Choice, expression: string): string {
  return choice.once(2) ? expression : `(${expression})`;
}
