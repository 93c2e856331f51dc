/**
 * Holds what a device answered against the reference: of several things that it may be, after a power cut or a glitch, those stay that its
 * answers agree with. Where none stays, the device is wrong.
 */
import type { CommandName } from '../../firmware-sim/protocol.ts';
import { toHex } from '../../src/kit/bytes.ts';
import type { Reference } from './reference.ts';
import { decide, withoutPower } from './reference-commands.ts';
import type { BenchEvent } from './workbench.ts';

export class Disagreement extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'Disagreement';
  }
}

/**
 * `glitched`: a glitch came by, and what is asked for may be refused with any code, done or not. `alarmed`: it was counted, and a PIN that was
 * tried need not have cost a try.
 */
export type Circumstance = 'steady' | 'glitched' | 'alarmed';

/** What the device may be after these events. Throws Disagreement. */
export function judge(
  candidates: readonly Reference[],
  events: readonly BenchEvent[],
  circumstance: Circumstance = 'steady',
): readonly Reference[] {
  let now = candidates;
  for (const event of events) {
    if (event.kind === 'off') {
      now = distinct(now.map(withoutPower));
      continue;
    }
    const complaints: string[] = [];
    const next: Reference[] = [];
    for (const candidate of now) {
      const agreed = agreeing(candidate, event, circumstance);
      if (typeof agreed === 'string') complaints.push(agreed);
      else next.push(...agreed);
    }
    if (next.length === 0)
      throw new Disagreement(`\`${event.name}\`: ${[...new Set(complaints)].join('; or ')}`);
    now = distinct(next);
  }
  return now;
}

/** What it may be then, or why it is not this one. */
function agreeing(
  candidate: Reference,
  event: BenchEvent & { readonly kind: 'command' },
  circumstance: Circumstance,
): readonly Reference[] | string {
  const { name, given, connection, nonce, state, result } = event;
  const decision = decide<CommandName>(candidate, name, given, { number: connection, nonce });
  const { expected, after, between } = decision;
  if (result === undefined) return [candidate, after, ...between].map(withoutPower);
  const isGlitched = circumstance !== 'steady';
  if (!result.ok) {
    if (isGlitched) {
      // Whoever guesses pays, with a try or an alarm; of a device that had failed before nobody learns anything.
      if (state === 'failed') return [candidate];
      const isGuess = name === 'login' && !expected.ok && expected.code === 'pin_incorrect';
      return isGuess && circumstance !== 'alarmed' ? [after] : [candidate, after, ...between];
    }
    if (expected.ok) return `refused with ${result.code} (${result.message}), and should be accepted`;
    return expected.code === result.code ? [after] : `refused with ${result.code}, and not ${expected.code}`;
  }
  if (!expected.ok) return `accepted, and should be refused with ${expected.code}`;
  // It tells how it is, which is as the glitch has left it.
  if (isGlitched && (name === 'info' || name === 'counters' || name === 'dump-flash')) return [candidate];
  const wrong = expected.check(result.value);
  if (wrong !== undefined) return wrong;
  return [expected.learn?.(after, result.value) ?? after];
}

/** As text, so that two which are the same are one. */
function fingerprint(device: Reference): string {
  return JSON.stringify({ ...device, profile: device.profile.name }, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return toHex(value);
    if (value instanceof Map) return [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    if (value instanceof Set) return [...value].sort((a, b) => (String(a) < String(b) ? -1 : 1));
    return typeof value === 'bigint' ? String(value) : value;
  });
}

function distinct(candidates: readonly Reference[]): readonly Reference[] {
  if (candidates.length < 2) return candidates;
  return [...new Map(candidates.map((one) => [fingerprint(one), one])).values()];
}
