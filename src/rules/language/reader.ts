/** Reads the tokens of one declaration: words, numbers, dates, texts and expressions, each with a fault that says what would be accepted. */
import { quote } from '../../kit/result.ts';
import { readExpression } from './expression.ts';
import type { FaultList } from './fault-list.ts';
import { nearestWord } from './nearest-word.ts';
import { endsValue, type Token, unseen } from './scanner.ts';
import type { Expression, FactSyntax, Located, RangeSyntax, Span } from './syntax.ts';
import { clauseWords, reservedWords, secondsOfUnit } from './words.ts';

/** A clause as it was written: the tokens from `first` up to `end`, left out. */
export interface WrittenClause {
  readonly word: string;
  readonly first: number;
  readonly end: number;
}

const opening: ReadonlySet<string> = new Set(['(', '[', '{']);
/** Of seconds, priorities and versions. */
const countLimit = 10n ** 18n;

export class Reader {
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly faults: FaultList;
  readonly clauses: WrittenClause[] = [];
  /** Words that end an expression of this declaration. */
  readonly #stops: ReadonlySet<string>;
  readonly #closers: ReadonlyMap<number, number>;
  at = 0;

  /** `closers` has the place of what closes each bracket. */
  constructor(
    text: string,
    tokens: readonly Token[],
    closers: ReadonlyMap<number, number>,
    stops: ReadonlySet<string>,
    faults: FaultList,
  ) {
    this.text = text;
    this.tokens = tokens;
    this.faults = faults;
    this.#closers = closers;
    this.#stops = stops;
  }

  get next(): Token | undefined {
    return this.tokens[this.at];
  }

  get span(): Span {
    return { start: this.tokens[0]?.start ?? 0, end: this.tokens.at(-1)?.end ?? 0 };
  }

  /** Of its word and its name. */
  get head(): Span {
    const [first, second = first] = this.tokens;
    return { start: first?.start ?? 0, end: second?.end ?? 0 };
  }

  /** Takes the next token where it is `text`. */
  take(text: string): Token | undefined {
    const token = this.next;
    if (token?.text !== text || token.kind === 'string') return undefined;
    this.at++;
    return token;
  }

  /** Tells that something else would be accepted where the reader is; gives `undefined`, for the caller to give on. */
  refuse(code: string, accepted: string): undefined {
    const token = this.next;
    const end = this.tokens.at(-1)?.end ?? 0;
    const span = token ?? { start: Math.max(0, end - 1), end };
    const found = token === undefined ? 'the declaration ends here' : quote(token.text);
    this.faults.add(code, { start: span.start, end: span.end }, `${found}: ${accepted}`);
    return undefined;
  }

