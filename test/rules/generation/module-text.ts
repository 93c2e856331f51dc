/** Modules of the rule language as text, several that belong together: in several layers, with exceptions across them, priorities, secrets. */
import type { ControlKind, Layer, TransactionKind, Verdict } from '../../../src/rules/language/syntax.ts';
import type { Choice } from './choice.ts';
import {
  constantText,
  expressionText,
  type Named,
  nearKeys,
  optionalFields,
  persons,
  type Scope,
  symbols,
  type TypeName,
} from './expression-text.ts';

interface Control {
  readonly name: string;
  readonly of: ControlKind;
}

export interface WrittenRule {
  readonly id: string;
  readonly name: string;
  readonly control: Control;
  readonly layer: Layer;
  readonly derogable: boolean;
  readonly exceptionTo: string | undefined;
  readonly priority: number | undefined;
  /** It looks at a secret. */
  readonly secret: boolean;
  /** What stands before and after `reveals`. */
  readonly head: string;
  readonly body: string;
}

export interface WrittenModule {
  readonly name: string;
  readonly jurisdictions: readonly string[];
  readonly layer: Exclude<Layer, 'strict'>;
  readonly on: readonly TransactionKind[];
  /** Everything but the rules. */
  readonly top: readonly string[];
  readonly rules: readonly WrittenRule[];
  readonly lists: readonly WrittenList[];
  readonly parameters: readonly WrittenParameter[];
}

export interface WrittenList {
  readonly name: string;
  readonly of: 'key' | 'symbol';
  readonly secret: boolean;
  /** Written in the module; otherwise the set has them. */
  readonly inline: boolean;
  readonly items: readonly string[];
}

export interface WrittenParameter extends Named {
  /** Text of the range's ends, where it has one. */
  readonly range: readonly [string, string] | undefined;
}

const controls: readonly Control[] = [
  { name: 'party', of: 'verdict' },
  { name: 'risk.score', of: 'verdict' },
  { name: 'limit.day', of: 'cap' },
  { name: 'limit.usd', of: 'cap' },
  { name: 'evidence', of: 'evidence' },
];

/** Who writes modules, and of which layer. */
const authors: readonly (readonly [readonly string[], Exclude<Layer, 'strict'>])[] = [
  [['US'], 'national'],
  [['FR'], 'national'],
  [['US'], 'issuer'],
  [['EU'], 'regional'],
  [['FR', 'US'], 'bilateral'],
  [['FATF'], 'convention'],
  [['ANY'], 'convention'],
  [['DE'], 'national'],
];

const layerOrder: readonly Layer[] = ['issuer', 'national', 'regional', 'bilateral', 'convention', 'strict'];
/** Around the times of facts. */
const dates = ['2026-11-21', '2026-11-22', '2026-11-23'];

/** Of one feed or list name, every module means the same thing. */
const feeds = [
  { name: 'fx', of: 'rates' },
  { name: 'trend', of: 'ratio' },
  { name: 'index', of: 'int' },
] as const;

/** Up to `most` modules, each of which may have exceptions to rules of those before it. */
export function writeModules(choice: Choice, most: number, depth: number): readonly WrittenModule[] {
  const modules: WrittenModule[] = [];
  const count = 1 + choice.below(most);
  for (let place = 0; place < count; place++) modules.push(writeModule(choice, place, modules, depth));
  return modules;
}

function writeModule(
  choice: Choice,
  place: number,
  before: readonly WrittenModule[],
  depth: number,
): WrittenModule {
  const [jurisdictions, layer] = choice.pick(authors);
  const on: readonly TransactionKind[] = choice.pick<readonly TransactionKind[]>([
    ['transfer'],
    ['transfer'],
    ['issuance'],
    ['issuance', 'transfer'],
  ]);
  const name = `m${place}.${jurisdictions.join('').toLowerCase()}`;
  const lists = writeLists(choice);
  const parameters = writeParameters(choice);
  const looked = { secret: false };
  const lets: Named[] = [];
  const scope: Scope = {
    choice,
    kinds: on,
    isIssuerLayer: layer === 'issuer',
    parameters,
    lets,
    lists,
    feeds: feeds.filter(() => !choice.once(4)),
    windows: ['day', 'week'].filter(() => !choice.once(3)),
    present: [],
    variables: [],
    looked,
  };
  const top = [
    ...lists.map(listText),
    ...scope.feeds.map((feed) => feedText(feed.name, feed.of, choice)),
    ...scope.windows.map((window) => `window ${window} ${window === 'day' ? '24h' : '7d'}`),
    ...parameters.map((parameter) => parameterText(parameter, choice)),
  ];
  for (let index = choice.below(3); index > 0; index--) {
    looked.secret = false;
    const type = choice.pick<TypeName>(['bool', 'int', 'money<tx>', 'money<USD>', 'ratio']);
    const text = expressionText(type, depth, scope);
    lets.push({ name: `let${index}`, type, secret: looked.secret });
    top.push(`let let${index} = ${text}`);
  }
  top.push(...controls.map((control) => `control ${control.name} ${control.of}`));
  const rules: WrittenRule[] = [];
  for (let count = 1 + choice.below(5); count > 0; count--)
    rules.push(writeRule(name, layer, scope, rules, before, depth));
  return { name, jurisdictions, layer, on, top, rules, lists, parameters };
}

