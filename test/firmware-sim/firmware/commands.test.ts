import { describe, expect, it } from 'vitest';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import { makeFirmware } from '../../../firmware-sim/firmware/commands.ts';
import type { Core } from '../../../firmware-sim/firmware/core.ts';
import { DeviceStoreError } from '../../../firmware-sim/firmware/store.ts';
import type { CommandName, Commands, DeviceState } from '../../../firmware-sim/protocol.ts';
import { assert } from '../../../src/kit/result.ts';
import {
  freeType,
  headAt,
  journal,
  moduleKey,
  otherPin,
  peerPoint,
  pinOf,
  proposal,
  rightPin,
  trustedModule,
} from '../fixtures.ts';
import { firmware } from '../parts.ts';
import { Bench, keyLabels } from '../workbench.ts';
import { codeOf, furnishedBench, profileOf, refusalOf, servingBench } from './serving.ts';

/** One of each, accepted by a device that is furnished and logged in to; zeroise with another's serial. */
const commands: { readonly [N in CommandName]: Commands[N]['arguments'] } = {
  info: {},
  counters: {},
  attest: { nonce: new Uint8Array(8) },
  initialise: rightPin,
  login: { nonce: new Uint8Array(16), proof: new Uint8Array(32) },
  'change-pin': rightPin,
  generate: { label: 'new', algorithm: 'ES256', use: 'sign', anchored: false, free: [] },
  keys: {},
  sign: { label: keyLabels.plain, message: new Uint8Array(3) },
  derive: { label: keyLabels.agree, point: peerPoint },
  'read-anchor': { name: 'journal' },
  advance: { name: 'journal', from: headAt(journal, 3), to: headAt(journal, 4) },
  prove: { name: 'journal', from: headAt(journal, 3), entries: [] },
  vote: { label: keyLabels.vote, proposal, choice: 'approve' },
  trust: { points: [moduleKey.point] },
  load: { module: trustedModule.signed },
  run: { hash: trustedModule.hash, inputs: [], fuel: null },
  zeroise: { serial: 'another' },
  tamper: { event: 'mesh' },
  'dump-flash': { sector: 0 },
};
const names = Object.keys(commands) as CommandName[];

function answersOf(make: () => Bench): Record<string, string> {
  // Each on a device of its own: some end it.
  return Object.fromEntries(names.map((name) => [name, codeOf(make(), name, commands[name])]));
}

function stateOf(state: DeviceState): () => Bench {
  return () => {
    const bench = state === 'blank' ? Bench.blank(firmware, profileOf('aster-1')) : furnishedBench();
    if (state === 'failed') {
      const { flash } = bench.chip;
      // Of the image, so that it is not signed any more.
      flash.program(bench.profile.layout.certificate * flash.geometry.sectorBytes, new Uint8Array(4));
    }
    bench.powerOn();
    if (state === 'locked') while (bench.running.state !== 'locked') bench.login(pinOf('wrong'));
    if (state === 'zeroised') bench.tell('tamper', { event: 'voltage' });
    expect(bench.running.state).toBe(state);
    return bench;
  };
}

const openTo: readonly CommandName[] = ['info', 'counters', 'tamper', 'dump-flash'];

function expectedOf(refused: string, others: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      others[name] ?? (openTo.includes(name) ? 'accepted' : name === 'zeroise' ? 'serial_mismatch' : refused),
    ]),
  );
}

