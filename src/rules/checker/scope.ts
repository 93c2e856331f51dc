/**
 * What the names of a module mean: the one place where they are looked up, for the checker, and for hover and go-to-definition.
 */
import type {
  ControlSyntax,
  FeedSyntax,
  LetSyntax,
  ListSyntax,
  ModuleSyntax,
  ParameterSyntax,
  RuleSyntax,
  WindowSyntax,
} from '../language/syntax.ts';
import { schema } from '../schema.ts';
import type { Field } from './checked.ts';

/** What stands in an expression under its own name alone. */
export type ValueSyntax = ParameterSyntax | LetSyntax | WindowSyntax;

/** What a name in an expression means. */
export type Meaning =
  | { readonly kind: 'field'; readonly field: Field }
  | ValueSyntax
  | ListSyntax
  | FeedSyntax;

type Named = ValueSyntax | ListSyntax | FeedSyntax | ControlSyntax | RuleSyntax;

/** The first declaration of each name. Parameters, lets and windows share their names; each other kind has its own. */
export interface Scope {
  readonly values: ReadonlyMap<string, ValueSyntax>;
  readonly lists: ReadonlyMap<string, ListSyntax>;
  readonly feeds: ReadonlyMap<string, FeedSyntax>;
  readonly controls: ReadonlyMap<string, ControlSyntax>;
  readonly rules: ReadonlyMap<string, RuleSyntax>;
  /** Later declarations of a name that is taken. */
  readonly repeated: readonly Named[];
}

export function scopeOf(syntax: Pick<ModuleSyntax, 'declarations'>): Scope {
  const values = new Map<string, ValueSyntax>();
  const lists = new Map<string, ListSyntax>();
  const feeds = new Map<string, FeedSyntax>();
  const controls = new Map<string, ControlSyntax>();
  const rules = new Map<string, RuleSyntax>();
  const repeated: Named[] = [];
  const declare = <T extends Named>(into: Map<string, T>, declaration: T): void => {
    if (into.has(declaration.name.value)) repeated.push(declaration);
    else into.set(declaration.name.value, declaration);
  };
  for (const declaration of syntax.declarations) {
    switch (declaration.kind) {
      case 'param':
      case 'let':
      case 'window':
        declare(values, declaration);
        break;
      case 'list':
        declare(lists, declaration);
        break;
      case 'feed':
        declare(feeds, declaration);
        break;
      case 'control':
        declare(controls, declaration);
        break;
      case 'rule':
        declare(rules, declaration);
        break;
      default:
    }
  }
  return { values, lists, feeds, controls, rules, repeated };
}

/** What `daily`, `tx.amount`, `list.sdn` or `feed.ecb` means; `undefined` where nothing has that name. */
export function findMeaning(scope: Scope, path: readonly string[]): Meaning | undefined {
  const [first = '', second, ...more] = path;
  if (second === undefined) return scope.values.get(first);
  if (more.length > 0) return undefined;
  if (first === 'list') return scope.lists.get(second);
  if (first === 'feed') return scope.feeds.get(second);
  const field = schema.get(`${first}.${second}`);
  return field === undefined ? undefined : { kind: 'field', field };
}

/** Every name that an expression of the module may use, for the nearest of them and for completion. */
export function namesOf(scope: Scope): readonly string[] {
  return [
    ...scope.values.keys(),
    ...[...scope.lists.keys()].map((name) => `list.${name}`),
    ...[...scope.feeds.keys()].map((name) => `feed.${name}`),
    ...schema.keys(),
  ];
}
