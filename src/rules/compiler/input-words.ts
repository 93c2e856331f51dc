/** Facts into the words of a program's input: prepared once, so that a decision only fills them in. */
import type { InputWord } from '../../../vm/host.ts';
import type { Facts } from '../checker/checked.ts';
import type { Source } from './input.ts';
import type { Program } from './program.ts';
import { isKey, keyStates, wordOfNumber, wordOfSymbol, wordsOfKey } from './word.ts';

interface Word {
  readonly segment: number;
  readonly index: number;
  value: bigint;
}

/** Puts facts where they belong. */
type Fill = (facts: Facts) => void;

export class InputWords {
  /** In the order of the program; what `fill` has put into them. */
  readonly words: readonly InputWord[];
  private readonly ofPublic: readonly InputWord[];
  private readonly fills: readonly Fill[];

  constructor({ inputs, names }: Program) {
    const words = inputs.map(
      ({ segment, index }): Word => ({ segment: names.segments.indexOf(segment), index, value: 0n }),
    );
    this.words = words;
    this.ofPublic = words.filter((_, place) => inputs[place]?.isSecret === false);
    this.fills = makeFills(inputs.map(({ source }, place) => [source, words[place] as Word]));
  }

  fill(facts: Facts): void {
    for (let at = 0; at < this.fills.length; at++) (this.fills[at] as Fill)(facts);
  }

  /** Of facts what is no secret. */
  publicWords(facts: Facts): readonly bigint[] {
    this.fill(facts);
    return this.ofPublic.map(({ value }) => value);
  }
}

/** 8 bytes each, little-endian. */
export function bytesOfWords(words: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * words.length));
  for (const [place, word] of words.entries()) view.setBigInt64(8 * place, word, true);
  return new Uint8Array(view.buffer);
}

function makeFills(placed: readonly (readonly [Source, Word])[]): Fill[] {
  const fills: Fill[] = [];
  const keys = new Map<string, Partial<Record<'key_state' | 'key_high' | 'key_low', Word>>>();
  for (const [source, word] of placed) {
    switch (source.of) {
      case 'number':
        fills.push(({ fields }) => {
          word.value = wordOfNumber(fields.get(source.field));
        });
        break;
      case 'symbol':
        fills.push(({ fields }) => {
          word.value = wordOfSymbol(fields.get(source.field));
        });
        break;
      case 'key_state':
      case 'key_high':
      case 'key_low':
        keys.set(source.field, { ...keys.get(source.field), [source.of]: word });
        break;
      case 'feed_time':
        fills.push(({ feeds }) => {
          word.value = wordOfNumber(feeds.get(source.feed)?.asOf);
        });
        break;
      case 'feed_value':
        fills.push(({ feeds }) => {
          word.value = wordOfNumber(feeds.get(source.feed)?.value);
        });
        break;
      case 'feed_rate':
        fills.push(({ feeds }) => {
          word.value = wordOfNumber(feeds.get(source.feed)?.rates?.get(source.currency));
        });
        break;
      case 'spent':
      case 'count':
        fills.push(({ windows }) => {
          word.value = wordOfNumber(windows.get(source.seconds)?.[source.of]);
        });
        break;
    }
  }
  for (const [field, { key_state: state, key_high: high, key_low: low }] of keys)
    fills.push(({ fields }) => {
      const key = fields.get(field);
      const isThere = isKey(key);
      if (state !== undefined)
        state.value = key === undefined ? keyStates.missing : isThere ? keyStates.there : keyStates.malformed;
      if (high === undefined || low === undefined) return;
      if (!isThere) {
        high.value = 0n;
        low.value = 0n;
        return;
      }
      const words = wordsOfKey(key);
      high.value = words.high;
      low.value = words.low;
    });
  return fills;
}
