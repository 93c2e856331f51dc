import { describe, expect, it } from 'vitest';
import { calendarDays } from '../../src/quota/window.ts';

function dayIn(timeZone: string, at: string): string {
  const days = calendarDays(timeZone);
  if (!days.ok) throw new Error(days.message);
  return days.value(Date.parse(at));
}

describe('a calendar day', () => {
  it('ends at midnight of its zone, to the millisecond', () => {
    expect(dayIn('Etc/UTC', '2026-11-20T23:59:59.999Z')).toBe('2026-11-20');
    expect(dayIn('Etc/UTC', '2026-11-21T00:00:00.000Z')).toBe('2026-11-21');
    expect(dayIn('Europe/Berlin', '2026-11-20T22:59:59.999Z')).toBe('2026-11-20');
    expect(dayIn('Europe/Berlin', '2026-11-20T23:00:00.000Z')).toBe('2026-11-21');
    expect(dayIn('Pacific/Kiritimati', '2026-11-20T10:00:00Z')).toBe('2026-11-21');
  });

  it('has 23 hours in spring and 25 in autumn where clocks change', () => {
    expect(dayIn('Europe/Berlin', '2026-03-28T23:00:00Z')).toBe('2026-03-29');
    expect(dayIn('Europe/Berlin', '2026-03-29T21:59:59Z')).toBe('2026-03-29');
    expect(dayIn('Europe/Berlin', '2026-03-29T22:00:00Z')).toBe('2026-03-30');
    expect(dayIn('Europe/Berlin', '2026-10-25T22:59:59Z')).toBe('2026-10-25');
    expect(dayIn('Europe/Berlin', '2026-10-25T23:00:00Z')).toBe('2026-10-26');
  });

  it('is refused in a zone that nobody knows', () => {
    expect(calendarDays('Europe/Atlantis')).toMatchObject({
      ok: false,
      code: 'time_zone_unknown',
      field: 'timeZone',
    });
  });
});
