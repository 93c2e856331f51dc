import { describe, expect, it } from 'vitest';
import { commandNames, commandTable } from '../../../firmware-sim/command-table.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import type { CommandName, Commands } from '../../../firmware-sim/protocol.ts';
import { assert } from '../../../src/kit/result.ts';
import { headAt, journal, moduleKey, otherProposal, rightPin, trustedModule } from '../fixtures.ts';
import { firmware } from '../parts.ts';
import { Bench, keyLabels } from '../workbench.ts';

const [aster] = profiles;
assert(aster !== undefined, 'there is a profile');
const furnished = Bench.furnished(firmware, aster);

/** A furnished device that is on, with the PIN proven. */
function deviceOn(): Bench {
  const bench = furnished.copy();
  bench.powerOn();
  bench.login(rightPin);
  return bench;
}

/** What each command does that may be given twice, on a furnished device. */
const given: {
  readonly [N in Exclude<
    CommandName,
    'initialise' | 'login' | 'change-pin' | 'generate' | 'run'
  >]: Commands[N]['arguments'];
} = {
  info: {},
  counters: {},
  attest: { nonce: new Uint8Array(16) },
  keys: {},
  sign: { label: keyLabels.plain, message: new Uint8Array(10) },
  derive: { label: keyLabels.agree, point: moduleKey.point },
  'read-anchor': { name: journal.name },
  advance: { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 4) },
  prove: { name: journal.name, from: headAt(journal, 0), entries: journal.entries.slice(0, 3) },
  vote: { label: keyLabels.vote, proposal: otherProposal, choice: 'reject' },
  trust: { points: [moduleKey.point] },
  load: { module: trustedModule.signed },
  tamper: { event: 'mesh' },
  zeroise: { serial: '' },
  'dump-flash': { sector: 0 },
};

describe('a command that a client gives once more after a loss', () => {
  for (const [name, sample] of Object.entries(given) as [
    keyof typeof given,
    Commands[CommandName]['arguments'],
  ][]) {
    it(`gives the same, and changes nothing: ${name}`, () => {
      expect(commandTable[name].twice).toBe(true);
      const bench = deviceOn();
      const information = bench.tell('info', {});
      const asked = name === 'zeroise' ? { serial: information.serial } : sample;
      const first = bench.ask(name, asked);
      assert(first.ok, `\`${name}\` is accepted: ${first.ok ? '' : first.message}`);
      const after = bench.tell('counters', {});
      const second = bench.ask(name, asked);
      // A number that signs is of chance only where the scheme has it so.
      if (name === 'attest') expect(second.ok).toBe(true);
      else expect(second).toEqual(first);
      expect(bench.tell('counters', {})).toEqual(after);
    });
  }

  it('leaves out those of which a second time is another thing', () => {
    const once = commandNames.filter((name) => !commandTable[name].twice);
    expect(once).toEqual(['initialise', 'login', 'change-pin', 'generate']);
  });
});
