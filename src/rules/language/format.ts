/**
 * The canonical text of a module: clauses in the order of docs/RULES.md, each where it has its place, expressions broken where they are too
 * long. Comments stay with what they are at, and blank lines between declarations stay, one at a time. What has a fault is left alone.
 */
import { fill, flatExpression, isSpaced, layExpression, width, wordOf } from './format-expression.ts';
import { readModule, type WrittenDeclaration } from './parse.ts';
import type { Token } from './scanner.ts';
import type { Fault } from './syntax.ts';
import { clausesOf } from './words.ts';

/** The same module in its canonical form, or what is wrong with it. Formatting the result again gives the result. */
export function formatModule(text: string): {
  readonly text: string | undefined;
  readonly faults: readonly Fault[];
} {
  const { declarations, scan, faults } = readModule(text);
  if (faults.length > 0) return { text: undefined, faults };
  const lines: string[] = [];
  const add = (first: Token | undefined, added: readonly string[]): void => {
    if ((first?.breaks ?? 0) > 1 && lines.length > 0) lines.push('');
    for (const line of added) lines.push(line);
  };
  let at = 0;
  for (const declaration of declarations) {
    const start = declaration.tokens[0]?.start ?? 0;
    const end = declaration.tokens.at(-1)?.end ?? 0;
    for (let token = scan.all[at]; token !== undefined && token.start < start; token = scan.all[++at])
      add(token, [token.text]);
    const first = scan.all[at];
    const comments: Token[] = [];
    for (let token = scan.all[at]; token !== undefined; token = scan.all[++at]) {
      // A comment at the beginning of a line, behind the declaration, is not of it.
      if (token.start >= end && (token.kind !== 'comment' || token.atMargin)) break;
      if (token.kind === 'comment') comments.push(token);
    }
    add(first, new Layout(declaration, comments).lines());
  }
  for (const token of scan.all.slice(at)) add(token, [token.text]);
  return { text: `${lines.join('\n')}\n`, faults };
}

/** A clause, or what is before the first, with the comments that go with it. */
interface Piece {
  readonly word: string;
  readonly tokens: readonly Token[];
  /** On lines of their own before it. */
  readonly leading: readonly string[];
  /** Between its tokens. */
  readonly inner: readonly Token[];
  /** At the end of its last line. */
  readonly trailing: readonly string[];
}

/** Clauses with an expression. */
const ofExpression: ReadonlySet<string> = new Set(['=', 'range', 'cap', 'require', 'when', 'monotone']);
/** Clauses that have a line of their own. */
const ownLine: ReadonlySet<string> = new Set(['reveals', 'law', 'says', 'note', 'jurisdiction', 'layer']);
/** Clauses of which the first begins the second line of a rule. */
const ofBody: ReadonlySet<string> = new Set([
  'ALLOW',
  'FLAG',
  'HOLD',
  'DENY',
  'cap',
  'on',
  'require',
  'when',
  'else',
]);

class Layout {
  readonly #declaration: WrittenDeclaration;
  readonly #comments: readonly Token[];
  readonly #lines: string[] = [];
  #line = '';
  /** Whether nothing more can stand on the line: it ends in a comment. */
  #closed = false;

  constructor(declaration: WrittenDeclaration, comments: readonly Token[]) {
    this.#declaration = declaration;
    this.#comments = comments;
  }

  lines(): readonly string[] {
    const { pieces, tail } = this.#pieces();
    const { kind } = this.#declaration;
    let inBody = false;
    for (const [index, piece] of pieces.entries()) {
      const own = (kind === 'rule' || kind === 'module') && ownLine.has(piece.word);
      const begins = kind === 'rule' && !inBody && ofBody.has(piece.word);
      // Facts are on one line where what is expected of them is there too.
      const next = piece.word === '{' ? pieces[index + 1] : undefined;
      this.#put(
        piece,
        own || begins || (kind === 'module' && piece.word === 'on'),
        next === undefined ? 0 : (this.#flat(next)?.length ?? 0) + 1,
      );
      if (begins) inBody = true;
    }
    this.#flush();
    for (const comment of tail) this.#lines.push(`  ${comment}`);
    return this.#lines;
  }

