/** What a rule looks at and where that is declared, whose secrets among it, and by which way it gets to them. */

import type { CheckedModule, Field, Rule, Typed } from '../../rules/checker/checked.ts';
import { jurisdictionOf } from '../../rules/checker/owners.ts';
import { partsOf } from '../../rules/checker/part.ts';
import { placeOf } from '../../rules/language/place.ts';

export interface Origin {
  /** As the module writes it: `tx.amount`, `feed.ecb`, `list.sdn`, `spent(day)`, a parameter's name. */
  readonly name: string;
  /** One line of what it is. */
  readonly what: string;
  /** Whose secret it is. */
  readonly owner: string | undefined;
  /** Parts of the rule and names of lets that lead to it, the shortest way: `when`, `today`. */
  readonly by: readonly string[];
  /** From 1, in the module's text: where it is declared; of a field of the schema, which no module declares, where it is read. */
  readonly line: number;
  readonly column: number;
}

/** Everything that the rule looks at, each once, in the order of the rule. */
export function originsOf(rule: Rule, module: CheckedModule): readonly Origin[] {
  const found = new Map<string, Origin>();
  const { when, body } = rule;
  const parts: readonly (readonly [string, Typed | undefined])[] = [
    ['when', when],
    ['cap', body.kind === 'cap' ? body.cap : undefined],
    ['measure', body.kind === 'cap' ? body.measure : undefined],
  ];
  for (const [name, typed] of parts)
    if (typed !== undefined) collect(typed, module, [name], found, new Set());
  if (body.kind === 'require') add(found, fieldOrigin(body.field, module, rule.span.start, ['require']));
  return [...found.values()];
}

function collect(
  typed: Typed,
  module: CheckedModule,
  before: readonly string[],
  found: Map<string, Origin>,
  seen: Set<Typed>,
): void {
  if (seen.has(typed)) return;
  seen.add(typed);
  const named = module.lets.find(({ value }) => value === typed);
  const by = named === undefined ? before : [...before, named.name];
  const origin = originOf(typed, module, by);
  if (origin !== undefined) add(found, origin);
  for (const part of partsOf(typed)) collect(part, module, by, found, seen);
}

function add(found: Map<string, Origin>, origin: Origin): void {
  const before = found.get(origin.name);
  if (before === undefined || before.by.length > origin.by.length) found.set(origin.name, origin);
}

function originOf(typed: Typed, module: CheckedModule, by: readonly string[]): Origin | undefined {
  const own = jurisdictionOf(module);
  const declared = (
    name: string,
    what: string,
    { span }: { readonly span: { readonly start: number } },
    isSecret = false,
  ): Origin => ({ name, what, owner: isSecret ? own : undefined, by, ...placeOf(module.text, span.start) });
  switch (typed.op) {
    case 'field':
    case 'has':
      return fieldOrigin(typed.field, module, typed.span.start, by);
    case 'parameter': {
      const { parameter } = typed;
      const moved = parameter.range === undefined ? '' : ', which a rule set may move';
      return declared(parameter.name, `a parameter${moved}`, parameter, parameter.secret);
    }
    case 'feed':
    case 'convert': {
      const { feed } = typed;
      const what = `a feed of ${feed.of}, at most ${feed.maxAgeSeconds} s old, else ${feed.onStale}`;
      return declared(`feed.${feed.name}`, what, feed);
    }
    case 'spent':
    case 'count':
      return declared(
        `${typed.op}(${typed.window.name})`,
        `what the system counts over ${typed.window.seconds} s`,
        typed.window,
      );
    case 'listed':
      return declared(
        `list.${typed.list.name}`,
        `a list of ${typed.list.of}s`,
        typed.list,
        typed.list.secret,
      );
    default:
      return undefined;
  }
}

function fieldOrigin(
  { name, meaning, authority, optional, secret }: Field,
  module: CheckedModule,
  start: number,
  by: readonly string[],
): Origin {
  const word = authority === 'said' ? "the sender's word" : "the system's own";
  return {
    name,
    what: `${meaning}; ${word}${optional ? ', may be missing' : ''}`,
    owner: secret,
    by,
    ...placeOf(module.text, start),
  };
}
