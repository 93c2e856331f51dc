/** What a caller wants (RFC 9110 §12.5.1 and §13.1.2): media types, and whether it has the answer already. */
import { createHash } from 'node:crypto';

/** Whether `accept`, the header's value, lets `type` pass; a range that names more counts before one that names less. */
export function isAccepted(accept: string | undefined, type: string): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  const [family = ''] = type.split('/');
  let best = { specificity: -1, quality: 0 };
  for (const item of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim());
    const specificity = [`*/*`, `${family}/*`, type].indexOf(range);
    if (specificity <= best.specificity) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    best = { specificity, quality: q === undefined ? 1 : Number(q) };
  }
  // What is no number is no wish.
  return best.quality > 0;
}

/** Whether the type itself is named, and not only a range that it is in. */
export function isNamed(accept: string | undefined, type: string): boolean {
  return (accept ?? '').toLowerCase().includes(type) && isAccepted(accept, type);
}

/** A strong entity tag: of the bytes. */
export function entityTag(bytes: Uint8Array | string): string {
  return `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
}

/** Whether If-None-Match names `tag` (RFC 9110 §13.1.2: weak comparison). */
export function isKnown(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return (
    ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)
  );
}
