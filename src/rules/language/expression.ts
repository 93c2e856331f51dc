/**
 * Expressions: read by a parser of CEL, and turned to the tree of the language, which leaves out of CEL what has no place in a rule.
 * Nothing that comes in makes it throw: what CEL's parser would recurse on without end is refused before it sees it.
 */
import { type ASTNode, ParseError, parse } from '@marcbachmann/cel-js';
import { quote } from '../../kit/result.ts';
import type { FaultList } from './fault-list.ts';
import { tellParseError } from './parse-error.ts';
import { endsValue, type Token } from './scanner.ts';
import { type BinaryOperator, binaryOperators, type Expression, type Span } from './syntax.ts';

/** Tokens, of one expression. */
const sizeLimit = 20_000;
/** Levels of its tree. */
const depthLimit = 100;
/** Of CEL's int. The language's own numbers end before. */
const intLimit = 2n ** 63n;

type Node<Op extends ASTNode['op']> = Extract<ASTNode, { readonly op: Op }>;

/**
 * The expression that `tokens` are (those of `text` between the first and the last, without comments, brackets matched); `undefined`
 * where `faults` says why.
 */
export function readExpression(
  text: string,
  tokens: readonly Token[],
  faults: FaultList,
): Expression | undefined {
  const [first] = tokens;
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const count = faults.count;
  guard(tokens, faults);
  if (faults.count > count) return undefined;
  const slice = text.slice(first.start, last.end);
  let ast: ASTNode;
  try {
    ({ ast } = parse(slice));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    tellParseError(error, { start: first.start, end: last.end }, text, tokens, faults);
    return undefined;
  }
  const converter = new Converter(text, tokens, faults);
  const expression = converter.convert(ast, 1);
  return faults.count > count ? undefined : expression;
}

/** What CEL's parser takes otherwise than CEL, or than the language, or cannot bear. */
function guard(tokens: readonly Token[], faults: FaultList): void {
  const [first] = tokens;
  if (first !== undefined && tokens.length > sizeLimit) {
    faults.add(
      'too_large',
      first,
      `an expression of ${tokens.length} words and signs: at most ${sizeLimit} are accepted`,
    );
    return;
  }
  let signs = 0;
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1];
    const before = tokens[index - 1];
    signs = token.text === '!' || token.text === '-' ? signs + 1 : 0;
    if (signs > depthLimit) {
      faults.add(
        'too_deep',
        token,
        `${quote(token.text)}: at most ${depthLimit} of them in a row are accepted`,
      );
      return;
    }
    if (token.text === ',' && next?.text === ')')
      faults.add(
        'expression_malformed',
        token,
        '`,`: a further argument, or nothing, is accepted before `)`',
      );
    const instead = insteadOf[token.text];
    if (instead !== undefined && (token.kind === 'sign' || endsValue(before)))
      faults.add('expression_malformed', token, `${quote(token.text)}: \`${instead}\` is accepted`);
    if (token.text === '{')
      faults.add(
        'not_in_subset',
        token,
        '`{`: a map is no value here; a list such as `["a", "b"]` is accepted',
      );
  }
}

/** What people write for an operator of CEL. */
const insteadOf: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  '=': '==',
  '&': '&&',
  '|': '||',
  and: '&&',
  or: '||',
  is: '==',
});

class Converter {
  readonly #text: string;
  readonly #faults: FaultList;
  readonly #base: number;
  /** By where they begin, and by where they end: the place in `#tokens`. */
  readonly #starts = new Map<number, number>();
  readonly #ends = new Map<number, number>();
  readonly #tokens: readonly Token[];
  readonly #closers: ReadonlyMap<number, number>;
  #quantified = false;

  constructor(text: string, tokens: readonly Token[], faults: FaultList) {
    this.#text = text;
    this.#tokens = tokens;
    this.#faults = faults;
    this.#base = tokens[0]?.start ?? 0;
    const open: number[] = [];
    const closers = new Map<number, number>();
    for (const [index, token] of tokens.entries()) {
      this.#starts.set(token.start, index);
      this.#ends.set(token.end, index);
      if (token.text === '(') open.push(index);
      else if (token.text === ')') closers.set(open.pop() ?? -1, index);
    }
    this.#closers = closers;
  }

  convert(node: ASTNode, depth: number): Expression | undefined {
    const span = this.#spanOf(node);
    if (depth > depthLimit) {
      this.#faults.add(
        'too_deep',
        span,
        `an expression of more than ${depthLimit} levels: fewer are accepted; a part can have a name by \`let\``,
      );
      return undefined;
    }
    switch (node.op) {
      case 'value':
        return this.#literal(node, span);
      case 'id':
        return { kind: 'name', path: [node.args], span };
      case '.':
        return this.#member(node, span, depth);
      case 'call':
        return this.#call(node, span, depth);
      case 'rcall':
        return this.#quantifier(node, span, depth);
      case 'list': {
        const items = this.#convertAll(node.args, depth);
        const nested = items?.find(({ kind }) => kind === 'list');
        if (nested !== undefined)
          return this.#refuse(nested.span, 'a list in a list: items that are no lists are accepted');
        return items && { kind: 'list', items, span };
      }
      case '?:': {
        const [condition, then, otherwise] = this.#convertAll(node.args, depth) ?? [];
        if (condition === undefined || then === undefined || otherwise === undefined) return undefined;
        return { kind: 'conditional', condition, then, otherwise, span: this.#around(condition, otherwise) };
      }
      case '!_':
      case '-_': {
        const operand = this.convert(node.args, depth + 1);
        if (operand === undefined) return undefined;
        const operator = node.op === '!_' ? '!' : '-';
        return {
          kind: 'unary',
          operator,
          operand,
          span: { start: span.start, end: this.#outer(operand.span).end },
        };
      }
      case '[]':
      case '[?]':
        return this.#refuse(
          span,
          'an index: a list is only looked through, with `in`, `.exists(x, E)` or `.all(x, E)`',
        );
      case 'map':
        return this.#refuse(span, 'a map is no value here; a list such as `["a", "b"]` is accepted');
      case '.?':
        return this.#refuse(span, '`.?`: whether an optional field is there is asked with `has(FIELD)`');
      default:
        return this.#binary(node, span, depth);
    }
  }

