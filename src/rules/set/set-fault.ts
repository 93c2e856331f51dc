/** What is wrong with a rule set: where, and where the other one is where it takes two. */
import { type Place, placeOf } from '../language/place.ts';
import type { Fault, Span } from '../language/syntax.ts';

export interface SetPlace extends Place {
  /** Name of a file, or of a module where it is not known from which file. */
  readonly source: string;
  readonly span: Span;
}

export interface SetFault {
  /** Stable, such as `exception_not_derogable`. */
  readonly code: string;
  readonly message: string;
  readonly place: SetPlace;
  readonly other: SetPlace | undefined;
}

export function placeIn(source: string, text: string, span: Span): SetPlace {
  return { source, span, ...placeOf(text, span.start) };
}

/** A fault of one text as one of the set. */
export function faultIn(source: string, text: string, { code, span, message }: Fault): SetFault {
  return { code, message, place: placeIn(source, text, span), other: undefined };
}

/** `us.rules:12:9: exception_cycle: … (the other: fr.rules:3:1)` */
export function showSetFault({ code, message, place, other }: SetFault): string {
  const also = other === undefined ? '' : ` (the other: ${showPlace(other)})`;
  return `${showPlace(place)}: ${code}: ${message}${also}`;
}

function showPlace({ source, line, column }: SetPlace): string {
  return `${source}:${line}:${column}`;
}
