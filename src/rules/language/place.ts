/** Where in a text something is, for people: lines and columns, and the line itself with a mark under it. */
import { unseen } from './scanner.ts';
import type { Fault, Span } from './syntax.ts';

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
}

/** The place of `offset` (UTF-16 units); an offset outside the text is taken to its nearest end. */
export function placeOf(text: string, offset: number): Place {
  const at = Math.max(0, Math.min(offset, text.length));
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next !== -1 && next < at; next = text.indexOf('\n', start)) {
    line++;
    start = next + 1;
  }
  return { line, column: at - start + 1 };
}

const widest = 120;

/**
 * A fault for a person, `name` being the file's:
 *
 *     us.rules:12:9: unknown_word: `contrl`: `control` is accepted here
 *       12 | rule day contrl limit.day
 *          |          ^^^^^^
 */
export function showFault(text: string, fault: Fault, name: string): readonly string[] {
  const { line, column } = placeOf(text, fault.span.start);
  return [`${name}:${line}:${column}: ${fault.code}: ${fault.message}`, ...showSpan(text, fault.span)];
}

/** The line on which `span` begins, and under it a mark from its beginning to its end or the line's. */
function showSpan(text: string, span: Span): readonly string[] {
  const { line, column } = placeOf(text, span.start);
  const start = Math.min(span.start, text.length) - (column - 1);
  const end = text.indexOf('\n', start);
  const whole = text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '');
  // A long line is shown from a little before the place.
  const from = column > widest - 20 ? column - 40 : 0;
  const shown = printable(whole.slice(from, from + widest));
  const before = printable(whole.slice(from, column - 1));
  const length = Math.max(
    1,
    Math.min(span.end - span.start, whole.length - (column - 1), widest - before.length),
  );
  const label = String(line).padStart(4);
  return [
    `  ${label} | ${shown}`,
    `  ${' '.repeat(label.length)} | ${' '.repeat(Math.max(0, before.length))}${'^'.repeat(Math.max(1, length))}`,
  ];
}

/** Of the same length; what would move the cursor, or letters about, is a mark of a question. */
function printable(text: string): string {
  return text.replaceAll(/\t/g, ' ').replaceAll(unseen, (found) => '?'.repeat(found.length));
}