function writeRule(
  module: string,
  layer: Exclude<Layer, 'strict'>,
  scope: Scope,
  own: readonly WrittenRule[],
  before: readonly WrittenModule[],
  depth: number,
): WrittenRule {
  const { choice, looked } = scope;
  looked.secret = false;
  // Beside a strict rule of the module, so that the two may be in conflict.
  const twin = choice.once(3) ? own.find((rule) => rule.layer === 'strict') : undefined;
  const strict = twin !== undefined || choice.once(4);
  const parents = [
    ...own.filter((rule) => rule.layer !== 'strict'),
    ...before
      .flatMap(({ rules }) => rules)
      .filter((rule) => rule.derogable)
      .filter((rule) => layerOrder.indexOf(layer) >= layerOrder.indexOf(rule.layer)),
  ].filter(({ control }) => !scope.kinds.includes('issuance') || control.of !== 'evidence');
  const parent =
    twin === undefined && parents.length > 0 && choice.once(2) ? choice.pick(parents) : undefined;
  const control =
    twin?.control ??
    parent?.control ??
    choice.pick(scope.kinds.includes('issuance') ? controls.filter(({ of }) => of !== 'evidence') : controls);
  const name = `r${own.length}`;
  const derogable = !strict && choice.once(2);
  const used = new Set(
    [...own, ...before.flatMap(({ rules }) => rules)]
      .filter(({ exceptionTo }) => exceptionTo === parent?.id)
      .map(({ priority }) => priority),
  );
  const priority = choice.pick([undefined, 1, 2, 3, 4, 5]);
  const body = bodyText(control, depth, scope);
  const rule = {
    id: `${module}/${name}`,
    name,
    control,
    layer: strict ? ('strict' as const) : layer,
    derogable,
    exceptionTo: parent?.id,
    priority: used.has(priority) ? undefined : priority,
    secret: looked.secret,
    body,
  };
  const parentName = own.includes(parent as WrittenRule) ? parent?.name : parent?.id;
  const head = [
    `rule ${name}`,
    ...(strict ? ['strict'] : []),
    ...(derogable ? ['derogable'] : []),
    `control ${control.name}`,
    ...(parentName === undefined ? [] : [`exception to ${parentName}`]),
    ...(rule.priority === undefined ? [] : [`priority ${rule.priority}`]),
    ...(choice.once(8) ? [`from ${choice.pick(dates.slice(0, 2))}`] : []),
    ...(choice.once(8) ? [`expires ${choice.pick(['2026-11-23', '2026-12-22'])}`] : []),
  ].join(' ');
  return { ...rule, head };
}

function bodyText(control: Control, depth: number, scope: Scope): string {
  const { choice } = scope;
  const when = (): string => expressionText('bool', depth, scope);
  const perhaps = (): string => (choice.once(2) ? ` when ${when()}` : '');
  const otherwise = choice.pick<Verdict | undefined>([undefined, 'DENY', 'HOLD', 'FLAG']);
  const tail = otherwise === undefined ? '' : ` else ${otherwise}`;
  switch (control.of) {
    case 'verdict':
      return `${choice.pick(['FLAG', 'HOLD', 'DENY', 'ALLOW', 'DENY'])} when ${when()}`;
    case 'cap': {
      const type: TypeName =
        control.name === 'limit.usd'
          ? 'money<USD>'
          : choice.pick<TypeName>(['money<tx>', 'money<tx>', 'int']);
      const measure =
        type === 'money<tx>' && choice.once(2) ? roomText(scope) : expressionText(type, depth, scope);
      return `cap ${expressionText(type, depth - 1, scope)} on ${measure}${perhaps()}${tail}`;
    }
    case 'evidence':
      return `require ${choice.pick(optionalFields)}${perhaps()}${tail}`;
  }
}

/** A sum with the amount, of which room is left. */
function roomText(scope: Scope): string {
  const window = scope.windows[0];
  const others = ['tx.amount', ...(window === undefined ? [] : [`(spent(${window}) + tx.amount)`])];
  return scope.choice.pick(others);
}

