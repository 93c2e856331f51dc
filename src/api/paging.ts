/** What every list of pages has in common: how a page is asked for, and how the next one is named. */
import { Type } from 'typebox';
import { cursorPattern } from './cursor.ts';

export const afterSchema = Type.Optional(
  Type.String({
    // A cursor of any version is told by `cursor_invalid`, and not by its form.
    maxLength: 200,
    description: '`next` of an earlier answer: what comes after it; from the beginning without it',
  }),
);

export const limitSchema = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 1_000,
    default: 100,
    description: 'the most of one page, which may have less',
  }),
);

/** In the answer, beside the items. */
export const pageSchema = {
  next: Type.String({
    pattern: cursorPattern,
    description: 'opaque: as `after` it gives what comes after this page, also when it comes later',
  }),
  more: Type.Boolean({
    description: 'whether there is more now: a short page, or an empty one, is not the end',
  }),
};

export const pageHeaders = {
  link: Type.Optional(
    Type.String({
      description: 'the address of the next page, rel="next" (RFC 8288), where there is more now',
    }),
  ),
};

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
  readonly more: boolean;
}

/** The Link header of a page, with the parameters that it was asked with. */
export function linkToNext(
  path: string,
  parameters: Readonly<Record<string, string | number | undefined>>,
  { next, more }: { readonly next: string; readonly more: boolean },
): Record<string, string> {
  if (!more) return {};
  const query = new URLSearchParams({ after: next });
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) query.set(name, String(value));
  return { link: `<${path}?${query.toString()}>; rel="next"` };
}
