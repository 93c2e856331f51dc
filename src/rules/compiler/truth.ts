/** What one comparison with a constant says of another one of the same word. */
import { leastWord, mostWord, type Node, publicWord } from './node.ts';

/** The word and the numbers that it is among where a comparison with a public constant holds. */
interface Among {
  readonly word: Node;
  readonly least: bigint;
  readonly most: bigint;
}

/** Whether two truths never hold at once. */
export function areExclusive(a: Node, b: Node): boolean {
  const [x, y] = [amongOf(a), amongOf(b)];
  return x !== undefined && y !== undefined && x.word === y.word && (x.most < y.least || y.most < x.least);
}

/** Whether the second of two truths holds wherever the first does. */
export function implies(a: Node, b: Node): boolean {
  const x = amongOf(a);
  if (x === undefined) return false;
  const y = amongOf(b);
  if (y !== undefined) return x.word === y.word && y.least <= x.least && x.most <= y.most;
  const other = otherThan(b);
  return other !== undefined && x.word === other.word && (other.value < x.least || other.value > x.most);
}

function amongOf({ operation, operands: [a, b] }: Node): Among | undefined {
  if (a === undefined || b === undefined) return undefined;
  const [left, right] = [publicWord(a), publicWord(b)];
  const [word, constant] = left === undefined ? [a, right] : [b, left];
  if (constant === undefined || publicWord(word) !== undefined) return undefined;
  const isAbove = word === b;
  switch (operation) {
    case 'eq':
      return { word, least: constant, most: constant };
    case 'le':
      return isAbove ? { word, least: constant, most: mostWord } : { word, least: leastWord, most: constant };
    case 'lt':
      return isAbove
        ? { word, least: constant + 1n, most: mostWord }
        : { word, least: leastWord, most: constant - 1n };
    default:
      return undefined;
  }
}

function otherThan({ operation, operands: [a, b] }: Node): { word: Node; value: bigint } | undefined {
  if (operation !== 'ne' || a === undefined || b === undefined) return undefined;
  const [left, right] = [publicWord(a), publicWord(b)];
  if (left !== undefined) return { word: b, value: left };
  return right === undefined ? undefined : { word: a, value: right };
}