function writeLists(choice: Choice): readonly WrittenList[] {
  return ['watch', 'places']
    .flatMap((name) => {
      if (choice.once(3)) return [];
      const of = name === 'watch' ? ('key' as const) : ('symbol' as const);
      const secret = choice.once(2);
      const all: readonly string[] = of === 'key' ? [...persons, ...nearKeys] : symbols;
      return [
        {
          name,
          of,
          secret,
          inline: of === 'symbol' && !secret && choice.once(2),
          items: all.filter(() => choice.once(3)),
        },
      ];
    })
    .map((list) => (list.items.length === 0 ? { ...list, items: [list.of === 'key' ? 'ann' : 'US'] } : list));
}

function listText(list: WrittenList): string {
  const secret = list.secret ? ' secret' : '';
  const source = list.inline
    ? `= [${list.items.map((item) => JSON.stringify(item)).join(', ')}]`
    : `sha256:${'5e'.repeat(32)}`;
  return `list ${list.name} of ${list.of}${secret} ${source}`;
}

function feedText(name: string, of: 'rates' | 'ratio' | 'int', choice: Choice): string {
  const range = {
    rates: ' range 1000 .. 200000000000',
    ratio: ' range ratio("0.10") .. ratio("3.00")',
    int: ' range 0 .. 100',
  };
  return `feed ${name} of ${of}${choice.once(2) ? range[of] : ''} max_age ${choice.pick(['24h', '1h', '60s'])} on_stale ${choice.pick(['HOLD', 'DENY'])}`;
}

function writeParameters(choice: Choice): readonly WrittenParameter[] {
  const types: readonly TypeName[] = ['int', 'money<USD>', 'money<EUR>', 'ratio', 'duration'];
  return Array.from({ length: choice.below(4) }, (_, index) => ({
    name: `p${index}`,
    type: choice.pick(types),
    secret: choice.once(3),
    range: undefined,
  })).map((parameter) => {
    const ranges: Partial<Record<TypeName, readonly [string, string]>> = {
      int: ['0', '1000'],
      'money<USD>': ['usd("0.00")', 'usd("50.00")'],
      'money<EUR>': ['eur("0.00")', 'eur("50.00")'],
      ratio: ['ratio("0.10")', 'ratio("2.00")'],
      duration: ['duration("0s")', 'duration("24h")'],
    };
    return { ...parameter, range: choice.once(2) ? ranges[parameter.type] : undefined };
  });
}

function parameterText({ name, type, secret, range }: WrittenParameter, choice: Choice): string {
  const value = range === undefined ? constantText(type, choice) : choice.pick(range);
  const within = range === undefined ? '' : ` range ${range[0]} .. ${range[1]}`;
  return `param ${name} : ${type} = ${value}${within}${secret ? ' secret' : ''}`;
}

/** The text of a module; rules whose ids are in `revealing` say what may be known of them. */
export function moduleText(
  module: WrittenModule,
  revealing: ReadonlyMap<string, 'verdict' | 'code'>,
): string {
  return [
    `module ${module.name} 1`,
    `  jurisdiction ${module.jurisdictions.join(' + ')}`,
    `  layer ${module.layer}`,
    `  on ${module.on.join(' ')}`,
    ...module.top,
    ...module.rules.flatMap(({ id, head, body }) => {
      const reveals = revealing.get(id);
      return [head, `  ${body}`, ...(reveals === undefined ? [] : [`  reveals ${reveals}`])];
    }),
    '',
  ].join('\n');
}

/** Ids of the rules that look at a secret, or may be beaten by one that does. */
export function rulesWithSecrets(modules: readonly WrittenModule[]): ReadonlySet<string> {
  const written = modules.flatMap((module) => module.rules.map((rule) => ({ module, rule })));
  const found = new Set(written.filter(({ rule }) => rule.secret).map(({ rule }) => rule.id));
  const rootOf = (id: string): (typeof written)[number] => {
    const one = written.find(({ rule }) => rule.id === id) as (typeof written)[number];
    return one.rule.exceptionTo === undefined ? one : rootOf(one.rule.exceptionTo);
  };
  const groupOf = (id: string): string => {
    const { module, rule } = rootOf(id);
    return [module.jurisdictions, rule.layer, rule.control.name].join('|');
  };
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { rule: winner } of written.filter(({ rule }) => found.has(rule.id)))
      for (const { rule: loser } of written)
        if (
          winner.exceptionTo === loser.id ||
          (winner.exceptionTo === loser.exceptionTo &&
            groupOf(winner.id) === groupOf(loser.id) &&
            (winner.priority ?? 0) > (loser.priority ?? 99))
        )
          found.add(loser.id);
  }
  return found;
}
