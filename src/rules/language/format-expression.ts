/**
 * The canonical form of expressions: on one line where it fits, otherwise broken before the operators that bind least, then in brackets.
 * It goes by the words and signs alone, so it says the same as before, and the second time changes nothing.
 */
import { endsValue, type Token } from './scanner.ts';

/** Columns of a line, where it can be broken at all. */
export const width = 120;

/** From the one that binds least. */
const levels: readonly (readonly string[])[] = [
  ['?', ':'],
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** On one line. */
export function flatExpression(tokens: readonly Token[]): string {
  let text = '';
  for (const [index, token] of tokens.entries()) {
    // A comma before what closes a list says nothing.
    if (isSign(token, ',') && closes(tokens[index + 1])) continue;
    text += (index > 0 && isSpaced(tokens, index) ? ' ' : '') + wordOf(token);
  }
  return text;
}

/** With its first line from `column` on, and further ones indented by `indent`. */
export function layExpression(tokens: readonly Token[], indent: number, column: number): string {
  const flat = flatExpression(tokens);
  if (column + flat.length <= width) return flat;
  for (const level of levels) {
    const splits = splitsBy(tokens, level);
    if (splits.length === 0) continue;
    const bounds = [...splits, tokens.length];
    const first = layExpression(tokens.slice(0, splits[0]), indent + 2, column);
    const rest = splits.map((split, index) => {
      const operator = tokens[split]?.text ?? '';
      const operand = tokens.slice(split + 1, bounds[index + 1]);
      return `${operator} ${layExpression(operand, indent + 2, indent + operator.length + 1)}`;
    });
    return [first, ...rest].join(`\n${' '.repeat(indent)}`);
  }
  return layBrackets(tokens, indent);
}

/** A text in the quotation marks of the canonical form. */
export function wordOf(token: Token): string {
  if (token.kind !== 'string' || !token.text.startsWith("'") || /["\\]/.test(token.text)) return token.text;
  return `"${token.text.slice(1, -1)}"`;
}

/** Breaks in the longest bracket; what has none stays longer than the line. */
function layBrackets(tokens: readonly Token[], indent: number): string {
  let from = -1;
  let to = -1;
  let at = 0;
  while (at < tokens.length) {
    const close = closerOf(tokens, at);
    if (close > at) {
      if (close - at > Math.max(1, to - from)) [from, to] = [at, close];
      at = close;
    }
    at++;
  }
  if (from === -1) return flatExpression(tokens);
  const before = flatExpression(tokens.slice(0, from + 1));
  const items = itemsOf(tokens.slice(from + 1, to));
  // The bracket that is open stands for all before what closes it.
  const after = flatExpression([...tokens.slice(from, from + 1), ...tokens.slice(to)]).slice(1);
  const margin = ' '.repeat(indent);
  const body = items.every((item) => item.length === 1)
    ? fill(items.map(flatExpression), indent, '')
    : items
        .map((item, index) => {
          const laid = layExpression(item, items.length === 1 ? indent : indent + 2, indent);
          return `${margin}${laid}${index < items.length - 1 ? ',' : ''}`;
        })
        .join('\n');
  return `${before}\n${body}\n${' '.repeat(indent - 2)}${after}`;
}

/** As many on a line as fit, with a comma between two, and `last` behind the last. */
export function fill(items: readonly string[], indent: number, last: string): string {
  const lines: string[] = [];
  let line = ' '.repeat(indent - 1);
  for (const [index, item] of items.entries()) {
    const word = `${item}${index < items.length - 1 ? ',' : last}`;
    if (line.length + 1 + word.length > width && line.trim() !== '') {
      lines.push(line);
      line = ' '.repeat(indent - 1);
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}

function itemsOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const items: Token[][] = [[]];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined) break;
    if (isSign(token, ',')) {
      items.push([]);
      continue;
    }
    const close = Math.max(at, closerOf(tokens, at));
    items.at(-1)?.push(...tokens.slice(at, close + 1));
    at = close;
  }
  return items.filter((item) => item.length > 0);
}

/** Where operators of `level` are, outside of brackets; a sign before an operand is none. */
function splitsBy(tokens: readonly Token[], level: readonly string[]): readonly number[] {
  const splits: number[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (
      token !== undefined &&
      token.kind !== 'string' &&
      level.includes(token.text) &&
      endsValue(tokens[at - 1])
    )
      splits.push(at);
    at = Math.max(at, closerOf(tokens, at));
  }
  return splits;
}

/** Where the bracket at `at` is closed; -1 where there is none. */
function closerOf(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (let index = at; index < tokens.length; index++) {
    const token = tokens[index];
    if (opens(token)) depth++;
    else if (closes(token)) depth--;
    if (depth === 0) return index === at ? -1 : index;
  }
  return -1;
}

function isSign(token: Token | undefined, text: string): boolean {
  return token?.kind === 'sign' && token.text === text;
}

function opens(token: Token | undefined): boolean {
  return token?.kind === 'sign' && (token.text === '(' || token.text === '[' || token.text === '{');
}

function closes(token: Token | undefined): boolean {
  return token?.kind === 'sign' && (token.text === ')' || token.text === ']' || token.text === '}');
}

/** Whether there is a blank before the token at `index`. */
export function isSpaced(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  const before = tokens[index - 1];
  if (token === undefined || before === undefined) return false;
  if (isSign(before, '.') || isSign(token, '.') || isSign(token, ',')) return false;
  if (isSign(before, '(') || isSign(before, '[')) return false;
  if (isSign(token, ')') || isSign(token, ']')) return false;
  if (isSign(token, '('))
    return !(before.kind === 'word' && before.text !== 'in') && !isPrefix(tokens, index - 1);
  return !isPrefix(tokens, index - 1);
}

/** Whether the token at `index` is a sign before an operand. */
function isPrefix(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  return isSign(token, '!') || (isSign(token, '-') && !endsValue(tokens[index - 1]));
}
