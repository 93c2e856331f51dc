/**
 * The sweep of power cuts: each workflow, each of its operations, before it, in it and after it; then power is on again, and what is there
 * has to be the state before the command or the state after it.
 *
 * What may be is said plainly, and not computed by the firmware's own rules: states are those seen of undisturbed copies between the commands.
 */

import type { CutPlace } from '../../firmware-sim/chip/power.ts';
import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { fuseMap } from '../../firmware-sim/firmware/fuses.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import { assert } from '../../src/kit/result.ts';
import {
  chipCutAt,
  cutForReal,
  describeOperation,
  type Moment,
  type Trace,
  traceOf,
  type Where,
} from './cut-trace.ts';
import { advanceOnce, type CutWorkflow } from './cut-workflows.ts';
import { journal, rightPin } from './fixtures.ts';
import { look, observe, type View, type ViewOptions } from './view.ts';
import { Bench, type Parts } from './workbench.ts';
import type { Workflow } from './workflows.ts';

export interface SweepOptions {
  readonly parts: Parts;
  readonly profile: Profile;
  readonly seed: number;
  /** Draws of a cut that falls in an operation. */
  readonly during: number;
  /** Of so many cuts one is made with the firmware running into it, and has to leave the same chip. */
  readonly realEvery: number;
  /** Whether a cut also loses some of what was not settled: a host's power, and not the chip's own. */
  readonly forgets: boolean;
  /** How often a chip was powered on already, with what it was held to. */
  readonly known: Map<string, number>;
}

export interface SweepReport {
  cuts: number;
  /** Cuts that left, bit for bit, what others had left, with the same to be held: it is not powered on again. */
  same: number;
  operations: number;
  real: number;
  /** How often it was the state before, and how often the one after. */
  readonly found: { before: number; after: number };
}

/** What was to be held was not; says what repeats it. */
export class SweepFailure extends Error {
  constructor(what: string, where: string) {
    super(`${what}\n  ${where}`);
    this.name = 'SweepFailure';
  }
}

const viewOptions: ViewOptions = { anchors: [journal.name, 'second'] };
const deepOptions: ViewOptions = { ...viewOptions, deep: true };

/** A chip with bits that nobody knows is powered on so often, for it reads otherwise each time. */
const readings = 3;

/** Workflows of which ballots and trust are looked at after every cut, and not after one in ten. */
const deepWorkflows = new Set(['vote, and otherwise', 'trust, and others', 'initialise']);

export function sweepWorkflow(
  workflow: CutWorkflow,
  start: Bench,
  options: SweepOptions,
  report: SweepReport,
): void {
  const origin = prepared(start, workflow, options);
  const trace = traceOf(origin.copy(), (one) => workflow.run(one));
  assert(
    workflow.erases === undefined ||
      trace.moments.some(({ operation: one }) => one.kind === 'erase' && one.memory === workflow.erases),
    `the workflow \`${workflow.name}\` erases the ${workflow.erases}`,
  );
  const states = new States(trace, options);
  const cutFrom = workflow.cutFrom?.(origin) ?? 0;
  for (const [at, moment] of trace.moments.entries()) {
    if (moment.answered < cutFrom) continue;
    report.operations++;
    for (const where of placesOf(at, options)) {
      const name =
        `workflow \`${workflow.name}\` of ${options.profile.name}, operation ${at} of ${trace.moments.length} ` +
        `(${describeOperation(moment.operation)}, ${moment.command ?? 'boot'}), ${where.where}, seed ${where.seed}`;
      report.cuts++;
      try {
        const chip = chipCutAt(moment, where);
        if (report.cuts % options.realEvery === 0) {
          const real = cutForReal(origin.copy(), (one) => workflow.run(one), { ...where, at });
          report.real++;
          if (real.fingerprint !== chip.fingerprint)
            throw new Error('the firmware that ran into the cut left another chip');
        }
        const deep = deepWorkflows.has(workflow.name) || at % 8 === 0;
        const side = checkChip(chip, { moment, states, deep, again: at % 4 === 0, options });
        if (side === 'same') report.same++;
        else report.found[side]++;
      } catch (error) {
        throw new SweepFailure(error instanceof Error ? (error.stack ?? error.message) : String(error), name);
      }
    }
  }
}

/** A copy, as the workflow begins with it. */
export function prepared(
  start: Bench,
  workflow: Workflow,
  { forgets }: Pick<SweepOptions, 'forgets'>,
): Bench {
  const bench = start.copy();
  workflow.prepare?.(bench);
  if (forgets) bench.chip.makeForgetful();
  return bench;
}

/** Before, after, and in it as often as is drawn. */
export function placesOf(
  at: number,
  { seed, during, forgets }: Pick<SweepOptions, 'seed' | 'during' | 'forgets'>,
): Where[] {
  const of = (where: CutPlace, draw: number): Where => ({
    where,
    seed: (Math.imul(seed, 0x9e3779b1) + at * 1009 + draw) >>> 0,
    forgets,
  });
  const places = [of('before', 0), of('after', 1)];
  for (let draw = 0; draw < during; draw++) places.push(of('during', 2 + draw));
  return places;
}

