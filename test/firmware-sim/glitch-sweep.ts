/**
 * The sweep of glitches: each workflow, each place that it comes by, each thing that a glitch does there; and pairs of them.
 *
 * What a device may do then is what the reference says it may do undisturbed, or refuse, fail or be zeroised; and what it is afterwards, with
 * no glitch any more, is one of what the reference may be.
 */
import { Draw } from '../../firmware-sim/chip/draw.ts';
import { type Glitch, GlitchCpu, glitchesOf, type Pass } from '../../firmware-sim/chip/glitch.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import { equalBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import { secretsOf } from './device-secrets.ts';
import type { GlitchWorkflow } from './glitch-workflows.ts';
import { judge } from './judge.ts';
import { type Start, startOf } from './random-walk.ts';
import type { Reference } from './reference.ts';
import type { SecretSearch } from './secret-search.ts';
import { inspect, type View } from './view.ts';
import type { Answer, Bench, BenchEvent, Parts } from './workbench.ts';

/** Something came out, or is left, that no glitch is to bring about; says what repeats it. */
export class GlitchFinding extends Error {
  constructor(what: string, where: string) {
    super(`${what}\n  ${where}`);
    this.name = 'GlitchFinding';
  }
}

/** What became of it. */
export type Outcome =
  /** Every answer as without the glitch. */
  | 'unmoved'
  | 'refused'
  /** Failed until power-on. */
  | 'latched'
  | 'zeroised'
  /** Fails at each power-on from now on. */
  | 'failed';

interface Run {
  readonly outcome: Outcome;
  readonly passes: readonly Pass[];
  readonly happened: readonly Glitch[];
}

interface Inspected {
  readonly view: View;
  readonly events: readonly BenchEvent[];
}

/** A processor one of whose computations always comes out wrong. */
class BrokenCpu extends GlitchCpu {
  broken: string | undefined;

  override value(site: string, bytes: Uint8Array): Uint8Array {
    const right = site === this.broken ? bytes.map((byte) => byte ^ 0x10) : bytes;
    return super.value(site, right);
  }
}

export class GlitchedWorkflow {
  private readonly workflow: GlitchWorkflow;
  private readonly prepared: Bench;
  private readonly reference: Reference;
  private readonly secrets: SecretSearch;
  /** Without a glitch. */
  private readonly answers: readonly Answer[];
  readonly passes: readonly Pass[];
  /** How many of them are before its first command. */
  readonly booting: number;
  private readonly alarms: number;
  /** By what is on the chip. */
  private readonly seen = new Map<string, Inspected>();

  constructor(workflow: GlitchWorkflow, { bench, reference }: Start) {
    this.workflow = workflow;
    this.prepared = bench.copy();
    this.secrets = secretsOf(this.prepared);
    workflow.prepare?.(this.prepared);
    const [only, ...more] = judge([reference], this.prepared.events.splice(0));
    assert(only !== undefined && more.length === 0, 'what is prepared is one thing');
    this.reference = workflow.becomes?.(only) ?? only;
    this.prepared.answers.length = 0;
    this.alarms = inspect(this.prepared).view.alarms;
    const { bench: steady, cpu, booting } = this.drive([]);
    this.answers = steady.answers;
    this.passes = [...cpu.passes];
    this.booting = booting;
    judge([this.reference], steady.events);
  }