  #literal(node: Node<'value'>, span: Span): Expression | undefined {
    const value: unknown = node.args;
    if (typeof value === 'string' || typeof value === 'boolean') return { kind: 'literal', value, span };
    if (typeof value === 'bigint') {
      if (value < intLimit) return { kind: 'literal', value, span };
      this.#faults.add(
        'number_out_of_range',
        span,
        `${this.#quoted(span)}: a whole number of 64 bits is accepted`,
      );
      return undefined;
    }
    if (typeof value === 'number')
      return this.#refuse(
        span,
        'a number with a point: whole numbers are accepted, and texts such as `ratio("0.25")` or `usd("1.50")`',
      );
    if (value === null)
      return this.#refuse(span, 'whether an optional field is there is asked with `has(FIELD)`');
    if (value instanceof Uint8Array)
      return this.#refuse(
        span,
        'bytes: a key is accepted, such as `key("64 hex digits")` or `sha256("text")`',
      );
    return this.#refuse(span, 'a number without a sign: a whole number is accepted without `u`');
  }

  #member(node: Node<'.'>, span: Span, depth: number): Expression | undefined {
    const [left, name] = node.args;
    const of = this.convert(left, depth + 1);
    if (of === undefined) return undefined;
    if (of.kind !== 'name') return this.#refuse(span, '`.` is accepted in names, such as `tx.amount`');
    return { kind: 'name', path: [...of.path, name], span };
  }

  #call(node: Node<'call'>, span: Span, depth: number): Expression | undefined {
    const [name, given] = node.args;
    if (name === 'matches')
      return this.#refuse(span, 'regular expressions: `==`, or `in` of a list, is accepted');
    const args = this.#convertAll(given, depth);
    return args && { kind: 'call', name, args, span };
  }

  #quantifier(node: Node<'rcall'>, span: Span, depth: number): Expression | undefined {
    const [name, receiver, args] = node.args;
    const [variable, body] = args;
    if (name === 'matches')
      return this.#refuse(span, 'regular expressions: `==`, or `in` of a list, is accepted');
    if (
      (name !== 'exists' && name !== 'all') ||
      args.length !== 2 ||
      variable === undefined ||
      body === undefined
    )
      return this.#refuse(
        span,
        'of what can be asked of a list `[…].exists(x, E)` and `[…].all(x, E)` are accepted',
      );
    if (receiver.op !== 'list')
      return this.#refuse(
        this.#spanOf(receiver),
        'a list that is written out is accepted before `.exists` and `.all`',
      );
    if (this.#quantified)
      return this.#refuse(span, `\`.${name}\` inside of another: one that is not nested is accepted`);
    const items = this.convert(receiver, depth + 1);
    const named = this.convert(variable, depth + 1);
    if (items === undefined || named?.kind !== 'name') return undefined;
    this.#quantified = true;
    const converted = this.convert(body, depth + 1);
    this.#quantified = false;
    const start = this.#outer(items.span).start;
    return (
      converted && {
        kind: 'quantifier',
        quantifier: name,
        items,
        variable: named.path.join('.'),
        body: converted,
        span: { start, end: span.end },
      }
    );
  }

  #binary(node: ASTNode, span: Span, depth: number): Expression | undefined {
    const operator = binaryOperators.find((one) => one === node.op);
    if (operator === undefined) return this.#refuse(span, 'what docs/RULES.md lists is accepted');
    const [left, right] = this.#convertAll((node as Node<BinaryOperator>).args, depth) ?? [];
    if (left === undefined || right === undefined) return undefined;
    return { kind: 'binary', operator, left, right, span: this.#around(left, right) };
  }

  /** All of them, so that every fault is told; `undefined` where one was not accepted. */
  #convertAll(nodes: readonly ASTNode[], depth: number): readonly Expression[] | undefined {
    const converted = nodes.map((node) => this.convert(node, depth + 1));
    const whole = converted.filter((one) => one !== undefined);
    return whole.length === converted.length ? whole : undefined;
  }

  #refuse(span: Span, why: string): undefined {
    this.#faults.add('not_in_subset', span, `${this.#quoted(span)}: ${why}`);
    return undefined;
  }

  #quoted(span: Span): string {
    return quote(this.#text.slice(span.start, span.end));
  }

  #spanOf(node: ASTNode): Span {
    return { start: this.#base + node.start, end: this.#base + node.end };
  }

  #around(left: Expression, right: Expression): Span {
    return { start: this.#outer(left.span).start, end: this.#outer(right.span).end };
  }

  /** With the brackets around it, which CEL's parser leaves out of the place of what is in them. */
  #outer(span: Span): Span {
    let { start, end } = span;
    for (;;) {
      const open = (this.#starts.get(start) ?? 0) - 1;
      const close = (this.#ends.get(end) ?? -2) + 1;
      const before = this.#tokens[open - 1];
      const isCall = before?.kind === 'word' && before.text !== 'in';
      if (open < 0 || isCall || this.#tokens[open]?.text !== '(' || this.#closers.get(open) !== close)
        return { start, end };
      start = this.#tokens[open]?.start ?? start;
      end = this.#tokens[close]?.end ?? end;
    }
  }
}
