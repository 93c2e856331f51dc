/** The text of a rule set, `NAME.ruleset`: read to what it says, with the place of everything. docs/RULES.md, Rule sets. */
import { fromHex } from '../../kit/bytes.ts';
import { quote } from '../../kit/result.ts';
import { readExpression } from '../language/expression.ts';
import { FaultList } from '../language/fault-list.ts';
import { nearestWord } from '../language/nearest-word.ts';
import { Reader } from '../language/reader.ts';
import { scan, type Token, textLimit } from '../language/scanner.ts';
import type { Expression, Fault, Located, Span } from '../language/syntax.ts';

export interface SetText {
  readonly name: Located<string>;
  readonly version: Located<bigint>;
  readonly unions: readonly Said<readonly Located<string>[]>[];
  readonly issuers: readonly Said<Located<string>>[];
  readonly modules: readonly ModuleLine[];
  /** Of `MODULE/PARAM`. */
  readonly parameters: readonly Said<Expression>[];
  readonly suppressions: readonly SuppressionLine[];
  /** Of a jurisdiction: an uncompressed point on P-256, 65 bytes. */
  readonly keys: readonly Said<Uint8Array>[];
}

/** `NAME = VALUE` */
interface Said<T> {
  readonly name: Located<string>;
  readonly value: T;
}

export interface ModuleLine {
  readonly name: Located<string>;
  readonly version: Located<bigint>;
  /** In hex. */
  readonly sha256: Located<string> | undefined;
}

export interface SuppressionLine {
  /** Code of the finding, and what it is about, with one blank between. */
  readonly finding: Located<string>;
  /** `YYYY-MM-DD`: not on that day any more. */
  readonly until: string;
  readonly because: string;
}

const smallName = /^[a-z][a-z0-9_]*$/;
const capitals = /^[A-Z][A-Z0-9_]*$/;
const moduleName = 'the name of a module is accepted, such as `us.payments`';
const code = 'capitals are accepted, such as `US` or `EU`';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** What can be read of the text, and all that is wrong with it; the text is `undefined` where it does not say which set it is. */
export function parseSetText(text: string): {
  readonly set: SetText | undefined;
  readonly faults: readonly Fault[];
} {
  const faults = new FaultList();
  if (text.length > textLimit) {
    faults.add(
      'too_large',
      { start: textLimit, end: textLimit },
      `at most ${textLimit} characters are accepted`,
    );
    return { set: undefined, faults: faults.list() };
  }
  const read: Mutable<Omit<SetText, 'name' | 'version'>> = {
    unions: [],
    issuers: [],
    modules: [],
    parameters: [],
    suppressions: [],
    keys: [],
  };
  let head: Pick<SetText, 'name' | 'version'> | undefined;
  const readings: Readonly<Record<string, (reader: Reader) => unknown>> = {
    ruleset: (reader) => {
      const name = reader.dotted(smallName, 'a name is accepted, such as `demo`');
      const version = name && reader.count('a version');
      if (head !== undefined) return reader.refuse('ruleset_repeated', '`ruleset` is accepted once');
      head = name && version && { name, version };
      return head;
    },
    union: (reader) => {
      const name = readCode(reader);
      const equals = name && takeSign(reader, '=');
      const members: Located<string>[] = [];
      while (equals && reader.next !== undefined) {
        const member = readCode(reader);
        if (member === undefined) return undefined;
        members.push(member);
      }
      if (name && equals && members.length === 0) return reader.refuse('union_empty', `its members: ${code}`);
      return name && equals && read.unions.push({ name, value: members });
    },
    issuer: (reader) => {
      const name = readCode(reader);
      const value = name && takeSign(reader, '=') && readCode(reader);
      return name && value && read.issuers.push({ name, value });
    },
    module: (reader) => {
      const name = reader.dotted(smallName, moduleName);
      const version = name && reader.count('a version');
      if (name === undefined || version === undefined) return undefined;
      const sha256 = reader.next === undefined ? undefined : readHash(reader);
      return read.modules.push({ name, version, sha256 });
    },
    set: (reader) => {
      const name = readPath(reader);
      if (name === undefined || takeSign(reader, '=') === undefined) return undefined;
      const tokens = reader.tokens.slice(reader.at);
      if (tokens.length === 0) return reader.refuse('expression_missing', 'a value is accepted after `=`');
      reader.at = reader.tokens.length;
      const value = readExpression(text, tokens, faults);
      return name && value && read.parameters.push({ name, value });
    },
    suppress: (reader) => {
      const from = reader.next;
      while (reader.next !== undefined && reader.next.text !== 'until') reader.at++;
      const last = reader.tokens[reader.at - 1];
      if (from === undefined || last === undefined || reader.at === 1)
        return reader.refuse('finding_missing', 'the code of a finding is accepted, and what it is about');
      const span = { start: from.start, end: last.end };
      const until = takeWord(reader, 'until') && reader.date();
      const because = until && takeWord(reader, 'because') && reader.quoted('a reason');
      const finding = { value: text.slice(span.start, span.end).replaceAll(/\s+/g, ' '), span };
      return because && read.suppressions.push({ finding, until: until.value, because: because.value });
    },
    key: (reader) => {
      const name = readCode(reader);
      const value = name && takeSign(reader, '=') && readPoint(reader);
      return name && value && read.keys.push({ name, value });
    },
  };
  for (const tokens of declarationsOf(scan(text, faults).tokens)) {
    const [word] = tokens;
    const reading = word?.atMargin === true && word.kind === 'word' ? readings[word.text] : undefined;
    if (reading === undefined) refuseWord(word, Object.keys(readings), faults);
    else {
      const before = faults.count;
      const reader = new Reader(text, tokens, new Map(), new Set(), faults);
      reader.at = 1;
      reading(reader);
      if (faults.count === before && reader.next !== undefined)
        reader.refuse('declaration_ended', 'the next declaration is accepted, at the beginning of a line');
    }
  }
  if (head === undefined && faults.count === 0)
    faults.add('ruleset_missing', { start: 0, end: 0 }, '`ruleset NAME VERSION` is accepted');
  return { set: head && { ...head, ...read }, faults: faults.list() };
}

