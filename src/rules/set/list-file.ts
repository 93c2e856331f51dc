/** List files: one item a line, `#` begins a comment. A module names one by the SHA-256 of its bytes, so its name does not matter. */
import { fromHex } from '../../kit/bytes.ts';
import { quote } from '../../kit/result.ts';
import { decodeText } from '../../records/json-text.ts';
import { isSymbol } from '../facts.ts';
import type { Fault } from '../language/syntax.ts';
import { compareText } from './groups.ts';

export type ListItems = readonly string[] | readonly Uint8Array[];

/** The most items that a list has: a search in the machine's memory stays short. */
const itemLimit = 1_000_000;
const shownFaults = 10;

/** Reads a list file: symbols as they are, keys of 64 hex digits. Gives the items ascending, none twice, or what is wrong with which lines. */
export function readListFile(
  bytes: Uint8Array,
  of: 'key' | 'symbol',
): { readonly items: ListItems; readonly faults: readonly Fault[] } {
  const decoded = decodeText(bytes);
  if (!decoded.ok)
    return {
      items: [],
      faults: [{ code: 'list_malformed', span: { start: 0, end: 0 }, message: decoded.message }],
    };
  const items: string[] = [];
  const faults: Fault[] = [];
  let start = 0;
  for (const line of decoded.value.split('\n')) {
    const text = line.replace(/#.*$/, '').trim();
    const isItem = of === 'symbol' ? isSymbol(text) : /^[0-9a-fA-F]{64}$/.test(text);
    if (isItem) items.push(of === 'key' ? text.toLowerCase() : text);
    else if (text !== '' && faults.length < shownFaults)
      faults.push({
        code: 'list_malformed',
        span: { start, end: start + line.length },
        message: `${quote(text)} is no ${of}: ${of === 'key' ? '64 hex digits' : '1 to 8 printable ASCII characters'} a line are accepted`,
      });
    start += line.length + 1;
  }
  if (items.length > itemLimit)
    faults.push({
      code: 'list_too_long',
      span: { start: 0, end: 0 },
      message: `the list has ${items.length} items: at most ${itemLimit} are accepted`,
    });
  return { items: faults.length > 0 ? [] : sortItems(items, of), faults };
}

/** Items as a set holds them: ascending, none twice. Keys come as hex. */
export function sortItems(items: readonly string[], of: 'key' | 'symbol'): ListItems {
  const sorted = [...new Set(items)].sort(compareText);
  if (of === 'symbol') return sorted;
  return sorted.map((hex) => {
    const bytes = fromHex(hex);
    if (bytes === undefined) throw new Error(`invariant broken: a key is hex, not ${hex}`);
    return bytes;
  });
}
