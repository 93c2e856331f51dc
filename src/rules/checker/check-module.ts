/**
 * Checks a module as a whole: what it gives is all that the evaluator, the compiler and the analysis know of a module.
 */
import { sha256, utf8 } from '../../kit/bytes.ts';
import { readModule } from '../language/parse.ts';
import type { Declaration, Fault, ModuleSyntax } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import type { CheckedModule, Control, Rule } from './checked.ts';
import { checkGiven, checkProperty, checkTest, checkTitles } from './claim.ts';
import { Context } from './context.ts';
import { checkControl, checkDeclarations } from './declaration.ts';
import { checkExceptions, checkReveals } from './exception.ts';
import { FaultList } from './fault-list.ts';
import { Guards } from './guard.ts';
import { checkHeader } from './header.ts';
import { checkLets } from './let.ts';
import { checkNames } from './name-check.ts';
import { checkRule } from './rule.ts';
import { type Scope, scopeOf } from './scope.ts';

export interface CheckResult {
  /** There where there are no faults. */
  readonly module: CheckedModule | undefined;
  /** In the order of the text. */
  readonly faults: readonly Fault[];
}

/**
 * A module with all its types and names, or what is wrong with it. The same text always gives the same, and no text makes it throw.
 *
 * @example
 * checkModule('module us.example 1\n  jurisdiction US\n  layer national\n  on transfer\n').module?.layer // national
 */
export function checkModule(text: string): CheckResult {
  const faults = new FaultList();
  const read = readModule(text);
  for (const fault of read.faults) faults.add(fault);
  const module =
    read.module && isWithinCounts(read.module, faults) ? checkSyntax(read.module, text, faults) : undefined;
  const found = faults.inOrder();
  if (read.faults.length === 0) return { module: found.length === 0 ? module : undefined, faults: found };
  // What was not understood is unknown to the rest: who names it is not at fault.
  return { module: undefined, faults: found.filter(({ code }) => !consequences.has(code)) };
}

const consequences: ReadonlySet<string> = new Set(['unknown_name', 'jurisdiction_count']);

const most: Readonly<Record<Declaration['kind'], number>> = {
  list: limits.lists,
  feed: limits.feeds,
  param: limits.parameters,
  window: limits.windows,
  let: limits.lets,
  control: limits.controls,
  rule: limits.rules,
  given: limits.tests,
  test: limits.tests,
  property: limits.properties,
};

/** Where there is more of a kind than there is room for, that is refused and nothing else looked at. */
function isWithinCounts(syntax: ModuleSyntax, faults: FaultList): boolean {
  const counts = new Map<string, number>();
  let within = true;
  for (const { kind, span } of syntax.declarations) {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (count !== most[kind] + 1) continue;
    within = false;
    faults.report(
      'too_many',
      span,
      `one more \`${kind}\` than the ${most[kind]} that are accepted in a module`,
    );
  }
  return within;
}

function checkSyntax(syntax: ModuleSyntax, text: string, faults: FaultList): CheckedModule | undefined {
  const scope = scopeOf(syntax);
  checkNames(syntax, scope, faults);
  const header = checkHeader(syntax, faults);
  const { name, on, layer } = header;
  const context = new Context({ scope, faults, on, layer });
  const guards = new Guards(faults);
  const controls = checkControls(scope, faults);
  checkDeclarations(context);
  checkLets(context, guards);
  const rules = checkRules(syntax, { context, guards, module: name, layer: layer ?? 'national', controls });
  checkExceptions(context, { name, layer: layer ?? 'national' });
  checkReveals(rules, header, context);
  const given = checkGiven(declarationsOf(syntax, 'given'), context);
  const testSyntax = declarationsOf(syntax, 'test');
  const propertySyntax = declarationsOf(syntax, 'property');
  checkTitles(testSyntax, context);
  checkTitles(propertySyntax, context);
  const tests = testSyntax.map((one) => checkTest(one, given, context));
  const properties = propertySyntax.map((one) => checkProperty(one, guards, context));
  if (faults.size > 0 || layer === undefined) return undefined;
  return {
    ...header,
    layer,
    lists: [...context.lists.values()],
    feeds: [...context.feeds.values()],
    parameters: [...context.parameters.values()],
    windows: [...context.windows.values()],
    lets: declarationsOf(syntax, 'let').flatMap(({ name: { value: key }, span }) => {
      const value = context.lets.get(key);
      return value === undefined ? [] : [{ name: key, value, span }];
    }),
    controls: [...controls.values()],
    rules,
    tests: tests.filter((one) => one !== undefined),
    properties: properties.filter((one) => one !== undefined),
    text,
    hash: sha256(utf8(text)),
  };
}

function declarationsOf<K extends Declaration['kind']>(
  { declarations }: ModuleSyntax,
  kind: K,
): readonly Extract<Declaration, { kind: K }>[] {
  return declarations.filter((one): one is Extract<Declaration, { kind: K }> => one.kind === kind);
}

function checkControls(scope: Scope, faults: FaultList): ReadonlyMap<string, Control> {
  const controls = new Map<string, Control>();
  for (const [name, syntax] of scope.controls) {
    const control = checkControl(syntax, faults);
    if (control !== undefined) controls.set(name, control);
  }
  return controls;
}

function checkRules(syntax: ModuleSyntax, surroundings: Parameters<typeof checkRule>[1]): readonly Rule[] {
  return declarationsOf(syntax, 'rule').flatMap((one) => checkRule(one, surroundings) ?? []);
}
