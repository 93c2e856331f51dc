/**
 * Short symbols, such as the codes of ISO 4217 and ISO 3166, packed into one word: up to eight ASCII characters from
 * `!` to `~`, the first in the highest byte, zeros after the last. Packed symbols order as their letters do.
 */

/** The word of a symbol, or `undefined` where `text` is none. */
export function packSymbol(text: string): bigint | undefined {
  if (!/^[!-~]{1,8}$/.test(text)) return undefined;
  let word = 0n;
  for (let index = 0; index < 8; index++) {
    word = (word << 8n) | BigInt(index < text.length ? text.charCodeAt(index) : 0);
  }
  return word;
}

/** The symbol of a word, or `undefined` where the word is none. */
export function readSymbol(word: bigint): string | undefined {
  let text = '';
  for (let shift = 56n; shift >= 0n; shift -= 8n) text += String.fromCharCode(Number((word >> shift) & 255n));
  text = text.replace(/\0+$/, '');
  return packSymbol(text) === word ? text : undefined;
}