  /** In canonical order, and the comments behind the last. */
  #pieces(): { readonly pieces: readonly Piece[]; readonly tail: readonly string[] } {
    const { kind, tokens, clauses } = this.#declaration;
    const headEnd = clauses[0]?.first ?? tokens.length;
    const written = [{ word: '', first: 0, end: headEnd }, ...clauses];
    let leading: readonly string[] = [];
    const pieces = written.map(({ word, first, end }) => {
      const own = tokens.slice(first, end);
      const inner = this.#between(own[0], own.at(-1));
      const behind = this.#between(own.at(-1), tokens[end]);
      const onLine = behind.findIndex(({ breaks }) => breaks > 0);
      const split = onLine === -1 ? behind.length : onLine;
      const piece = {
        word,
        tokens: own,
        leading,
        inner,
        trailing: behind.slice(0, split).map(({ text }) => text),
      };
      leading = behind.slice(split).map(({ text }) => text);
      return piece;
    });
    const order = ['', ...clausesOf(kind).map(({ word }) => word)];
    return {
      pieces: pieces.toSorted((a, b) => order.indexOf(a.word) - order.indexOf(b.word)),
      tail: leading,
    };
  }

  #between(before: Token | undefined, after: Token | undefined): readonly Token[] {
    const from = this.#firstFrom(before?.end ?? 0);
    return this.#comments.slice(from, after === undefined ? undefined : this.#firstFrom(after.start));
  }

  /** The place of the first comment that begins at `offset` or later: there may be very many. */
  #firstFrom(offset: number): number {
    let low = 0;
    let high = this.#comments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#comments[middle]?.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #put(piece: Piece, own: boolean, reserve: number): void {
    if (piece.leading.length > 0 || own) this.#flush();
    for (const comment of piece.leading) this.#lines.push(`  ${comment}`);
    const flat = this.#flat(piece);
    const isFirst = this.#line === '' && this.#lines.length === 0;
    const column = this.#line === '' ? (isFirst ? 0 : 2) : this.#line.length + 1;
    if (
      this.#closed ||
      (this.#line !== '' && !isGlued(piece) && (flat === undefined || column + flat.length > width))
    )
      this.#flush();
    const margin = this.#line === '' ? (isFirst ? '' : '  ') : `${this.#line} `;
    const fits = flat !== undefined && margin.length + flat.length + reserve <= width;
    this.#line = margin + (fits ? flat : this.#laid(piece, margin.length, this.#lines.length === 0 ? 2 : 4));
    // What was laid on several lines: only the last can be gone on with.
    const parts = this.#line.split('\n');
    this.#line = parts.pop() ?? '';
    for (const part of parts) this.#lines.push(part);
    this.#closed = parts.length > 0 && !hasFacts(piece);
    if (piece.trailing.length > 0) {
      this.#line += ` ${piece.trailing.join(' ')}`;
      this.#closed = true;
    }
  }

  #flush(): void {
    if (this.#line !== '') this.#lines.push(this.#line);
    this.#line = '';
    this.#closed = false;
  }

  /** On one line; `undefined` where a comment ends a line in it. */
  #flat(piece: Piece): string | undefined {
    if (piece.inner.length > 0) return undefined;
    if (hasFacts(piece)) {
      const { facts } = factsOf(piece);
      const shown = facts.map(flatFact).join(', ');
      return `{${shown === '' ? '' : ` ${shown} `}}`;
    }
    return this.#isExpression(piece) ? flatClause(piece) : tightClause(this.#declaration.kind, piece);
  }

  #laid(piece: Piece, column: number, indent: number): string {
    if (hasFacts(piece)) return this.#laidFacts(piece);
    if (piece.inner.length > 0)
      return authored(piece, indent, this.#isExpression(piece) ? isClauseSpaced : isLoose);
    if (!this.#isExpression(piece)) return tightClause(this.#declaration.kind, piece);
    const [word] = piece.tokens;
    const lead = `${word?.text ?? ''} `;
    return lead + layExpression(piece.tokens.slice(1), indent, column + lead.length);
  }

  #isExpression(piece: Piece): boolean {
    return ofExpression.has(piece.word) || (piece.word === 'on' && this.#declaration.kind === 'rule');
  }

  /** As many facts on a line as fit; where there are comments one a line, each with its own. */
  #laidFacts(piece: Piece): string {
    const { open, facts, close } = factsOf(piece);
    const indent = this.#lines.length === 0 || this.#line !== '' ? '' : '  ';
    if (piece.inner.length === 0 && facts.every((fact) => layFact(fact) === flatFact(fact)))
      return `{\n${fill(facts.map(flatFact), indent.length + 2, ',')}\n${indent}}`;
    const lines: string[] = [`{`];
    /** A line has one comment at its end. */
    let commented = -1;
    const comment = (from: Token | undefined, to: Token | undefined): void => {
      for (const { text, breaks } of this.#between(from, to)) {
        if (breaks === 0 && commented !== lines.length) lines.push(`${lines.pop() ?? ''} ${text}`);
        else lines.push(`${indent}  ${text}`);
        commented = lines.length;
      }
    };
    let before = open;
    for (const fact of facts) {
      comment(before, fact.tokens[0]);
      const inner = this.#between(fact.tokens[0], fact.tokens.at(-1));
      const laid =
        inner.length > 0
          ? authored({ ...piece, tokens: fact.tokens, inner }, indent.length + 4, isFactSpaced)
          : layFact(fact);
      lines.push(`${indent}  ${laid},`);
      // Comments on either side of the comma are behind it.
      if (fact.comma !== undefined) comment(fact.tokens.at(-1), fact.comma);
      before = fact.comma ?? fact.tokens.at(-1);
    }
    comment(before, close);
    return [...lines, `${indent}}`].join('\n');
  }
}

