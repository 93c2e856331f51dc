import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findTimeZone, forgottenAt, slotsOf, windowStart } from '../../src/quota/window.ts';
import type { LimitWindow } from '../../src/records/quota-terms.ts';
import { nightly } from '../nightly.ts';

const zones = [
  'Etc/UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'America/Havana',
  'Australia/Lord_Howe',
];

function dayIn(timeZone: string, at: string): string {
  const { current, oldest } = slotsOf({ kind: 'day', timeZone }, Date.parse(at));
  expect(oldest).toBe(current);
  return new Date(current * 86_400_000).toISOString().slice(0, 10);
}

describe('a calendar day', () => {
  it('ends at midnight of its zone, to the millisecond', () => {
    expect(dayIn('Etc/UTC', '2026-11-20T23:59:59.999Z')).toBe('2026-11-20');
    expect(dayIn('Etc/UTC', '2026-11-21T00:00:00.000Z')).toBe('2026-11-21');
    expect(dayIn('Europe/Berlin', '2026-11-20T22:59:59.999Z')).toBe('2026-11-20');
    expect(dayIn('Europe/Berlin', '2026-11-20T23:00:00.000Z')).toBe('2026-11-21');
    expect(dayIn('Asia/Kolkata', '2026-11-20T18:29:59.999Z')).toBe('2026-11-20');
    expect(dayIn('Asia/Kolkata', '2026-11-20T18:30:00.000Z')).toBe('2026-11-21');
    expect(dayIn('Pacific/Kiritimati', '2026-11-20T10:00:00Z')).toBe('2026-11-21');
  });

  it('has 23 hours in spring and 25 in autumn where clocks change', () => {
    expect(dayIn('Europe/Berlin', '2026-03-28T23:00:00Z')).toBe('2026-03-29');
    expect(dayIn('Europe/Berlin', '2026-03-29T21:59:59Z')).toBe('2026-03-29');
    expect(dayIn('Europe/Berlin', '2026-03-29T22:00:00Z')).toBe('2026-03-30');
    expect(dayIn('Europe/Berlin', '2026-10-25T22:59:59Z')).toBe('2026-10-25');
    expect(dayIn('Europe/Berlin', '2026-10-25T23:00:00Z')).toBe('2026-10-26');
    expect(dayIn('America/New_York', '2026-11-01T04:00:00Z')).toBe('2026-11-01');
    expect(dayIn('America/New_York', '2026-11-02T04:59:59Z')).toBe('2026-11-01');
    expect(dayIn('America/New_York', '2026-11-02T05:00:00Z')).toBe('2026-11-02');
  });

  it('that a zone skipped was there for nobody: Apia had no 30 December 2011', () => {
    expect(dayIn('Pacific/Apia', '2011-12-30T09:59:59.999Z')).toBe('2011-12-29');
    expect(dayIn('Pacific/Apia', '2011-12-30T10:00:00.000Z')).toBe('2011-12-31');
    const window = { kind: 'day', timeZone: 'Pacific/Apia' } as const;
    const before = Date.parse('2011-12-29T20:00:00Z');
    expect(forgottenAt(window, slotsOf(window, before).current, before)).toBe(
      Date.parse('2011-12-30T10:00:00Z'),
    );
  });

  it('is refused in a zone that nobody knows', () => {
    expect(findTimeZone('Europe/Berlin')).toEqual({ ok: true, value: null });
    expect(findTimeZone('Europe/Atlantis')).toMatchObject({
      ok: false,
      code: 'time_zone_unknown',
      field: 'timeZone',
    });
  });
});

const anyWindow: fc.Arbitrary<LimitWindow> = fc.oneof(
  fc.constantFrom(...zones).map((timeZone) => ({ kind: 'day', timeZone }) as const),
  fc
    .oneof(fc.constantFrom(1, 60, 3_600, 86_400), fc.integer({ min: 1, max: 40_000_000 }))
    .map((seconds) => ({ kind: 'rolling', seconds }) as const),
);
/** 1990 to 2050. */
const anyMoment = fc.integer({ min: 631_152_000_000, max: 2_524_608_000_000 });
const numRuns = nightly ? 50_000 : 2_000;

describe('slots', () => {
  it('never go back while time goes on', () => {
    fc.assert(
      fc.property(anyWindow, anyMoment, fc.integer({ min: 0, max: 200_000_000 }), (window, ms, later) => {
        const first = slotsOf(window, ms);
        const second = slotsOf(window, ms + later);
        expect(second.current).toBeGreaterThanOrEqual(first.current);
        expect(second.oldest).toBeGreaterThanOrEqual(first.oldest);
      }),
      { numRuns },
    );
  });

  it('of a rolling window hold whatever was taken less than the window ago, and nothing a 60th longer ago', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40_000_000 }), anyMoment, fc.nat(), (seconds, ms, choice) => {
        const window = { kind: 'rolling', seconds } as const;
        const within = choice % (seconds * 1000);
        const { oldest } = slotsOf(window, ms);
        expect(slotsOf(window, ms - within).current).toBeGreaterThanOrEqual(oldest);
        const longAgo = Math.ceil((seconds * 1000) / 60) * 61;
        expect(slotsOf(window, ms - longAgo).current).toBeLessThan(oldest);
      }),
      { numRuns },
    );
  });

  it('are forgotten at the very millisecond that is told', () => {
    fc.assert(
      fc.property(anyWindow, anyMoment, (window, ms) => {
        const { current } = slotsOf(window, ms);
        const at = forgottenAt(window, current, ms);
        expect(slotsOf(window, at).oldest).toBeGreaterThan(current);
        expect(slotsOf(window, at - 1).oldest).toBeLessThanOrEqual(current);
      }),
      { numRuns },
    );
  });

  it('that count begin at the start of the window or later', () => {
    fc.assert(
      fc.property(anyWindow, anyMoment, (window, ms) => {
        const start = windowStart(window, ms);
        expect(slotsOf(window, start - 1).current).toBeLessThan(slotsOf(window, ms).oldest);
      }),
      { numRuns },
    );
  });
});
