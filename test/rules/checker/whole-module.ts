/** What every checked module holds to, written once more and apart from the checker. */
import {
  type CheckedModule,
  numberLimit,
  type Type,
  type Typed,
  type Value,
} from '../../../src/rules/checker/checked.ts';
import { limits } from '../../../src/rules/limits.ts';
import { schema } from '../../../src/rules/schema.ts';

function show(type: Type): string {
  return type.kind === 'money' ? type.currency : type.kind;
}

function isOfType(value: Value, type: Type): boolean {
  switch (type.kind) {
    case 'bool':
      return typeof value === 'boolean';
    case 'symbol':
      return typeof value === 'string' && /^[!-~]{1,8}$/.test(value);
    case 'key':
      return value instanceof Uint8Array && value.length === 32;
    default:
      return typeof value === 'bigint' && value > -numberLimit && value < numberLimit;
  }
}

class Defect extends Error {}

function hold(condition: boolean, what: string): true {
  if (!condition) throw new Defect(what);
  return true;
}

/** Throws where a part has no type that its own parts give it, or means what the module has not. */
export function assertWhole(module: CheckedModule): void {
  const seen = new Set<Typed>();
  const look = (typed: Typed, depth: number): void => {
    hold(depth <= limits.depth, 'depth');
    if (seen.has(typed)) return;
    seen.add(typed);
    for (const part of partsIn(typed)) look(part, depth + 1);
    lookAt(typed, module);
  };
  for (const { value } of module.lets) look(value, 1);
  hold(module.on.length > 0 && module.jurisdictions.length > 0 && module.version > 0n, 'header');
  for (const rule of module.rules) {
    const isFirst = module.rules.find(({ name }) => name === rule.name) === rule;
    hold(isFirst && rule.id === `${module.name}/${rule.name}`, 'id');
    hold(module.controls.includes(rule.control), 'control');
    if (rule.when !== undefined) look(rule.when, 1);
    hold(show(rule.when?.type ?? { kind: 'bool' }) === 'bool', 'when');
    const { body } = rule;
    hold(
      { verdict: 'verdict', cap: 'cap', require: 'evidence' }[body.kind] === rule.control.of,
      'kind of control',
    );
    if (body.kind === 'cap') {
      look(body.cap, 1);
      look(body.measure, 1);
      hold(show(body.cap.type) === show(body.measure.type), 'cap');
      hold(!['bool', 'symbol', 'key'].includes(body.cap.type.kind), 'cap of no number');
    }
    if (body.kind === 'require')
      hold(body.field.optional && schema.get(body.field.name) === body.field, 'require');
    if (rule.exceptionTo?.startsWith(`${module.name}/`))
      hold(
        module.rules.some(({ id, layer }) => id === rule.exceptionTo && layer !== 'strict'),
        'exception',
      );
    hold(rule.from === undefined || rule.expires === undefined || rule.from < rule.expires, 'dates');
  }
  for (const { type, value, range } of module.parameters) {
    hold(isOfType(value, type), 'value of a parameter');
    hold(
      range === undefined || (typeof value === 'bigint' && value >= range.least && value <= range.most),
      'range',
    );
  }
  for (const { facts, fired } of module.tests) {
    hold(module.on.includes(facts.kind), 'kind of a test');
    for (const [name, value] of facts.fields)
      hold(isOfType(value, schema.get(name)?.type ?? { kind: 'bool' }), name);
    hold(
      fired.every((name) => module.rules.some((rule) => rule.name === name)),
      'fired',
    );
    for (const reading of facts.feeds.values())
      for (const number of [reading.asOf, reading.value ?? 0n, ...(reading.rates?.values() ?? [])])
        hold(isOfType(number, { kind: 'int' }), 'reading');
  }
  for (const { claim } of module.properties) {
    if (claim.kind === 'monotone') continue;
    look(claim.when, 1);
    hold(claim.when.type.kind === 'bool', 'property');
  }
}

