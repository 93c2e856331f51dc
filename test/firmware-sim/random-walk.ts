/** Takes a device and the reference through the same steps, and holds one against the other after each. */
import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import { messageOf, rightPin } from './fixtures.ts';
import { Disagreement, judge } from './judge.ts';
import { type Deed, ownSerial, type PlannedCut, type Step } from './random-steps.ts';
import type { Reference } from './reference.ts';
import { blank, stateOf } from './reference-commands.ts';
import { inspect } from './view.ts';
import { Bench, furnish, keyLabels, type Parts, plainMessage } from './workbench.ts';

/** A device that is powered off, and what it is. */
export interface Start {
  readonly bench: Bench;
  readonly reference: Reference;
}

export function startOf(parts: Parts, profile: Profile, kind: 'blank' | 'furnished'): Start {
  const bench = Bench.blank(parts, profile);
  bench.powerOn();
  const { serial } = bench.tell('info', {});
  if (kind === 'furnished') furnish(bench);
  bench.powerOff();
  const references = judge([blank(profile, serial)], bench.events.splice(0));
  const [reference] = references;
  assert(
    reference !== undefined && references.length === 1,
    'without cuts there is one thing that it can be',
  );
  return { bench, reference };
}

/** How much of what there was, for a test that is not to pass with nothing done. */
export interface Tally {
  steps: number;
  accepted: number;
  refused: number;
  cuts: number;
  rollbacks: number;
}

export function newTally(): Tally {
  return { steps: 0, accepted: 0, refused: 0, cuts: 0, rollbacks: 0 };
}

interface KeptFlash {
  readonly chip: RamChip;
  readonly version: bigint;
}

/** Throws Disagreement where device and reference differ, with the steps up to there. */
export function walk(start: Start, steps: readonly Step[], tally: Tally): void {
  const before = tally.steps;
  try {
    take(start, steps, tally);
  } catch (error) {
    const taken = steps.slice(0, tally.steps - before).map(describeStep);
    throw new Disagreement(
      `${error instanceof Error ? error.stack : String(error)}\n  ${taken.join('\n  ')}`,
    );
  }
}

function describeStep(step: Step): string {
  const shown = JSON.stringify(step, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Uint8Array ? toHex(value).slice(0, 16) : value;
  });
  return shown.slice(0, 400);
}

function take(start: Start, steps: readonly Step[], tally: Tally): void {
  const bench = start.bench.copy();
  let candidates: readonly Reference[] = [start.reference];
  let kept: KeptFlash | undefined;
  const settle = (): void => {
    for (const event of bench.events) {
      if (event.kind === 'off') continue;
      if (event.result === undefined) tally.cuts++;
      else if (event.result.ok) tally.accepted++;
      else tally.refused++;
    }
    candidates = judge(candidates, bench.events.splice(0));
  };
  bench.powerOn();
  for (const step of steps) {
    tally.steps++;
    switch (step.kind) {
      case 'deed':
        perform(bench, step.deed, start.reference.serial);
        break;
      case 'cut':
        if (isCut(bench, step.cut, () => perform(bench, step.deed, start.reference.serial))) restart(bench);
        break;
      case 'close':
        bench.close(step.place);
        break;
      case 'power':
        bench.powerOff();
        for (const cut of step.cuts) {
          if (!isCut(bench, cut, () => void bench.powerOn())) bench.powerOff();
          else tally.cuts++;
          bench.powerOff();
        }
        bench.powerOn();
        break;
      case 'keep flash':
        kept = { chip: bench.chip.clone(), version: versionOf(bench) };
        break;
      case 'put flash back':
        settle();
        if (kept !== undefined && putBack(bench, kept, candidates)) tally.rollbacks++;
    }
    settle();
  }
  bench.powerOff();
  settle();
  const { events } = inspect(bench, { anchors: ['journal', 'second', 'third', 'fourth'], deep: true });
  judge(candidates, events);
}

function perform(bench: Bench, deed: Deed, serial: string): void {
  if (deed.kind === 'login') {
    bench.login(deed.pin, deed.place);
    return;
  }
  const { name, given } = deed.command;
  const isOwn = 'serial' in given && given.serial === ownSerial;
  bench.ask(name, isOwn ? { serial } : given, deed.place);
}

/** Whether power went within. */
function isCut(bench: Bench, cut: PlannedCut, act: () => void): boolean {
  bench.chip.cutAt(cut);
  try {
    act();
  } catch (error) {
    // Of the copy of the firmware under test, which may have classes of its own.
    if (error instanceof Error && error.name === 'PowerCutError') return true;
    throw error;
  }
  bench.chip.cutAt();
  return false;
}

function restart(bench: Bench): void {
  bench.powerOff();
  bench.powerOn();
}

function versionOf(bench: Bench): bigint {
  return bench.tell('counters', {}).version;
}

/** The flash as it was before, on the die as it is: it is refused, and changes nothing. False where it is not older. */
function putBack(bench: Bench, { chip, version }: KeptFlash, candidates: readonly Reference[]): boolean {
  const isZeroised = candidates.every((one) => stateOf(one) === 'zeroised');
  if (!isZeroised && versionOf(bench) <= version) return false;
  bench.powerOff();
  const now = bench.chip.clone();
  bench.chip.fitFlash(chip);
  const { state } = bench.powerOn();
  const expected = isZeroised ? 'zeroised' : 'failed';
  if (state !== expected) throw new Disagreement(`with an older flash it is ${state}, and not ${expected}`);
  const login = bench.login(rightPin);
  const signed = bench.ask('sign', {
    label: keyLabels.plain,
    message: plainMessage(bench.profile, messageOf('text/plain', 'rolled back')),
  });
  if (login.ok || signed.ok) throw new Disagreement('it serves with an older flash');
  bench.powerOff();
  bench.chip.fitFlash(now);
  bench.powerOn();
  bench.events.length = 0;
  bench.events.push({ kind: 'off' });
  return true;
}
