/** Inputs of a run as people write them: `limits[2]=100`, `currency[0]='USD'`, and several words that lie together. */
import type { InputWord } from './host.ts';
import type { WordType } from './isa.ts';
import { showWord } from './listing.ts';
import { SourceLine, SyntaxFault } from './source-line.ts';

export type ReadInputs =
  | { readonly ok: true; readonly inputs: readonly InputWord[] }
  | { readonly ok: false; readonly code: InputCode; readonly message: string };

/** Where inputs may go: a `Listing`, or as much of one as is known. */
export interface InputPlaces {
  readonly module: {
    /** A segment whose type is not known takes both. */
    readonly segments: readonly { readonly type: WordType | undefined; readonly length: number }[];
  };
  readonly names: { readonly segments: readonly string[] };
}

type InputCode = 'input_malformed' | 'input_unknown' | 'input_repeated';

/**
 * Reads inputs for the module of `listing`; no word may be given twice.
 *
 * @example
 * readInputs(listing, ["amounts[0]=100 250 50", "currency[0]='EUR'"]);
 */
export function readInputs(listing: InputPlaces, texts: readonly string[]): ReadInputs {
  const inputs: InputWord[] = [];
  const given = new Set<string>();
  for (const text of texts) {
    const read = readOne(listing, text);
    if (!read.ok) return read;
    for (const input of read.inputs) {
      const place = `${listing.names.segments[input.segment]}[${input.index}]`;
      if (given.has(place))
        return refuse('input_repeated', text, `\`${place}\` is given twice, and is accepted once`);
      given.add(place);
      inputs.push(input);
    }
  }
  return { ok: true, inputs };
}

function readOne(listing: InputPlaces, text: string): ReadInputs {
  const { module, names } = listing;
  const match = /^\s*([A-Za-z_][\w.]*)\s*\[\s*(\d+)\s*\]\s*=(.*)$/s.exec(text);
  if (match === null)
    return refuse('input_malformed', text, '`SEGMENT[INDEX]=VALUE` is accepted, such as `amount[0]=100`');
  const [, name = '', index = '', values = ''] = match;
  const number = names.segments.indexOf(name);
  const segment = module.segments[number];
  if (segment === undefined)
    return refuse(
      'input_unknown',
      text,
      module.segments.length === 0
        ? 'the module has no segment, and takes no input'
        : `the segment is accepted that is one of ${names.segments.join(', ')}`,
    );
  const { type, length } = segment;
  // To the assembler what follows is a comment; here it would be an input that is silently lost.
  if (values.replaceAll(/'[^']*'/g, '').includes(';'))
    return refuse('input_malformed', text, 'values are accepted, and `;` is none: give `--input` once more');
  const inputs: InputWord[] = [];
  const line = new SourceLine(values);
  try {
    do {
      const word = line.value();
      if (type !== undefined && word.type !== type)
        return refuse(
          'input_malformed',
          text,
          `\`${showWord(word.type, word.value)}\` is a ${word.type}, and a ${type} such as ${type === 'symbol' ? "'USD'" : '100'} is accepted`,
        );
      inputs.push({ segment: number, index: Number(index) + inputs.length, value: word.value });
    } while (!line.isAtEnd);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    return refuse('input_malformed', text, error.message);
  }
  if (Number(index) + inputs.length > length)
    return refuse(
      'input_unknown',
      text,
      length === 1
        ? `${name} has one word, and ${name}[0] is accepted`
        : `${name} has ${length} words, and ${name}[0] to ${name}[${length - 1}] are accepted`,
    );
  return { ok: true, inputs };
}

function refuse(code: InputCode, text: string, why: string): ReadInputs {
  const shown = text.replaceAll(/[\p{Cc}`]/gu, '?').slice(0, 80);
  return { ok: false, code, message: `input \`${shown}\`: ${why}` };
}
