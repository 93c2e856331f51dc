/** What CEL's parser finds wrong, as faults at their places in the module. */
import type { ParseError } from '@marcbachmann/cel-js';
import { quote } from '../../kit/result.ts';
import type { FaultList } from './fault-list.ts';
import type { Token } from './scanner.ts';
import type { Span } from './syntax.ts';

/** Tells of an error in the expression that is `whole` of `text`, at the token that it was found at. */
export function tellParseError(
  error: ParseError,
  whole: Span,
  text: string,
  tokens: readonly Token[],
  faults: FaultList,
): void {
  const start = Math.min(whole.start + (error.range?.start ?? 0), whole.end);
  const token = tokens.find((one) => one.start <= start && start < one.end);
  const end =
    token === undefined
      ? Math.max(start, Math.min(whole.start + (error.range?.end ?? 0), whole.end))
      : token.end;
  const span =
    error.code === 'limit_exceeded' && token === undefined ? whole : { start: token?.start ?? start, end };
  const found =
    span.start >= whole.end ? 'the end of the expression' : quote(text.slice(span.start, span.end));
  switch (error.code) {
    case 'limit_exceeded':
      faults.add(
        'too_large',
        span,
        `${found}: at most 250 levels, 32 arguments and 1000 items of a list are accepted in an expression`,
      );
      return;
    case 'unexpected_token':
      faults.add(
        'expression_malformed',
        span,
        `${found}: a value is accepted here: a name, a number, a text in quotation marks, \`(\`, \`[\`, \`!\` or \`-\``,
      );
      return;
    case 'expected_token':
      faults.add(
        'expression_malformed',
        span,
        `${found}: ${text[span.start - 1] === '.' ? 'a name is accepted after `.`' : 'an operator, `,` or what closes a bracket is accepted here'}`,
      );
      return;
    case 'reserved_identifier':
      faults.add('word_reserved', span, `${found}: a name that CEL does not keep for itself is accepted`);
      return;
    case 'invalid_macro_argument':
      faults.add(
        'expression_malformed',
        span,
        `${found}: a name is accepted for what runs over the list, such as \`x\``,
      );
      return;
    case 'unexpected_character':
      faults.add(
        'expression_malformed',
        span,
        `${found}: an operator is accepted here, or the end of the expression`,
      );
      return;
    case 'invalid_exponent':
    case 'invalid_number':
      faults.add(
        'not_in_subset',
        span,
        `${found}: a whole number is accepted, or a text such as \`ratio("0.25")\``,
      );
      return;
    default:
      // What is left is about numbers and what stands behind a backslash in a text.
      faults.add('expression_malformed', span, `${found}: ${lowered(error.summary)}`);
  }
}

function lowered(summary: string): string {
  return `${summary.slice(0, 1).toLowerCase()}${summary.slice(1).replaceAll('`', "'")}`;
}