describe('a device', () => {
  it('that is blank takes a PIN', () => {
    expect(answersOf(stateOf('blank'))).toEqual(
      expectedOf('device_blank', { attest: 'accepted', initialise: 'accepted' }),
    );
  });

  it('that is ready asks for a login first', () => {
    expect(answersOf(stateOf('ready'))).toEqual(
      expectedOf('login_required', {
        attest: 'accepted',
        initialise: 'command_refused',
        login: 'pin_incorrect',
      }),
    );
  });

  it('that was logged in to answers everything', () => {
    const answers = answersOf(() => servingBench());
    expect(answers).toEqual(
      expectedOf('accepted', {
        initialise: 'command_refused',
        login: 'pin_incorrect',
        run: 'module_unknown',
      }),
    );
  });

  it('that is locked, has failed or is zeroised answers what needs no secret', () => {
    expect(answersOf(stateOf('locked'))).toEqual(
      expectedOf('pin_locked', { attest: 'accepted', initialise: 'command_refused' }),
    );
    expect(answersOf(stateOf('failed'))).toEqual(expectedOf('device_failed', {}));
    expect(answersOf(stateOf('zeroised'))).toEqual(expectedOf('device_zeroised', {}));
  });

  it.each(['ready', 'locked', 'failed', 'zeroised', 'blank'] as const)(
    'that is %s is zeroised with its own serial alone, and then once more',
    (state) => {
      const bench = stateOf(state)();
      const { serial } = bench.tell('info', {});
      expect(serial).toMatch(/^[0-9a-f]{32}$/);
      expect(refusalOf(bench, 'zeroise', { serial: serial.toUpperCase() }).message).toContain(serial);
      expect(codeOf(bench, 'zeroise', { serial })).toBe('accepted');
      expect(codeOf(bench, 'zeroise', { serial })).toBe('accepted');
      bench.powerOff();
      expect(bench.powerOn().state).toBe('zeroised');
      expect(bench.tell('info', {}).serial).toBe(serial);
    },
  );

  it('is zeroised by its sensors before it answers anything else', () => {
    const bench = servingBench();
    bench.chip.latch.set('temperature');
    expect(codeOf(bench, 'sign', commands.sign)).toBe('device_zeroised');
    expect(bench.tell('info', {})).toMatchObject({ state: 'zeroised', reason: 'temperature' });
  });

  it('answers a session of before the power-off no more than a new one', () => {
    const bench = servingBench();
    const old = bench.session();
    bench.powerOff();
    bench.powerOn();
    // A session of another firmware: nobody can have one, since a connection ends with the power.
    expect(() => bench.running.handle({ ...old }, 'keys', {})).toThrow('invariant broken');
  });
});

describe('a fault', () => {
  /** The firmware on a core of which one function does another thing. */
  function bent(change: (core: Core) => Partial<Core>): { bench: Bench; core: () => Core } {
    const bench = furnishedBench();
    let made: Core | undefined;
    const own = new Bench(
      {
        ...firmware,
        makeFirmware(booted) {
          assert(booted.kind === 'running', 'it boots');
          made = { ...booted.core, ...change(booted.core) };
          return makeFirmware({ kind: 'running', core: made });
        },
        boot,
      },
      bench.profile,
      bench.chip,
    );
    return {
      bench: own,
      core: () => {
        assert(made !== undefined, 'it was powered on');
        return made;
      },
    };
  }

  function failingStore(error: () => Error) {
    let fails = false;
    const { bench } = bent(({ store }) => ({
      store: {
        found: store.found,
        begin: (...given) => store.begin(...given),
        get version() {
          return store.version;
        },
        commit: (...given) => {
          if (fails) throw error();
          store.commit(...given);
        },
      },
    }));
    bench.powerOn();
    expect(bench.login(rightPin).ok).toBe(true);
    fails = true;
    return { bench, repair: () => (fails = false) };
  }

  it('of the firmware itself latches it, says nothing of what it was about, and is counted', () => {
    const { bench, repair } = failingStore(() => new TypeError('the PIN is 1234'));
    expect(codeOf(bench, 'change-pin', otherPin)).toBe('device_failed');
    const info = bench.tell('info', {});
    expect(info).toMatchObject({ state: 'failed', reason: 'a fault of the firmware: TypeError' });
    expect(bench.tell('counters', {}).alarms).toBe(1);
    for (const name of ['keys', 'sign', 'attest', 'login'] as const)
      expect(codeOf(bench, name, commands[name])).toBe('device_failed');
    repair();
    bench.powerOff();
    expect(bench.powerOn().state).toBe('ready');
    expect(bench.login(rightPin).ok).toBe(true);
  });

  it('of a flash that is worn out latches it, and is nobody’s attack', () => {
    const { bench } = failingStore(() => new DeviceStoreError('flash_worn', 'no place is left'));
    expect(codeOf(bench, 'change-pin', otherPin)).toBe('device_failed');
    expect(bench.tell('info', {}).reason).toBe('flash_worn: no place is left');
    expect(bench.tell('counters', {})).toMatchObject({ alarms: 0, triesLeft: 8 });
  });

  it('that comes again and again zeroises it', () => {
    const bench = furnishedBench('delphin-t');
    const { alarmLimit } = bench.profile;
    for (let alarm = 1; alarm <= alarmLimit; alarm++) {
      const at = alarm === alarmLimit ? 'zeroised' : 'failed';
      bench.powerOn();
      bench.login(rightPin);
      const { cpu } = bench.chip;
      bench.chip.cpu = { ...cpu, branch: (site, outcome) => (site === 'step.2' ? !outcome : outcome) };
      // The permits hold the processor of the power-on.
      bench.powerOff();
      bench.powerOn();
      bench.login(rightPin);
      bench.ask('advance', commands.advance);
      expect(bench.running.state).toBe(at);
      bench.chip.cpu = cpu;
      bench.powerOff();
    }
    expect(bench.powerOn().state).toBe('zeroised');
  });
});

