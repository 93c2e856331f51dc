/** One line of a program's text, read word by word; every fault knows its column. */
import { limits } from './isa.ts';
import { makeLabel } from './label.ts';
import { namePattern } from './module.ts';
import { packSymbol } from './symbol.ts';

/** Of the text only; nobody outside the assembler sees it. */
export class SyntaxFault extends Error {
  /** From 1. */
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

interface Word {
  readonly text: string;
  readonly column: number;
}

/** Words, symbols in quotes, sets in braces and single signs; `;` begins a comment. */
const wordPattern = /'[^']*'?|\{[^}]*\}?|->|[():]|[^\s{}():']+/g;

export class SourceLine {
  private readonly words: readonly Word[];
  private readonly length: number;
  private next = 0;

  constructor(text: string) {
    const code = /^(?:'[^']*'|[^;'])*/.exec(text)?.[0] ?? '';
    this.words = [...code.matchAll(wordPattern)].map((match) => ({
      text: match[0],
      column: match.index + 1,
    }));
    this.length = code.trimEnd().length;
  }

  get isEmpty(): boolean {
    return this.words.length === 0;
  }

  get isAtEnd(): boolean {
    return this.next >= this.words.length;
  }

  /** Of the word that was read last. */
  get column(): number {
    return this.words[this.next - 1]?.column ?? 1;
  }

  word(accepted: string): string {
    const word = this.words[this.next];
    if (word === undefined) throw new SyntaxFault(this.length + 1, `${accepted} is missing`);
    this.next++;
    return word.text;
  }

  fault(message: string): SyntaxFault {
    return new SyntaxFault(this.column, message);
  }

  /** Whether the next word is `text`, which is then read. */
  takes(text: string): boolean {
    if (this.words[this.next]?.text !== text) return false;
    this.next++;
    return true;
  }

  keyword(...accepted: readonly string[]): string {
    const list = accepted.map((word) => `\`${word}\``).join(' or ');
    const word = this.word(list);
    if (!accepted.includes(word)) throw this.fault(`\`${word}\` where ${list} is accepted`);
    return word;
  }

  name(): string {
    const word = this.word('a name');
    if (!namePattern.test(word))
      throw this.fault(
        `\`${word}\` where a name is accepted: a letter, then letters, digits, \`_\` and \`.\``,
      );
    return word;
  }

  integer(accepted: string): bigint {
    const word = this.word(accepted);
    if (!/^-?\d{1,19}$/.test(word))
      throw this.fault(`\`${word}\` where ${accepted}, a whole number, is accepted`);
    const value = BigInt(word);
    if (value !== BigInt.asIntN(64, value)) throw this.fault(`\`${word}\` does not fit a signed 64-bit word`);
    return value;
  }

  /** A whole number that the module has `bits` bits for. */
  count(accepted: string, bits: number): number {
    const value = this.integer(accepted);
    if (value < 0n || value >= 1n << BigInt(bits))
      throw this.fault(`\`${value}\` where ${accepted} from 0 to ${(1n << BigInt(bits)) - 1n} is accepted`);
    return Number(value);
  }

  /** A number, or a symbol: in quotes, or `#` and the word in hex where it has no letters. */
  value(): { readonly type: 'number' | 'symbol'; readonly value: bigint } {
    const word = this.words[this.next]?.text;
    if (word?.startsWith('#') === true) return { type: 'symbol', value: this.rawSymbol() };
    if (word?.startsWith("'") !== true) return { type: 'number', value: this.integer('a value') };
    this.next++;
    const value = packSymbol(word.replace(/^'|'$/g, ''));
    if (value === undefined || !/^'[^']*'$/.test(word))
      throw this.fault(
        `\`${word}\` where a symbol such as 'USD' is accepted: one to eight characters from ! to ~, no quote`,
      );
    return { type: 'symbol', value };
  }

  private rawSymbol(): bigint {
    const word = this.word('a symbol');
    if (!/^#[0-9a-f]{1,16}$/.test(word))
      throw this.fault(
        `\`${word}\` where a symbol in hex, \`#\` and 1 to 16 of 0 to 9 and a to f, is accepted`,
      );
    return BigInt.asIntN(64, BigInt(`0x${word.slice(1)}`));
  }

  register(): number {
    const word = this.word('a register');
    const match = /^r(\d{1,2})$/.exec(word);
    const register = match === null ? limits.registers : Number(match[1]);
    if (register >= limits.registers)
      throw this.fault(`\`${word}\` where a register r0 to r${limits.registers - 1} is accepted`);
    return register;
  }

  label(): number {
    const secrecy = this.level('C');
    const authority = this.level('A');
    const set = this.words[this.next]?.text.startsWith('{') === true ? this.word('categories') : '{}';
    const match = /^\{\s*((?:\d{1,2}(?:[\s,]+\d{1,2})*)?)\s*\}$/.exec(set);
    if (match === null) throw this.fault(`\`${set}\` where categories such as \`{1, 2}\` are accepted`);
    const categories = match[1] === undefined || match[1] === '' ? [] : match[1].split(/[\s,]+/).map(Number);
    if (categories.some((category) => category > 15)) throw this.fault(`\`${set}\`: categories are 0 to 15`);
    return makeLabel({ secrecy, authority, categories });
  }

  level(letter: 'C' | 'A'): number {
    const word = this.word(`${letter}0 to ${letter}8`);
    const match = new RegExp(`^${letter}([0-8])$`).exec(word);
    if (match === null) throw this.fault(`\`${word}\` where ${letter}0 to ${letter}8 is accepted`);
    return Number(match[1]);
  }

  end(): void {
    const word = this.words[this.next];
    if (word !== undefined) throw new SyntaxFault(word.column, `\`${word.text}\` is one word too many`);
  }
}