function partsIn(typed: Typed): readonly Typed[] {
  return Object.entries(typed).flatMap(([name, value]) =>
    ['left', 'right', 'operand', 'condition', 'then', 'otherwise', 'amount', 'by', 'item'].includes(name)
      ? [value as Typed]
      : [],
  );
}

function lookAt(typed: Typed, module: CheckedModule): true {
  const type = show(typed.type);
  const isNumber = !['bool', 'symbol', 'key'].includes(typed.type.kind);
  switch (typed.op) {
    case 'constant':
      return hold(isOfType(typed.value, typed.type), 'constant');
    case 'field':
      hold(
        module.on.every((kind) => typed.field.on.includes(kind)),
        'kind of a field',
      );
      hold(typed.field.secret === undefined || module.layer === 'issuer', 'secret of the issuer');
      return hold(show(typed.field.type) === type, 'field');
    case 'has':
      return hold(type === 'bool' && typed.field.optional, 'has');
    case 'parameter':
      return hold(
        module.parameters.includes(typed.parameter) && show(typed.parameter.type) === type,
        'parameter',
      );
    case 'feed':
      return hold(module.feeds.includes(typed.feed) && typed.feed.of === type, 'feed');
    case 'spent':
      return hold(module.windows.includes(typed.window) && type === 'tx', 'spent');
    case 'count':
      return hold(module.windows.includes(typed.window) && type === 'int', 'count');
    case 'listed':
      return hold(
        module.lists.includes(typed.list) && typed.item.type.kind === typed.list.of && type === 'bool',
        'listed',
      );
    case 'compare': {
      const isOrder = typed.operator !== '==' && typed.operator !== '!=';
      hold(!isOrder || !['bool', 'symbol', 'key'].includes(typed.left.type.kind), 'order');
      return hold(type === 'bool' && show(typed.left.type) === show(typed.right.type), 'compare');
    }
    case 'and':
    case 'or':
      return hold(
        [type, show(typed.left.type), show(typed.right.type)].every((one) => one === 'bool'),
        typed.op,
      );
    case 'not':
      return hold(type === 'bool' && show(typed.operand.type) === 'bool', 'not');
    case 'negate':
      return hold(isNumber && show(typed.operand.type) === type, 'negate');
    case 'min':
    case 'max':
      return hold(isNumber && show(typed.left.type) === type && show(typed.right.type) === type, typed.op);
    case 'add':
    case 'subtract': {
      const found = `${show(typed.left.type)} ${show(typed.right.type)}`;
      const isTime = found === 'timestamp duration' || (typed.op === 'add' && found === 'duration timestamp');
      return hold(type === 'timestamp' ? isTime : isNumber && found === `${type} ${type}`, typed.op);
    }
    case 'multiply': {
      const found = [show(typed.left.type), show(typed.right.type)];
      return hold(
        found.includes('int') && found.includes(type) && ['int', 'money'].includes(typed.type.kind),
        'multiply',
      );
    }
    case 'divide':
    case 'remainder':
      return hold(
        [type, show(typed.left.type), show(typed.right.type)].every((one) => one === 'int'),
        typed.op,
      );
    case 'select':
      return hold(
        show(typed.condition.type) === 'bool' &&
          show(typed.then.type) === type &&
          show(typed.otherwise.type) === type,
        'select',
      );
    case 'scale':
    case 'share':
      return hold(
        typed.type.kind === 'money' &&
          show(typed.amount.type) === type &&
          show(typed.by.type) === (typed.op === 'scale' ? 'ratio' : 'int'),
        typed.op,
      );
    case 'convert':
      return hold(
        show(typed.amount.type) === 'tx' &&
          type === typed.to &&
          typed.feed.of === 'rates' &&
          module.feeds.includes(typed.feed),
        'convert',
      );
    default:
      typed satisfies never;
      throw new Defect('a part of no kind');
  }
}