describe('an argument', () => {
  const bench = servingBench();
  const refused = <N extends CommandName>(name: N, given: Partial<Commands[N]['arguments']>) =>
    refusalOf(bench, name, { ...commands[name], ...given } as Commands[N]['arguments']);

  it.each<[CommandName, object, string, string]>([
    ['attest', { nonce: new Uint8Array(7) }, 'nonce', '8 to 64'],
    ['attest', { nonce: new Uint8Array(65) }, 'nonce', '8 to 64'],
    ['login', { nonce: new Uint8Array(15) }, 'nonce', '16'],
    ['login', { proof: new Uint8Array(31) }, 'proof', '32'],
    ['change-pin', { salt: new Uint8Array(17) }, 'salt', '16'],
    ['change-pin', { pinKey: new Uint8Array(0) }, 'pinKey', '32'],
    ['generate', { label: '' }, 'label', 'letters'],
    ['generate', { label: '-a' }, 'label', 'letters'],
    ['generate', { label: 'a'.repeat(33) }, 'label', 'letters'],
    ['generate', { label: 'a`b' }, 'label', 'letters'],
    ['generate', { use: 'agree', anchored: true }, 'anchored', 'false'],
    ['generate', { use: 'vote', anchored: true }, 'anchored', 'false'],
    ['generate', { free: [freeType] }, 'free', 'none'],
    ['generate', { anchored: true, free: [freeType, freeType] }, 'free[1]', 'once'],
    ['generate', { anchored: true, free: ['application/vnd.ringmint.ballot+cose'] }, 'free[0]', 'ballot'],
    ['generate', { anchored: true, free: [''] }, 'free[0]', '1 to 127'],
    ['generate', { anchored: true, free: ['a b'] }, 'free[0]', '1 to 127'],
    ['generate', { anchored: true, free: ['x'.repeat(128)] }, 'free[0]', '1 to 127'],
    ['generate', { anchored: true, free: '123456789'.split('') }, 'free', 'at most 8'],
    [
      'generate',
      { anchored: true, free: '12345'.split('').map((at) => at.repeat(127)) },
      'free',
      'at most 512',
    ],
    ['sign', { label: 'ä' }, 'label', 'letters'],
    ['sign', { message: new Uint8Array(bench.profile.limits.messageBytes + 1) }, 'message', '0 to '],
    ['read-anchor', { name: 'Journal' }, 'name', '1 to 32'],
    ['advance', { name: '1' }, 'name', '1 to 32'],
    ['advance', { from: { sequence: -1, hash: new Uint8Array(32) } }, 'from.sequence', 'from 0'],
    ['advance', { to: { sequence: 1.5, hash: new Uint8Array(32) } }, 'to.sequence', 'from 0'],
    ['advance', { to: { sequence: 2 ** 53, hash: new Uint8Array(32) } }, 'to.sequence', 'from 0'],
    ['advance', { to: { sequence: 5, hash: new Uint8Array(31) } }, 'to.hash', '32'],
    ['prove', { from: { sequence: 5, hash: new Uint8Array(33) } }, 'from.hash', '32'],
    ['vote', { proposal: new Uint8Array(31) }, 'proposal', '32'],
    ['vote', { choice: 'maybe' }, 'choice', '`approve`, `reject`, `abstain`'],
    ['run', { hash: new Uint8Array(31) }, 'hash', '32'],
    ['run', { fuel: -1n }, 'fuel', '0 and more'],
    ['trust', { points: [] }, 'points', '1 to 16'],
    ['trust', { points: [new Uint8Array(65)] }, 'points[0]', 'P-256'],
    ['dump-flash', { sector: 10_000 }, 'sector', '0 to '],
    ['dump-flash', { sector: -1 }, 'sector', '0 to '],
  ])('of %s that is not what it has to be is named', (name, given, field, accepted) => {
    const refusal = refused(name, given);
    expect(refusal.code).toBe('argument_invalid');
    expect(refusal.field).toBe(field);
    expect(refusal.message).toContain(accepted);
    expect(bench.running.state).toBe('ready');
  });

  it('that is refused leaves the state as it was', () => {
    expect(bench.tell('counters', {})).toMatchObject({ triesLeft: 8, alarms: 0 });
    expect(bench.tell('keys', {}).keys.length).toBe(4);
  });
});
