/** Devices of these tests: furnished, powered on and logged in. */
import type { Profile } from '../../../firmware-sim/profile.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import type { CommandName, Commands, DeviceErrorCode } from '../../../firmware-sim/protocol.ts';
import { assert, type Refusal } from '../../../src/kit/result.ts';
import { rightPin } from '../fixtures.ts';
import { firmware } from '../parts.ts';
import { Bench } from '../workbench.ts';

const furnished = new Map<string, Bench>();

export function profileOf(name: string): Profile {
  const profile = profiles.find((one) => one.name === name);
  assert(profile !== undefined, 'a profile of that name');
  return profile;
}

/** Powered off; its own. */
export function furnishedBench(name = 'aster-1'): Bench {
  const made = furnished.get(name) ?? Bench.furnished(firmware, profileOf(name));
  furnished.set(name, made);
  return made.copy();
}

/** Powered on, the first connection logged in. */
export function servingBench(name?: string): Bench {
  const bench = furnishedBench(name);
  bench.powerOn();
  assert(bench.login(rightPin).ok, 'the right PIN is accepted');
  return bench;
}

/** What a command that has to be refused says. */
export function refusalOf<N extends CommandName>(
  bench: Bench,
  name: N,
  given: Commands[N]['arguments'],
  place = 0,
): Refusal<DeviceErrorCode> {
  const result = bench.ask(name, given, place);
  assert(!result.ok, `\`${name}\` is refused`);
  return result;
}

/** The refusal's code, or `accepted`. */
export function codeOf<N extends CommandName>(
  bench: Bench,
  name: N,
  given: Commands[N]['arguments'],
  place = 0,
): DeviceErrorCode | 'accepted' {
  const result = bench.ask(name, given, place);
  return result.ok ? 'accepted' : result.code;
}
