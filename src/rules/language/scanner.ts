/**
 * Words, texts, signs and comments of a module, with their places; whatever the text is, every character of it is in one of them or blank.
 * A text of an expression is read by CEL's parser once more: what the two could take differently is a fault here.
 */
import { quote } from '../../kit/result.ts';
import type { FaultList } from './fault-list.ts';

export interface Token {
  readonly kind: 'word' | 'string' | 'sign' | 'comment' | 'unknown';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Line breaks between what is before it and itself. */
  readonly breaks: number;
  /** Whether it is the first of its line, with nothing before it, not even a blank. */
  readonly atMargin: boolean;
}

export interface Scan {
  /** Without comments. */
  readonly tokens: readonly Token[];
  /** With comments, in the order of the text. */
  readonly all: readonly Token[];
}

/** Whether a value may end with it, so that what comes next is an operator. */
export function endsValue(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === 'sign') return token.text === ')' || token.text === ']';
  return token.kind === 'string' || token.text !== 'in';
}

/** Of a text in UTF-16 units. */
export const textLimit = 1024 * 1024;
const wordLimit = 256;

const pattern =
  /(?<blank>[ \t]+)|(?<break>\r?\n)|(?<comment>\/\/[^\n]*)|(?<word>[A-Za-z0-9_]+)|(?<triple>"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$))|(?<string>"(?:[^"\\\n\r]|\\[^\n\r])*"|'(?:[^'\\\n\r]|\\[^\n\r])*')|(?<open>["'][^\n]*)|(?<sign>&&|\|\||==|!=|<=|>=|=>|\.\.|[-+*/%<>!?:=.,(){}[\]&|])|(?<unknown>[^\s\w"'\-+*/%<>!?:=.,(){}[\]&|]+|[\s\S])/y;

/** Control characters, marks that turn text around, halves of a character: what a reader does not see, or sees elsewhere. */
export const unseen = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
/** All of those but tabs, and line breaks as LF and CRLF. */
const forbidden = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]|\r(?!\n)/gu;

export function scan(text: string, faults: FaultList): Scan {
  for (const match of text.matchAll(forbidden)) {
    if (faults.full) break;
    const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    faults.add(
      'character_forbidden',
      { start: match.index, end: match.index + match[0].length },
      `U+${code}: only characters that a reader sees, blanks, tabs, and lines that end in LF or CRLF are accepted`,
    );
  }
  const all: Token[] = [];
  const matcher = new RegExp(pattern);
  let breaks = 0;
  let margin = true;
  while (matcher.lastIndex < text.length) {
    const start = matcher.lastIndex;
    const groups = matcher.exec(text)?.groups ?? {};
    const end = matcher.lastIndex;
    const found = text.slice(start, end);
    if (groups['blank'] !== undefined) {
      margin = false;
      continue;
    }
    if (groups['break'] !== undefined) {
      breaks++;
      margin = true;
      continue;
    }
    const kind = kindOf(groups);
    // The CR of a CRLF is no part of a comment.
    const shown = kind === 'comment' ? found.trimEnd() : found;
    all.push({ kind, text: shown, start, end: start + shown.length, breaks, atMargin: margin });
    tellFault(groups, found, start, end, all.at(-2), faults);
    breaks = 0;
    margin = false;
  }
  return { all, tokens: all.filter(({ kind }) => kind !== 'comment') };
}

function kindOf(groups: Readonly<Record<string, string | undefined>>): Token['kind'] {
  if (groups['comment'] !== undefined) return 'comment';
  if (groups['word'] !== undefined) return 'word';
  if (groups['sign'] !== undefined) return 'sign';
  return groups['unknown'] === undefined ? 'string' : 'unknown';
}

function tellFault(
  groups: Readonly<Record<string, string | undefined>>,
  found: string,
  start: number,
  end: number,
  before: Token | undefined,
  faults: FaultList,
): void {
  const span = { start, end };
  const shown = quote(found.replaceAll(unseen, '?'));
  if (groups['word'] !== undefined && found.length > wordLimit)
    faults.add('word_too_long', span, `${shown}: at most ${wordLimit} characters are accepted`);
  if (groups['triple'] !== undefined)
    faults.add(
      'text_unclosed',
      span,
      `${shown}: a text in one pair of quotation marks, on one line, is accepted`,
    );
  if (groups['open'] !== undefined)
    faults.add(
      'text_unclosed',
      span,
      `${shown}: a quotation mark that ends the text is accepted on the same line`,
    );
  if (groups['string'] !== undefined && before?.end === start && /^[bBrR]+$/.test(before.text))
    faults.add(
      'not_in_subset',
      { start: before.start, end },
      `${quote(`${before.text}${found}`)}: a text without a letter before its quotation mark is accepted`,
    );
  if (groups['unknown'] !== undefined)
    faults.add(
      'character_unknown',
      span,
      `${shown}: outside of texts and comments letters without accents, digits, \`_\` and the signs of expressions are accepted`,
    );
}
