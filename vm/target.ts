/** What a person means by `r3`, `limits[2]` or `approved`: a register, a word or a port of a module. */
import type { Listing } from './listing.ts';

export type Target =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'word'; readonly segment: number; readonly index: number }
  | { readonly kind: 'port'; readonly port: number };

/** What `r3`, `limits[2]` or the name of a port means in this module; `undefined` where nothing. */
export function readTarget(listing: Listing, text: string): Target | undefined {
  const register = /^r(\d{1,2})$/.exec(text);
  if (register !== null && Number(register[1]) < 32)
    return { kind: 'register', register: Number(register[1]) };
  const word = /^([A-Za-z_][\w.]*)\[(\d{1,5})\]$/.exec(text);
  if (word !== null) {
    const segment = listing.names.segments.indexOf(word[1] ?? '');
    const index = Number(word[2]);
    const length = listing.module.segments[segment]?.length ?? 0;
    return index < length ? { kind: 'word', segment, index } : undefined;
  }
  const port = listing.names.ports.indexOf(text);
  return port === -1 ? undefined : { kind: 'port', port };
}

export function targetMessage(listing: Listing, text: string): string {
  const segments = listing.module.segments.map(
    ({ length }, index) => `${listing.names.segments[index]}[0]${length > 1 ? ` to [${length - 1}]` : ''}`,
  );
  const accepted = [
    'a register such as r3',
    ...(segments.length > 0 ? [`a word (${segments.join(', ')})`] : []),
    ...(listing.names.ports.length > 0 ? [`a port (${listing.names.ports.join(', ')})`] : []),
  ];
  return `\`${text}\` is nothing of this module: ${accepted.join(', ')} is accepted`;
}
