/** What an editor shows of the word under the pointer, as Markdown, and where that word was declared. */
import { checkModule } from '../checker/check-module.ts';
import type { Field } from '../checker/checked.ts';
import { isNumber, showType } from '../checker/type.ts';
import type { ControlSyntax, RuleSyntax, Span } from '../language/syntax.ts';
import { type Reading, readText, type Target, targetAt } from './target.ts';

export interface Hover {
  readonly span: Span;
  readonly markdown: string;
}

/** `undefined` where there is nothing to say. */
export function describeAt(text: string, offset: number): Hover | undefined {
  const reading = readText(text);
  const target = targetAt(reading, offset);
  if (target === undefined) return undefined;
  const { span } = target;
  switch (target.kind) {
    case 'word':
      return { span, markdown: shown(`${target.word} ${target.form}`.trim(), target.meaning) };
    case 'function':
      return { span, markdown: shown(target.form, target.meaning) };
    case 'name':
      return { span, markdown: describeName(reading, target.means) };
    default:
      return target satisfies never;
  }
}

/** The name in the declaration of what is named at `offset`. */
export function findDefinition(text: string, offset: number): Span | undefined {
  const target = targetAt(readText(text), offset);
  if (target?.kind !== 'name' || target.means.kind === 'field') return undefined;
  return target.means.name.span;
}

/** Code, then paragraphs. */
function shown(code: string, ...paragraphs: readonly string[]): string {
  return [`\`\`\`ringmint-rules\n${code}\n\`\`\``, ...paragraphs.filter((one) => one !== '')].join('\n\n');
}

function describeName(reading: Reading, means: Extract<Target, { kind: 'name' }>['means']): string {
  const { text } = reading;
  const code = (span: Span): string => text.slice(span.start, span.end).split('\n')[0] ?? '';
  switch (means.kind) {
    case 'field':
      return describeField(means.field);
    case 'let': {
      const typed = checkModule(text).module?.lets.find(({ name }) => name === means.name.value);
      return shown(
        `let ${means.name.value}${typed === undefined ? '' : ` : ${showType(typed.value.type)}`}`,
        `= ${inline(text, means.value.span)}`,
      );
    }
    case 'param': {
      const { range, secret, type, value } = means;
      return shown(
        `param ${means.name.value} : ${type.value}`,
        `${inline(text, value.span)} where the rule set does not move it`,
        range === undefined
          ? 'a rule set may not move it'
          : `a rule set may move it from ${inline(text, range.least.span)} to ${inline(text, range.most.span)}`,
        secret ? "secret of the module's jurisdiction" : '',
      );
    }
    case 'list':
      return shown(
        `list ${means.name.value} of ${means.of.value}`,
        'sha256' in means.source
          ? `a file with SHA-256 ${means.source.sha256.value.slice(0, 16)}…`
          : 'written out here',
        means.secret ? "secret of the module's jurisdiction" : '',
      );
    case 'feed':
      return shown(
        `feed ${means.name.value} of ${means.of.value}`,
        means.range === undefined
          ? ''
          : `from ${inline(text, means.range.least.span)} to ${inline(text, means.range.most.span)}`,
        `at most ${means.maxAgeSeconds.value} s old, else ${means.onStale.value}`,
      );
    case 'window':
      return shown(`window ${means.name.value}`, `${means.seconds.value} s before the transaction`);
    case 'control':
      return describeControl(means, reading);
    case 'rule':
      return describeRule(means, code(means.span));
    default:
      return means satisfies never;
  }
}

function describeField({ name, type, optional, least, most, authority, secret, on, meaning }: Field): string {
  return shown(
    `${name} : ${showType(type)}`,
    `${meaning}${optional ? '; optional, so read only where `has` of it holds' : ''}`,
    `of ${on.join(' and ')}, ${authority === 'said' ? "the sender's word" : 'known to the system'}${secret === undefined ? '' : ', a secret of the issuer'}`,
    isNumber(type) ? `from ${least} to ${most}; outside it is an error` : '',
  );
}

function describeControl({ name, of }: ControlSyntax, { scope }: Reading): string {
  const rules = [...scope.rules.values()].filter(({ control }) => control.value === name.value);
  const meets = {
    verdict: 'the strictest verdict counts',
    cap: 'the least cap counts',
    evidence: 'all evidence is required',
  };
  return shown(
    `control ${name.value} ${of.value}`,
    Object.hasOwn(meets, of.value) ? meets[of.value as keyof typeof meets] : '',
    rules.length === 0
      ? 'no rule of this module is in it'
      : `rules: ${rules.map((rule) => `\`${rule.name.value}\``).join(', ')}`,
  );
}

function describeRule(rule: RuleSyntax, code: string): string {
  const { law, says, exceptionTo, from, expires, reveals } = rule;
  return shown(
    code,
    law === undefined ? '' : `law: ${withoutMarks(law.value)}`,
    says === undefined ? '' : `says: ${withoutMarks(says.value)}`,
    exceptionTo === undefined ? '' : `beats \`${exceptionTo.value}\` where it applies`,
    from === undefined && expires === undefined
      ? ''
      : `applies${from === undefined ? '' : ` from ${from.value}`}${expires === undefined ? '' : ` until ${expires.value}`}, 00:00 UTC`,
    reveals === undefined ? '' : `reveals ${reveals.value}`,
  );
}

/** Code in a line; it may have marks of Markdown in it. */
function inline(text: string, { start, end }: Span): string {
  const code = text.slice(start, end).replaceAll(/\s+/g, ' ');
  return `\`${code.length > 200 ? `${code.slice(0, 197)}...` : code.replaceAll('`', "'")}\``;
}

/** Text that says nothing to Markdown. */
function withoutMarks(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>#|!&~]/g, (sign) => `\\${sign}`).replaceAll(/\s+/g, ' ');
}