function hasFacts({ word }: Piece): boolean {
  return word === '{';
}

/** What begins on the line of what is before it, and is broken there. */
function isGlued(piece: Piece): boolean {
  return piece.leading.length === 0 && (piece.word === '=' || hasFacts(piece) || piece.word === ':');
}

function flatClause({ tokens }: Piece): string {
  return `${tokens[0]?.text ?? ''} ${flatExpression(tokens.slice(1))}`.trimEnd();
}

/** Names, dates, hashes and types, which have no blanks in them. */
function tightClause(kind: string, { word, tokens }: Piece): string {
  if (kind === 'module' && word === 'on')
    return `on ${tokens
      .slice(1)
      .filter(({ text }) => text !== ',' && text !== 'and')
      .map(({ text }) => text)
      .join(' and ')}`;
  return tokens
    .map((token, index) => (index > 0 && isLoose(tokens, index) ? ' ' : '') + wordOf(token))
    .join('');
}

function isLoose(tokens: readonly Token[], index: number): boolean {
  const isTight = (token: Token | undefined): boolean =>
    token?.kind === 'sign' && ['.', '/', '-', '<'].includes(token.text);
  const [before, token] = [tokens[index - 1], tokens[index]];
  if (isTight(before) || isTight(token)) return false;
  if (token?.kind === 'sign' && [',', '>'].includes(token.text)) return false;
  return !(tokens[0]?.text === 'sha256' && index < 3);
}

interface Fact {
  readonly tokens: readonly Token[];
  readonly comma: Token | undefined;
}

function factsOf({ tokens }: Piece): {
  readonly open: Token | undefined;
  readonly facts: readonly Fact[];
  readonly close: Token | undefined;
} {
  const facts: Fact[] = [];
  let depth = 0;
  let from = 1;
  for (const [index, token] of tokens.entries()) {
    if (index === 0 || token.kind !== 'sign') continue;
    if (depth === 0 && (token.text === ',' || token.text === '}')) {
      if (index > from)
        facts.push({ tokens: tokens.slice(from, index), comma: token.text === ',' ? token : undefined });
      from = index + 1;
    }
    if (/^[([{]$/.test(token.text)) depth++;
    else if (/^[)\]}]$/.test(token.text)) depth--;
  }
  return { open: tokens[0], facts, close: tokens.at(-1) };
}

function partsOf({ tokens }: Fact): { readonly path: string; readonly value: readonly Token[] } {
  const colon = tokens.findIndex(({ kind, text }) => kind === 'sign' && text === ':');
  return { path: flatExpression(tokens.slice(0, colon)), value: tokens.slice(colon + 1) };
}

function flatFact(fact: Fact): string {
  const { path, value } = partsOf(fact);
  return `${path}: ${flatExpression(value)}`;
}

function layFact(fact: Fact): string {
  const { path, value } = partsOf(fact);
  return `${path}: ${layExpression(value, 4, path.length + 4)}`;
}

type Spacing = (tokens: readonly Token[], index: number) => boolean;

/** With the line breaks that it has: what has comments in it cannot be broken elsewhere. */
function authored(piece: Piece, indent: number, spacing: Spacing): string {
  const margin = `\n${' '.repeat(indent)}`;
  let text = '';
  let broken = false;
  let next = 0;
  for (const [index, token] of piece.tokens.entries()) {
    for (let comment = piece.inner[next]; comment !== undefined && comment.start < token.start; ) {
      text += (comment.breaks > 0 || broken ? margin : ' ') + comment.text;
      broken = true;
      comment = piece.inner[++next];
    }
    if (index > 0) text += broken || token.breaks > 0 ? margin : spacing(piece.tokens, index) ? ' ' : '';
    text += wordOf(token);
    broken = false;
  }
  return text;
}

/** Behind the clause's own word, as in expressions. */
function isClauseSpaced(tokens: readonly Token[], index: number): boolean {
  return index === 1 || isSpaced(tokens, index);
}

/** No blank before the colon behind the path. */
function isFactSpaced(tokens: readonly Token[], index: number): boolean {
  return index !== tokens.findIndex(({ text }) => text === ':') && isSpaced(tokens, index);
}
