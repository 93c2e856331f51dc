/** A processor that glitches where it is told to, and says where it came by. */
import { assert } from '../../src/kit/result.ts';
import type { Cpu } from './cpu.ts';
import { Draw } from './draw.ts';

/** What a glitch does, by what it meets. */
const effects = {
  run: ['skip'],
  branch: ['flip'],
  value: ['bit', 'zeros', 'ones', 'random'],
  random: ['zeros', 'ones', 'last'],
} as const;

export type PassKind = keyof typeof effects;
export type Effect = (typeof effects)[PassKind][number];

/** One call of the firmware. */
export interface Pass {
  readonly site: string;
  /** How often it came by this site, from 1. */
  readonly time: number;
  readonly kind: PassKind;
}

export interface Glitch {
  readonly site: string;
  readonly time: number;
  readonly effect: Effect;
}

/** Every glitch that can meet this pass. */
export function glitchesOf({ site, time, kind }: Pass): Glitch[] {
  return effects[kind].map((effect) => ({ site, time, effect }));
}

export class GlitchCpu implements Cpu {
  /** In the order in which they came by. */
  readonly passes: Pass[] = [];
  /** Those of the planned that happened. */
  readonly happened: Glitch[] = [];
  private readonly source: (length: number) => Uint8Array;
  private readonly draw: Draw;
  private readonly times = new Map<string, number>();
  private planned: readonly Glitch[];
  private last: Uint8Array | undefined;

  /** `source` gives random numbers; `seed` draws how values are corrupted. */
  constructor(source: (length: number) => Uint8Array, seed: number, planned: readonly Glitch[] = []) {
    this.source = source;
    this.draw = new Draw(seed);
    this.planned = planned;
  }

  /** Counts each site from 1 again, forgets what came by, and glitches so from now on. */
  plan(glitches: readonly Glitch[]): void {
    this.planned = glitches;
    this.times.clear();
    this.passes.length = 0;
    this.happened.length = 0;
  }

  branch(site: string, outcome: boolean): boolean {
    return this.meet(site, 'branch') === undefined ? outcome : !outcome;
  }

  run(site: string, operation: () => void): void {
    if (this.meet(site, 'run') === undefined) operation();
  }

  value(site: string, bytes: Uint8Array): Uint8Array {
    const effect = this.meet(site, 'value');
    if (effect === undefined || bytes.length === 0) return bytes;
    const corrupted = bytes.slice();
    if (effect === 'zeros') corrupted.fill(0);
    if (effect === 'ones') corrupted.fill(0xff);
    if (effect === 'random') corrupted.set(this.draw.bytes(bytes.length));
    if (effect === 'bit') {
      const at = this.draw.below(bytes.length);
      corrupted[at] = (corrupted[at] as number) ^ (1 << this.draw.below(8));
    }
    return corrupted;
  }

  random(site: string, length: number): Uint8Array {
    const effect = this.meet(site, 'random');
    const drawn = this.source(length);
    if (effect === 'zeros') drawn.fill(0);
    if (effect === 'ones') drawn.fill(0xff);
    // The same number again, as far as it goes.
    if (effect === 'last') for (let at = 0; at < length; at++) drawn[at] = this.last?.[at] ?? 0;
    this.last = drawn.slice();
    return drawn;
  }

  private meet(site: string, kind: PassKind): Effect | undefined {
    const time = (this.times.get(site) ?? 0) + 1;
    this.times.set(site, time);
    this.passes.push({ site, time, kind });
    const glitch = this.planned.find((one) => one.site === site && one.time === time);
    if (glitch === undefined) return undefined;
    const known: readonly string[] = effects[kind];
    assert(known.includes(glitch.effect), `a glitch of \`${site}\` is one of ${known.join(', ')}`);
    this.happened.push(glitch);
    return glitch.effect;
  }
}
