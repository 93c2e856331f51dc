/** The glitch injector: at the planned pass, and nowhere else. */
import { describe, expect, it } from 'vitest';
import { GlitchCpu, glitchesOf } from '../../../firmware-sim/chip/glitch.ts';

/** What a firmware with one call of each kind, each made twice, sees. */
function pass(cpu: GlitchCpu): Record<string, unknown[]> {
  const seen: Record<string, unknown[]> = { run: [], branch: [], value: [], random: [] };
  for (let time = 1; time <= 2; time++) {
    cpu.run('a', () => seen['run']?.push(time));
    seen['branch']?.push(cpu.branch('b', time === 1));
    seen['value']?.push(cpu.value('c', new Uint8Array([1, 2, 3])));
    seen['random']?.push(cpu.random('d', 3));
  }
  return seen;
}

let count = 0;
const source = (length: number): Uint8Array => new Uint8Array(length).fill(++count);

function make(seed = 1): GlitchCpu {
  count = 0;
  return new GlitchCpu(source, seed);
}

describe('a processor that glitches', () => {
  it('does nothing where nothing is planned, and says where it came by', () => {
    const cpu = make();
    expect(pass(cpu)).toEqual({
      run: [1, 2],
      branch: [true, false],
      value: [new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 3])],
      random: [new Uint8Array([1, 1, 1]), new Uint8Array([2, 2, 2])],
    });
    expect(cpu.passes.map(({ site, time, kind }) => `${site}${time} ${kind}`)).toEqual(
      [1, 2].flatMap((time) => [`a${time} run`, `b${time} branch`, `c${time} value`, `d${time} random`]),
    );
    expect(cpu.happened).toEqual([]);
  });

  it('does each of its effects at the pass that is named, and at no other', () => {
    const steady = pass(make());
    const plain = make();
    pass(plain);
    const plans = plain.passes.flatMap(glitchesOf);
    expect(plans.length).toBe(2 * (1 + 1 + 4 + 3));
    for (const glitch of plans) {
      const cpu = make();
      cpu.plan([glitch]);
      const seen = pass(cpu);
      expect(cpu.happened).toEqual([glitch]);
      const kind = plain.passes.find(({ site }) => site === glitch.site)?.kind ?? '';
      for (const [other, values] of Object.entries(steady)) {
        if (other !== kind) expect(seen[other]).toEqual(values);
        else expect(seen[other], `${glitch.site} ${glitch.effect}`).not.toEqual(values);
      }
    }
  });

  it('flips one bit, or all to 0, to 1, or to the last random number', () => {
    const at = (site: string, effect: 'bit' | 'zeros' | 'ones' | 'last'): Record<string, unknown[]> => {
      const cpu = make();
      cpu.plan([{ site, time: 2, effect }]);
      return pass(cpu);
    };
    const flipped = at('c', 'bit')['value']?.[1] as Uint8Array;
    const bits = flipped.reduce((sum, byte, index) => {
      let left = byte ^ (index + 1);
      let ones = 0;
      for (; left !== 0; left &= left - 1) ones++;
      return sum + ones;
    }, 0);
    expect(bits).toBe(1);
    expect(at('c', 'zeros')['value']?.[1]).toEqual(new Uint8Array(3));
    expect(at('c', 'ones')['value']?.[1]).toEqual(new Uint8Array(3).fill(255));
    expect(at('d', 'last')['random']?.[1]).toEqual(new Uint8Array(3).fill(1));
  });

  it('takes several, and counts anew for each plan', () => {
    const cpu = make();
    const plan = [
      { site: 'a', time: 1, effect: 'skip' },
      { site: 'b', time: 2, effect: 'flip' },
    ] as const;
    for (let run = 0; run < 2; run++) {
      cpu.plan(plan);
      const seen = pass(cpu);
      expect([seen['run'], seen['branch']]).toEqual([[2], [true, true]]);
      expect(cpu.happened).toEqual(plan);
    }
  });

  it('is a mistake of the plan to ask for what a site cannot do', () => {
    const cpu = make();
    cpu.plan([{ site: 'b', time: 1, effect: 'skip' }]);
    expect(() => pass(cpu)).toThrow('a glitch of `b` is one of flip');
  });
});