  /** Throws GlitchFinding. */
  run(glitches: readonly Glitch[]): Run {
    try {
      const { bench, cpu } = this.drive(glitches);
      return { outcome: this.check(bench), passes: [...cpu.passes], happened: [...cpu.happened] };
    } catch (error) {
      const { workflow, prepared } = this;
      const what = glitches.map(({ site, time, effect }) => `${effect} at \`${site}\`, pass ${time}`);
      throw new GlitchFinding(
        error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error),
        `workflow \`${workflow.name}\` of ${prepared.profile.name}: ${what.join('; and ')}`,
      );
    }
  }

  private drive(glitches: readonly Glitch[]): { bench: Bench; cpu: GlitchCpu; booting: number } {
    const bench = this.prepared.copy();
    const draw = new Draw(23);
    const cpu = new BrokenCpu((length) => draw.bytes(length), 29, glitches);
    cpu.broken = this.workflow.broken;
    bench.chip.cpu = cpu;
    let booting = 0;
    bench.whenOn = () => {
      booting = cpu.passes.length;
    };
    this.workflow.run(bench);
    bench.powerOff();
    return { bench, cpu, booting };
  }

  private check(bench: Bench): Outcome {
    for (const { result } of bench.answers) {
      const secret = this.secrets.find(result);
      if (secret !== undefined) throw new Error(`something of ${secret} came out`);
    }
    this.compareSignatures(bench);
    const { view, events } = this.inspected(bench);
    const isAlarmed = view.alarms > this.alarms;
    const candidates = judge([this.reference], bench.events, isAlarmed ? 'alarmed' : 'glitched');
    if (view.state === 'zeroised') {
      return this.reference.lifecycle === 'zeroised' ? outcomeOf(bench, this.answers) : 'zeroised';
    }
    if (view.state === 'failed' && this.reference.lifecycle !== 'failed') return 'failed';
    // What is broken is the processor: on another one it would be what it was.
    const isWhole = this.workflow.broken !== undefined;
    judge(isWhole ? candidates.map((one) => ({ ...one, lifecycle: 'ready' })) : candidates, events);
    return outcomeOf(bench, this.answers);
  }

  /** Of the same message two signatures that differ give the key away, where both were made with one nonce. */
  private compareSignatures({ answers }: Bench): void {
    for (const [index, { name, given, result }] of answers.entries()) {
      const steady = this.answers[index];
      if (result?.ok !== true || steady?.result?.ok !== true || steady.name !== name) continue;
      const isNew = 'label' in given && given.label === 'new';
      if (isNew || (name !== 'sign' && name !== 'vote')) continue;
      const [now, before] = [result.value, steady.result.value].map((value) => Object.values(value)[0]);
      if (!(now instanceof Uint8Array && before instanceof Uint8Array && equalBytes(now, before)))
        throw new Error('another signature of the same message');
    }
  }

  private inspected(bench: Bench): Inspected {
    const name = contentHash(bench);
    const known = this.seen.get(name);
    if (known !== undefined) return known;
    const found = inspect(bench, { anchors: ['journal', 'second'], deep: true });
    this.seen.set(name, found);
    return found;
  }
}

function outcomeOf({ answers }: Bench, steady: readonly Answer[]): Outcome {
  if (answers.some(({ result }) => result?.ok === false && result.code === 'device_failed')) return 'latched';
  const isSame = answers.every(({ result }, index) => result?.ok === steady[index]?.result?.ok);
  return isSame ? 'unmoved' : 'refused';
}

/** Without the parts that no command reads; what is on them decides all that a steady device does. */
function contentHash({ chip }: Bench): string {
  const parts = [chip.flash, chip.die].map((memory) => {
    const { sectorBytes, sectors } = memory.geometry;
    return toHex(sha256(memory.read(0, sectorBytes * sectors)));
  });
  return [...parts, chip.latch.read() ?? 'no latch'].join(' ');
}

/** By name, made once. */
export class GlitchBench {
  private readonly starts = new Map<string, Start>();
  private readonly parts: Parts;
  readonly profile: Profile;

  constructor(parts: Parts, profile: Profile) {
    this.parts = parts;
    this.profile = profile;
  }

  of(workflow: GlitchWorkflow): GlitchedWorkflow {
    const start = this.starts.get(workflow.device) ?? startOf(this.parts, this.profile, workflow.device);
    this.starts.set(workflow.device, start);
    return new GlitchedWorkflow(workflow, start);
  }
}

/** Every single glitch of these passes. */
export function singlesOf(passes: readonly Pass[]): Glitch[] {
  return passes.flatMap(glitchesOf);
}

/** The glitches that can follow the first: of the passes that came by after it, in the run in which it happened. */
export function secondsAfter(first: Glitch, passes: readonly Pass[]): Glitch[] {
  const at = passes.findIndex(({ site, time }) => site === first.site && time === first.time);
  return passes.slice(at + 1).flatMap(glitchesOf);
}