/** What was seen of undisturbed copies after each number of answers. */
export class States {
  private readonly trace: Trace;
  private readonly options: Pick<SweepOptions, 'parts' | 'profile'>;
  private readonly seen = new Map<string, View>();

  constructor(trace: Trace, options: Pick<SweepOptions, 'parts' | 'profile'>) {
    this.trace = trace;
    this.options = options;
  }

  after(answered: number, deep: boolean): View {
    const key = `${answered} ${deep}`;
    const known = this.seen.get(key);
    if (known !== undefined) return known;
    const moment = this.trace.moments.find((one) => one.answered >= answered);
    const { parts, profile } = this.options;
    const bench = new Bench(parts, profile, (moment?.chip ?? this.trace.end).clone());
    const view = observe(bench, deep ? deepOptions : viewOptions);
    this.seen.set(key, view);
    return view;
  }
}

interface CheckOptions {
  readonly moment: Moment;
  readonly states: States;
  readonly deep: boolean;
  /** Whether it is powered on twice, also where no bit can read otherwise the second time. */
  readonly again: boolean;
  readonly options: Pick<SweepOptions, 'parts' | 'profile' | 'known'>;
}

/** Powers it on, and says which of the two states it is in. Throws where it is in neither, does not go on, or is another the next time. */
export function checkChip(
  chip: RamChip,
  { moment, states, deep, again, options }: CheckOptions,
): 'before' | 'after' | 'same' {
  const { answered, command } = moment;
  const latched = chip.latch.read() !== undefined;
  const bench = new Bench(options.parts, options.profile, chip);
  const before = states.after(answered, deep);
  const after = command === undefined ? before : states.after(answered + 1, deep);
  const loose = chip.flash.looseBits + chip.die.looseBits > 0;
  const held = [chip.fingerprint, JSON.stringify([before, after]), command === 'login'].join('\n');
  const times = options.known.get(held) ?? 0;
  if (times >= (loose ? readings : 1)) return 'same';
  options.known.set(held, times + 1);
  const found = look(bench, deep ? deepOptions : viewOptions);
  const side = sideOf(found, { before, after, command });
  if (side === undefined) {
    const allowed = [before, after].map((view) => JSON.stringify(view)).join('\n  or ');
    throw new Error(`it is ${JSON.stringify(found)}\n  and is to be ${allowed}`);
  }
  // What was latched is gone on with, wherever the rest of it was cut.
  if (latched && found.state !== 'zeroised') throw new Error(`its latch is set, and it is ${found.state}`);
  goOn(bench, found, again || loose);
  if (found.state === 'zeroised') checkForgotten(bench);
  return side;
}

/** Of a zeroised device nothing is left, however often one looks, and whatever flash is put on it. */
function checkForgotten({ chip, profile, parts }: Bench): void {
  const { certificate, image, slot } = profile.layout;
  const { sectorBytes } = profile.flash;
  for (let time = 0; time < 4; time++) {
    for (const { uds } of fuseMap(chip.die).rows)
      if (chip.die.read(uds.at, uds.length).some((byte) => byte !== 0))
        throw new Error('it is zeroised, and has a secret');
    const slots = chip.flash.read((certificate + image) * sectorBytes, 2 * slot * sectorBytes);
    if (slots.some((byte) => byte !== 0xff)) throw new Error('it is zeroised, and its slots are not blank');
  }
  const boot = new Bench(parts, profile, chip.clone());
  if (boot.powerOn().state !== 'zeroised') throw new Error('it was zeroised, and came back');
}

/** Undefined where it is neither. */
export function sideOf(
  found: View,
  { before, after, command }: { before: View; after: View; command: string | undefined },
): 'before' | 'after' | undefined {
  const text = JSON.stringify(found);
  if (text === JSON.stringify(before)) return 'before';
  if (text === JSON.stringify(after)) return 'after';
  if (command !== 'login') return undefined;
  // A try is written off before the PIN is compared, and given back when it was right. With the last one it is locked, right or not.
  const triesLeft = before.triesLeft - 1;
  if (text === JSON.stringify({ ...before, triesLeft })) return 'before';
  return triesLeft === 0 && found.state === 'locked' && found.triesLeft === 0 ? 'before' : undefined;
}

/** It serves: what is acknowledged now is there after the next power-on, with all that was there before. */
function goOn(bench: Bench, found: View, again: boolean): void {
  if (found.state === 'blank') bench.tell('initialise', rightPin);
  if (found.state !== 'ready') {
    bench.powerOff();
    if (!again) return;
    const next = look(bench, viewOptions);
    bench.powerOff();
    const expected = found.state === 'blank' ? 'ready' : found.state;
    if (next.state !== expected) throw new Error(`it was to be ${expected}, and is ${next.state}`);
    return;
  }
  const to = advanceOnce(bench);
  bench.powerOff();
  if (!again) return;
  const next = look(bench, viewOptions);
  bench.powerOff();
  const sequence = next.anchors[journal.name]?.split(' ')[0];
  if (Number(sequence) !== to.sequence)
    throw new Error(`its anchor was at ${to.sequence}, and then at ${sequence}`);
  const rest = ({ pin, keys, state, alarms }: View): string => JSON.stringify({ pin, keys, state, alarms });
  if (rest(next) !== rest(found)) throw new Error(`it was ${rest(found)}, and then ${rest(next)}`);
}
