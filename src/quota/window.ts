/**
 * Windows of time as integer slots, so that a store adds up a range of numbers and knows nothing of calendars: a take adds to the slot
 * `current`, and the slots from `oldest` to `current` count. src/quota/ may import kit and records.
 *
 * ```
 * day      one slot a calendar day: days from 1970-01-01 to the day that the zone's calendar shows; a day that a zone skipped has none
 * rolling  60 slots a window, and the one that began before it:   │← oldest … 60 whole slots … current →│
 * ```
 * A rolling window is conservative: two takes less than the window apart are at most 60 slots apart, so whoever counts 61 slots counts
 * both. What it costs is that a take is forgotten up to a 60th of the window late.
 */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { LimitWindow } from '../records/quota-terms.ts';

const slotsOfWindow = 60;
const dayMs = 86_400_000;
/** No calendar's day is longer, also where a zone's clock is put back. */
const longestDayMs = 50 * 3_600_000;

export interface Slots {
  readonly current: number;
  readonly oldest: number;
}

/** The slots of the window that ends at `ms`. Throws for a zone that is not known: `findTimeZone` is asked before. */
export function slotsOf(window: LimitWindow, ms: number): Slots {
  if (window.kind === 'day') {
    const current = dayNumber(window.timeZone, ms);
    return { current, oldest: current };
  }
  const current = Math.floor(ms / slotMs(window.seconds));
  return { current, oldest: current - slotsOfWindow };
}

/** The first moment, not before `ms`, at which what was taken in `slot` counts no more. */
export function forgottenAt(window: LimitWindow, slot: number, ms: number): number {
  if (window.kind === 'rolling') return (slot + slotsOfWindow + 1) * slotMs(window.seconds);
  // The first moment of the next day, to the millisecond: zones begin days at other times than midnight too.
  let before = ms;
  let after = ms + longestDayMs;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (dayNumber(window.timeZone, middle) > slot) after = middle;
    else before = middle;
  }
  return after;
}

/** No take before it counts in the window that ends at `ms`: what a store has to look through at most. */
export function windowStart(window: LimitWindow, ms: number): number {
  return window.kind === 'day' ? ms - longestDayMs : slotsOf(window, ms).oldest * slotMs(window.seconds);
}

function slotMs(seconds: number): number {
  return Math.ceil((seconds * 1000) / slotsOfWindow);
}

/** Refuses a zone that the IANA database of this Node does not have as `time_zone_unknown`. */
export function findTimeZone(timeZone: string): Result<null, 'time_zone_unknown'> {
  try {
    formatOf(timeZone);
    return succeed(null);
  } catch {
    // Intl tells of an unknown zone by a RangeError.
    return refuse(
      'time_zone_unknown',
      `${quote(timeZone)} is no time zone: a name of the IANA database such as \`Europe/Berlin\` is accepted`,
      'timeZone',
    );
  }
}

function dayNumber(timeZone: string, ms: number): number {
  return Date.parse(formatOf(timeZone).format(ms)) / dayMs;
}

/** Making one takes longer than using it a hundred times; there are as many as quotas name zones. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    // The Swedish locale writes ISO 8601 days.
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    formats.set(timeZone, format);
  }
  return format;
}
