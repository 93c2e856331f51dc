/** Sequences of actions that a liar makes up from a seed, with every rule checked after each action, so that what fails is the shortest prefix. */
import { type Draw, drawFrom } from '../crash/draw.ts';
import type { Code } from './code.ts';
import type { LiarKeys } from './keys.ts';

/** What a liar can do, over databases that many sequences share. */
export interface World {
  /** By name, with how often it is drawn; gives what came of it: a refusal's code, or a word. */
  readonly actions: readonly (readonly [name: string, weight: number, act: () => Promise<string>])[];
  /** The lies of the action that is under way, or was the last. */
  readonly told: readonly string[];
  /** Throws Broken. */
  check(): Promise<void>;
  /** What is left to be checked when a world ends. */
  finish(): Promise<void>;
  remove(): Promise<void>;
}

export interface WorldOptions {
  readonly code: Code;
  readonly keys: LiarKeys;
  readonly draw: Draw;
}

export interface SequencesOptions extends Omit<WorldOptions, 'draw'> {
  readonly open: (options: WorldOptions) => Promise<World>;
  readonly seed: string;
  readonly sequences: number;
}

export interface SequencesReport {
  readonly sequences: number;
  readonly actions: number;
  readonly ms: number;
  /** Of this process, all its threads. */
  readonly cpuMs: number;
  /** How often each action came to what, as `action: code`. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** Sequences over the same databases: more make the check at a start slower, fewer leave less to be replayed. */
const perWorld = 250;
const longest = 4;

/** A rule was broken, with what repeats it. */
export class LieFailure extends Error {
  readonly sequences: number;
  constructor(cause: unknown, sequences: number, where: string) {
    super(`${cause instanceof Error ? cause.message : String(cause)} (${where})`, { cause });
    this.sequences = sequences;
  }
}

/** Resolves when all sequences went by; throws LieFailure where a rule was broken. */
export async function runSequences(options: SequencesOptions): Promise<SequencesReport> {
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const outcomes = new Map<string, number>();
  let sequences = 0;
  let actions = 0;
  for (let number = 0; sequences < options.sequences; number++) {
    const draw = drawFrom(`${options.seed}/${number}`);
    const world = await options.open({ ...options, draw: draw.branch('world') });
    const trail: string[] = [];
    try {
      for (let i = 0; i < perWorld && sequences < options.sequences; i++) {
        sequences++;
        trail.push(`[${i}]`);
        for (let left = 1 + draw.below(longest); left > 0; left--) {
          const [name, act] = pick(world.actions, draw);
          trail.push(name);
          actions++;
          const outcome = `${name}: ${await act()}`;
          trail[trail.length - 1] = outcome;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          await world.check();
        }
      }
      await world.finish();
    } catch (error) {
      const shown = [...trail.slice(-24), ...world.told].join(' → ');
      throw new LieFailure(error, sequences, `seed ${options.seed}, world ${number}: … ${shown}`);
    } finally {
      await world.remove();
    }
  }
  const { user, system } = process.cpuUsage(startedCpu);
  const cpuMs = (user + system) / 1_000;
  return { sequences, actions, outcomes, ms: performance.now() - startedMs, cpuMs };
}

function pick(actions: World['actions'], draw: Draw): [string, () => Promise<string>] {
  const sum = actions.reduce((total, [, weight]) => total + weight, 0);
  let at = draw.below(sum);
  for (const [name, weight, act] of actions) {
    if (at < weight) return [name, act];
    at -= weight;
  }
  throw new RangeError('a liar has an action');
}

/** The last `most` of what the liar has seen. */
export class Seen<T> {
  private readonly list: T[] = [];
  private readonly most: number;
  constructor(most = 60) {
    this.most = most;
  }

  add(one: T): void {
    this.list.push(one);
    if (this.list.length > this.most) this.list.shift();
  }

  get last(): T | undefined {
    return this.list.at(-1);
  }

  /** Mostly one of the latest. */
  pick(draw: Draw): T | undefined {
    const { length } = this.list;
    if (length === 0) return undefined;
    const back = draw.chance(60) ? Math.min(draw.below(3), length - 1) : draw.below(length);
    return this.list[length - 1 - back];
  }
}
