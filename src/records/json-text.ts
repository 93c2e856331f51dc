/** Text and JSON from files that anything may have written. */
import { type Result, refuse, succeed } from '../kit/result.ts';

/** UTF-8 text without its byte order mark; the code is `draft_not_text`. */
export function decodeText(bytes: Uint8Array): Result<string, 'draft_not_text'> {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return refuse('draft_not_text', 'the file is UTF-16: save it as UTF-8');
  }
  try {
    return succeed(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // A fatal decoder throws a TypeError for bytes that are no UTF-8.
    return refuse('draft_not_text', 'the file is neither CBOR nor text in UTF-8');
  }
}

/** A key that an object of `text`, which is valid JSON, has twice: JSON.parse would take the last without a word. */
export function repeatedKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') last = token;
    else {
      const keys = open.at(-1);
      const key = JSON.parse(last) as string;
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
