/** The windows of a quota: a calendar day with a named time zone. src/quota/ may import kit and records. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';

/**
 * Gives the function from a moment (ms since the epoch) to the day it falls on in `timeZone`, such as `2026-11-20`;
 * `time_zone_unknown` for a zone that the IANA database of this Node does not have.
 */
export function calendarDays(timeZone: string): Result<(ms: number) => string, 'time_zone_unknown'> {
  let format: Intl.DateTimeFormat;
  try {
    // The Swedish locale writes ISO 8601 days.
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  } catch {
    // Intl tells of an unknown zone by a RangeError.
    return refuse(
      'time_zone_unknown',
      `${quote(timeZone)} is no time zone: a name of the IANA database such as \`Europe/Berlin\` is accepted`,
      'timeZone',
    );
  }
  return succeed((ms) => format.format(ms));
}
