/** A rule: what it meets others in, what it is an exception to, when it applies, what it says. */
import { readClauses, refuseMissing } from './declarations.ts';
import type { Reader } from './reader.ts';
import type { BodySyntax, Expression, Located, RuleSyntax, Verdict } from './syntax.ts';
import { choices } from './words.ts';

/** Clauses as they are read, before it is known what they make together. */
interface Parts {
  strict: boolean;
  derogable: boolean;
  control?: Located<string> | undefined;
  exceptionTo?: Located<string> | undefined;
  priority?: Located<bigint> | undefined;
  from?: Located<string> | undefined;
  expires?: Located<string> | undefined;
  verdicts: Located<Verdict>[];
  cap?: Expression | undefined;
  measure?: Expression | undefined;
  field?: Expression | undefined;
  when?: Expression | undefined;
  otherwise?: Located<Verdict> | undefined;
  reveals?: Located<string> | undefined;
  law?: Located<string> | undefined;
  says?: Located<string> | undefined;
}

const part = /^[a-z][a-z0-9_]*$/;

export function readRule(reader: Reader): RuleSyntax | undefined {
  const before = reader.faults.count;
  const name = reader.name('a rule');
  const parts: Parts = { strict: false, derogable: false, verdicts: [] };
  const verdict = (value: Verdict) => (): Located<Verdict> => {
    const span = reader.tokens[reader.at - 1] ?? reader.span;
    const said = { value, span: { start: span.start, end: span.end } };
    parts.verdicts.push(said);
    return said;
  };
  readClauses(reader, 'rule', {
    strict: () => (parts.strict = true),
    derogable: () => (parts.derogable = true),
    control: () =>
      (parts.control = reader.dotted(part, 'a name of a control is accepted, such as `limit.day`')),
    exception: () => (parts.exceptionTo = readException(reader)),
    priority: () => (parts.priority = reader.count('a priority')),
    from: () => (parts.from = reader.date()),
    expires: () => (parts.expires = reader.date()),
    ALLOW: verdict('ALLOW'),
    FLAG: verdict('FLAG'),
    HOLD: verdict('HOLD'),
    DENY: verdict('DENY'),
    cap: () => (parts.cap = reader.expression('cap')),
    on: () => (parts.measure = reader.expression('on')),
    require: () => (parts.field = reader.expression('require')),
    when: () => (parts.when = reader.expression('when')),
    else: () => (parts.otherwise = reader.choice(choices.verdict)),
    reveals: () => (parts.reveals = reader.choice(choices.reveals)),
    law: () => (parts.law = reader.quoted('a law')),
    says: () => (parts.says = reader.quoted('what a person is told')),
  });
  // What is missing is told only where nothing else is wrong, by which it may be missing.
  if (reader.faults.count > before) return undefined;
  const { control } = parts;
  if (control === undefined) return refuseMissing(reader, before, 'rule', 'control');
  const body = bodyOf(reader, parts);
  if (body === undefined || name === undefined) return undefined;
  const { strict, derogable, exceptionTo, priority, from, expires, reveals, law, says } = parts;
  return {
    kind: 'rule',
    name,
    strict,
    derogable,
    control,
    exceptionTo,
    priority,
    from,
    expires,
    body,
    reveals,
    law,
    says,
    span: reader.span,
  };
}

/** `to RULE`, `to MODULE/RULE` */
function readException(reader: Reader): Located<string> | undefined {
  if (reader.take('to') === undefined)
    return reader.refuse('word_missing', '`to` and the name of a rule are accepted');
  const accepted = 'the name of a rule is accepted, such as `day`, or with its module `us.payments/day`';
  const first = reader.dotted(part, accepted);
  if (first === undefined) return undefined;
  if (reader.take('/') === undefined) {
    if (!first.value.includes('.')) return first;
    reader.faults.add('name_invalid', first.span, `\`${first.value}\`: ${accepted}`);
    return undefined;
  }
  const rule = reader.plainName('a rule');
  if (rule === undefined) return undefined;
  return { value: `${first.value}/${rule.value}`, span: { start: first.span.start, end: rule.span.end } };
}

function bodyOf(reader: Reader, parts: Parts): BodySyntax | undefined {
  const { verdicts, cap, measure, field, when, otherwise } = parts;
  const refuse = (code: string, message: string): undefined => {
    reader.faults.add(code, reader.head, message);
    return undefined;
  };
  const bodies = verdicts.length + (cap === undefined ? 0 : 1) + (field === undefined ? 0 : 1);
  if (bodies !== 1)
    return refuse(
      bodies === 0 ? 'clause_missing' : 'clause_repeated',
      `a \`rule\` with ${bodies === 0 ? 'nothing to decide' : 'several things to decide'}: one of \`VERDICT when E\`, \`cap E on E\` and \`require FIELD\` is accepted`,
    );
  if (cap === undefined && measure !== undefined)
    return refuse('clause_unknown', '`on` without `cap`: `cap E on E` is accepted');
  const [verdict] = verdicts;
  if (verdict !== undefined) {
    if (otherwise !== undefined)
      return refuse(
        'clause_unknown',
        `\`else\` with \`${verdict.value}\`: \`else\` is accepted with \`cap\` and \`require\``,
      );
    if (when === undefined)
      return refuse(
        'clause_missing',
        `\`${verdict.value}\` without \`when\`: \`${verdict.value} when E\` is accepted, \`true\` being always`,
      );
    return { kind: 'verdict', verdict, when };
  }
  if (field !== undefined) return { kind: 'require', field, when, otherwise };
  if (cap === undefined || measure === undefined)
    return refuse(
      'clause_missing',
      '`cap` without `on`: `cap E on E` is accepted, the second being what is measured',
    );
  return { kind: 'cap', cap, measure, when, otherwise };
}