/** What is at the beginning of a line begins a declaration. */
function declarationsOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const found: Token[][] = [];
  for (const token of tokens) {
    const last = found.at(-1);
    if (token.atMargin || last === undefined) found.push([token]);
    else last.push(token);
  }
  return found;
}

function refuseWord(word: Token | undefined, known: readonly string[], faults: FaultList): void {
  if (word === undefined || word.kind === 'unknown') return;
  const near = word.kind === 'word' ? nearestWord(word.text, known) : undefined;
  const all = `${known.map((one) => `\`${one}\``).join(', ')} are accepted at the beginning of a line`;
  faults.add(
    'declaration_unknown',
    { start: word.start, end: word.end },
    `${quote(word.text)}: ${near === undefined ? all : `did you mean \`${near}\`?`}`,
  );
}

function readCode(reader: Reader): Located<string> | undefined {
  const token = reader.next;
  if (token?.kind !== 'word' || !capitals.test(token.text))
    return reader.refuse('jurisdiction_invalid', code);
  reader.at++;
  return { value: token.text, span: spanOf(token) };
}

/** `us.payments/daily` */
function readPath(reader: Reader): Located<string> | undefined {
  const module = reader.dotted(smallName, moduleName);
  if (module === undefined || takeSign(reader, '/') === undefined) return undefined;
  const name = reader.plainName('a parameter');
  return (
    name && { value: `${module.value}/${name.value}`, span: { start: module.span.start, end: name.span.end } }
  );
}

function readHash(reader: Reader): Located<string> | undefined {
  const accepted = '`sha256:` and 64 hexadecimal digits in small letters are accepted';
  const begins = reader.take('sha256') !== undefined && reader.take(':') !== undefined;
  const token = reader.next;
  if (!begins || token === undefined || !/^[0-9a-f]{64}$/.test(token.text))
    return reader.refuse('hash_invalid', accepted);
  reader.at++;
  return { value: token.text, span: spanOf(token) };
}

function readPoint(reader: Reader): Uint8Array | undefined {
  const point = /^04[0-9a-f]{128}$/.test(reader.next?.text ?? '')
    ? fromHex(reader.next?.text ?? '')
    : undefined;
  if (point === undefined)
    return reader.refuse(
      'key_malformed',
      'an uncompressed point on P-256 is accepted: 130 hexadecimal digits in small letters, `04` first',
    );
  reader.at++;
  return point;
}

function takeSign(reader: Reader, sign: string): Token | undefined {
  return reader.take(sign) ?? reader.refuse('word_missing', `\`${sign}\` is accepted here`);
}

function takeWord(reader: Reader, word: string): Token | undefined {
  return reader.take(word) ?? reader.refuse('word_missing', `\`${word}\` is accepted here`);
}

function spanOf({ start, end }: Token): Span {
  return { start, end };
}