  /** One of `words`. */
  choice<Word extends string>(words: readonly Word[]): Located<Word> | undefined {
    const token = this.next;
    const value = words.find((word) => token?.kind === 'word' && word === token.text);
    if (token === undefined || value === undefined) {
      const near = token?.kind === 'word' ? nearestWord(token.text, words) : undefined;
      const all = `${words.length > 2 ? 'one of ' : ''}${words.map((word) => `\`${word}\``).join(words.length === 2 ? ' or ' : ', ')}`;
      return this.refuse(
        token?.kind === 'word' ? 'word_unknown' : 'word_missing',
        near === undefined ? `${all} is accepted here` : `did you mean \`${near}\`? ${all} is accepted here`,
      );
    }
    this.at++;
    return { value, span: { start: token.start, end: token.end } };
  }

  /** Words with `.` between them and no blanks; `part` is what each of them has to be. */
  dotted(part: RegExp, accepted: string): Located<string> | undefined {
    const first = this.next;
    let value = '';
    let end = first?.start ?? 0;
    const from = this.at;
    while (this.next?.kind === 'word' && this.next.start === end) {
      if (!part.test(this.next.text)) return this.refuse('name_invalid', accepted);
      value += this.next.text;
      end = this.next.end;
      this.at++;
      const dot = this.next;
      if (dot?.text !== '.' || dot.start !== end || this.tokens[this.at + 1]?.start !== dot.end) break;
      if (this.tokens[this.at + 1]?.kind !== 'word') break;
      value += '.';
      end = dot.end;
      this.at++;
    }
    if (first === undefined || this.at === from) return this.refuse('name_missing', accepted);
    return { value, span: { start: first.start, end } };
  }

  /** The name of something that expressions read: one word, that ends no expression. */
  name(what: string): Located<string> | undefined {
    const token = this.next;
    if (token?.kind === 'word' && (clauseWords.has(token.text) || reservedWords.has(token.text)))
      return this.refuse('word_reserved', `a name of ${what} that is no word of the language is accepted`);
    return this.plainName(what);
  }

  plainName(what: string): Located<string> | undefined {
    const accepted = `a name of ${what} is accepted: a small letter, then small letters, digits and \`_\``;
    const token = this.next;
    if (token?.kind !== 'word') return this.refuse('name_missing', accepted);
    if (!smallName.test(token.text)) return this.refuse('name_invalid', accepted);
    this.at++;
    return { value: token.text, span: { start: token.start, end: token.end } };
  }

  count(what: string): Located<bigint> | undefined {
    const token = this.next;
    if (token?.kind !== 'word' || !/^(0|[1-9][0-9]{0,17})$/.test(token.text))
      return this.refuse('number_invalid', `${what} is accepted: a whole number below ${countLimit}`);
    this.at++;
    return { value: BigInt(token.text), span: { start: token.start, end: token.end } };
  }

  duration(): Located<bigint> | undefined {
    const token = this.next;
    const [, digits, unit] = /^([0-9]{1,18})([smhd])$/.exec(token?.text ?? '') ?? [];
    const value = BigInt(digits ?? 0) * (secondsOfUnit.get(unit ?? '') ?? 1n);
    if (token === undefined || digits === undefined || value >= countLimit)
      return this.refuse(
        'duration_invalid',
        'a length of time is accepted: a whole number and `s`, `m`, `h` or `d`, such as `24h`',
      );
    this.at++;
    return { value, span: { start: token.start, end: token.end } };
  }

  date(): Located<string> | undefined {
    const parts = this.tokens.slice(this.at, this.at + 5);
    const [first] = parts;
    const last = parts.at(-1);
    const value = first === undefined || last === undefined ? '' : this.text.slice(first.start, last.end);
    if (first === undefined || last === undefined || !isDate(value))
      return this.refuse('date_invalid', 'a day is accepted, such as `2027-12-31`');
    this.at += 5;
    return { value, span: { start: first.start, end: last.end } };
  }

  quoted(what: string): Located<string> | undefined {
    const token = this.next;
    if (token?.kind !== 'string')
      return this.refuse('text_missing', `${what} in quotation marks is accepted`);
    this.at++;
    const read = readExpression(this.text, [token], this.faults);
    if (read?.kind !== 'literal' || typeof read.value !== 'string') return undefined;
    // It is shown to people, on terminals too, and not only as it is written here.
    if (read.value.search(unseen) !== -1) {
      const message = `${quote(token.text)}: characters that a reader sees are accepted in ${what}, and no line breaks`;
      this.faults.add('character_forbidden', read.span, message);
      return undefined;
    }
    return { value: read.value, span: read.span };
  }

  /** An expression up to a word that ends one, or to one of `signs`, outside of brackets. */
  expression(after: string, ...signs: readonly string[]): Expression | undefined {
    const from = this.at;
    this.at = this.#endOf(from, signs);
    const tokens = this.tokens.slice(from, this.at);
    if (tokens.length === 0)
      return this.refuse('expression_missing', `an expression is accepted after \`${after}\``);
    const slip = this.#slipIn(tokens);
    if (slip !== undefined) {
      const near = nearestWord(slip.text, this.#stops);
      if (near !== undefined) {
        this.faults.add('word_unknown', slip, `${quote(slip.text)}: did you mean \`${near}\`?`);
        return undefined;
      }
    }
    return readExpression(this.text, tokens, this.faults);
  }

  range(): RangeSyntax | undefined {
    const least = this.expression('range', '..');
    if (this.take('..') === undefined) {
      if (least !== undefined)
        this.refuse('word_missing', '`..` is accepted, between the least and the most');
      return undefined;
    }
    const most = this.expression('..');
    return least && most && { least, most };
  }

  /** `PATH: E, … }`: the bracket before them has been taken. */
  facts(): readonly FactSyntax[] | undefined {
    const close = this.#closers.get(this.at - 1) ?? this.tokens.length;
    const facts: FactSyntax[] = [];
    let whole = true;
    while (this.at < close) {
      const fact = this.#fact(close);
      if (fact === undefined) {
        whole = false;
        // On with the next fact.
        this.at = Math.min(this.#endOf(this.at, [',']), close);
      } else {
        facts.push(fact);
      }
      if (this.at < close && this.take(',') === undefined) {
        this.refuse('expression_malformed', '`,` or `}` is accepted here');
        whole = false;
        this.at = Math.min(this.#endOf(this.at, [',']), close);
        this.take(',');
      }
    }
    this.at = close + 1;
    return whole ? facts : undefined;
  }

  #fact(close: number): FactSyntax | undefined {
    const path = this.dotted(
      /^[A-Za-z][A-Za-z0-9_]*$/,
      'a name is accepted, such as `tx.amount`, `spent.day` or `feed.ecb.USD`',
    );
    if (path === undefined) return undefined;
    if (this.take(':') === undefined) return this.refuse('word_missing', '`:` is accepted, and the value');
    const from = this.at;
    this.at = Math.min(this.#endOf(from, [','], false), close);
    if (this.at === from) return this.refuse('expression_missing', 'a value is accepted after `:`');
    const value = readExpression(this.text, this.tokens.slice(from, this.at), this.faults);
    return value && { path, value };
  }

  /** Goes to the next token that is one of `words`, outside of brackets. */
  skipTo(words: ReadonlySet<string>): void {
    while (this.next !== undefined && !words.has(this.next.text))
      this.at = (this.#closers.get(this.at) ?? this.at) + 1;
  }

  /** Where an expression ends that begins at `from`. */
  #endOf(from: number, signs: readonly string[], byWord = true): number {
    let at = from;
    for (let token = this.tokens[at]; token !== undefined; token = this.tokens[at]) {
      if (token.kind === 'sign' && (signs.includes(token.text) || token.text === '}')) break;
      if (byWord && token.kind === 'word' && this.#stops.has(token.text) && this.tokens[at - 1]?.text !== '.')
        break;
      at = opening.has(token.text) && token.kind === 'sign' ? (this.#closers.get(at) ?? at) + 1 : at + 1;
    }
    return at;
  }

  /** A word that stands where only an operator, or a word that ends the expression, can. */
  #slipIn(tokens: readonly Token[]): Token | undefined {
    let depth = 0;
    for (const [index, token] of tokens.entries()) {
      if (token.kind === 'sign' && opening.has(token.text)) depth++;
      if (token.kind === 'sign' && [')', ']', '}'].includes(token.text)) depth--;
      const isWord = token.kind === 'word' && token.text !== 'in';
      if (depth === 0 && isWord && endsValue(tokens[index - 1])) return token;
    }
    return undefined;
  }
}

const smallName = /^[a-z][a-z0-9_]*$/;

function isDate(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
