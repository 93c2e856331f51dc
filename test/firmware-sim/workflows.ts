/** What is done with a device, by name: what the sweeps cut and glitch, and the reference goes through. */
import { assert } from '../../src/kit/result.ts';
import {
  boundType,
  forkedJournal,
  freeType,
  headAt,
  journal,
  messageOf,
  moduleKey,
  otherPin,
  otherProposal,
  peerPoint,
  proposal,
  rightPin,
  strangeModule,
  strangeModuleKey,
  trustedModule,
} from './fixtures.ts';
import { type Bench, keyLabels, plainMessage } from './workbench.ts';

export interface Workflow {
  readonly name: string;
  /** What it begins with. */
  readonly device: 'blank' | 'furnished';
  /** Done before, undisturbed; the device is off before it and has to be off after it. */
  prepare?(bench: Bench): void;
  /** From power-on; it asks on whatever comes back, and never takes an answer for granted. */
  run(bench: Bench): void;
}

function afterLogin(bench: Bench): void {
  bench.powerOn();
  bench.login(rightPin);
}

const { anchored, plain, vote, agree } = keyLabels;
const bound = journal.messages[1];
const after = journal.messages[4];
assert(bound !== undefined && after !== undefined, 'the journal has five entries');

/** Of entries 1 to 3, which end at the anchored head. */
const proven = {
  name: journal.name,
  from: headAt(journal, 0),
  entries: journal.entries.slice(0, 3),
} as const;

export const workflows: readonly Workflow[] = [
  { name: 'boot', device: 'furnished', run: (bench) => void bench.powerOn() },
  {
    name: 'initialise',
    device: 'blank',
    run(bench) {
      bench.powerOn();
      bench.ask('initialise', rightPin);
      bench.close();
      bench.login(rightPin);
    },
  },
  {
    name: 'log in',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.login(rightPin);
      bench.ask('keys', {});
    },
  },
  {
    name: 'log in with a wrong PIN',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.login(otherPin);
      bench.ask('keys', {});
      bench.ask('sign', {
        label: plain,
        message: plainMessage(bench.profile, messageOf(boundType, 'after a wrong PIN')),
      });
    },
  },
  {
    name: 'sign without a login',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.ask('sign', {
        label: plain,
        message: plainMessage(bench.profile, messageOf(boundType, 'without a login')),
      });
    },
  },
  {
    name: 'sign',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('sign', {
        label: plain,
        message: plainMessage(bench.profile, messageOf(boundType, 'with a plain key')),
      });
    },
  },
  {
    name: 'sign what is anchored',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('prove', proven);
      bench.ask('sign', { label: anchored, message: bound });
    },
  },
  {
    name: 'sign what is not anchored',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('prove', proven);
      bench.ask('sign', { label: anchored, message: after });
    },
  },
  {
    name: 'sign a free type',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('sign', { label: anchored, message: messageOf(freeType, 'a head') });
    },
  },
  {
    name: 'sign what resembles a free type',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('sign', { label: anchored, message: messageOf(`${freeType}2`, freeType) });
    },
  },
  {
    name: 'advance',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      const [from, to, next] = [headAt(journal, 3), headAt(journal, 4), headAt(journal, 6)];
      bench.ask('advance', { name: journal.name, from, to });
      bench.ask('advance', { name: journal.name, from: to, to: next });
    },
  },
  {
    name: 'advance back',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 2) });
      bench.ask('advance', { name: journal.name, from: headAt(journal, 2), to: headAt(journal, 3) });
    },
  },
  {
    name: 'advance aside',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      const { sequence } = headAt(journal, 3);
      bench.ask('advance', {
        name: journal.name,
        from: headAt(journal, 3),
        to: { sequence, hash: headAt(forkedJournal, 4).hash },
      });
      bench.ask('advance', { name: journal.name, from: headAt(journal, 2), to: headAt(forkedJournal, 5) });
    },
  },
  {
    name: 'a first anchor',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('advance', { name: 'second', from: null, to: headAt(journal, 0) });
    },
  },
  {
    name: 'prove what is not there',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      const entries = journal.entries.slice(3, 5);
      bench.ask('prove', { name: journal.name, from: headAt(journal, 3), entries });
      bench.ask('sign', { label: anchored, message: after });
    },
  },
  {
    name: 'generate',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      const [algorithm = 'ES256'] = bench.profile.algorithms;
      bench.ask('generate', { label: 'new', algorithm, use: 'sign', anchored: false, free: [] });
      bench.ask('sign', {
        label: 'new',
        message: plainMessage(bench.profile, messageOf(boundType, 'with a new key')),
      });
    },
  },
  {
    name: 'change the PIN',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('change-pin', otherPin);
      bench.close();
      bench.login(otherPin);
    },
  },
  {
    name: 'vote, and otherwise',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('vote', { label: vote, proposal, choice: 'reject' });
      bench.ask('vote', { label: vote, proposal: otherProposal, choice: 'reject' });
      bench.ask('vote', { label: vote, proposal: otherProposal, choice: 'approve' });
    },
  },
  {
    name: 'trust, and others',
    device: 'blank',
    prepare(bench) {
      bench.powerOn();
      bench.tell('initialise', rightPin);
      bench.powerOff();
    },
    run(bench) {
      afterLogin(bench);
      bench.ask('trust', { points: [moduleKey.point] });
      bench.ask('trust', { points: [strangeModuleKey.point] });
      bench.ask('load', { module: strangeModule.signed });
      bench.ask('run', { hash: strangeModule.hash, inputs: [], fuel: null });
    },
  },
  {
    name: 'run a module',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('load', { module: trustedModule.signed });
      bench.ask('run', {
        hash: trustedModule.hash,
        inputs: [{ segment: 0, index: 0, value: 1n }],
        fuel: null,
      });
    },
  },
  {
    name: 'run a module that nobody trusts',
    device: 'furnished',
    run(bench) {
      afterLogin(bench);
      bench.ask('load', { module: strangeModule.signed });
      bench.ask('run', { hash: strangeModule.hash, inputs: [], fuel: null });
    },
  },
  {
    name: 'agree on a secret',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.ask('derive', { label: agree, point: peerPoint });
      bench.login(rightPin);
      bench.ask('derive', { label: agree, point: peerPoint });
      bench.ask('derive', { label: plain, point: peerPoint });
    },
  },
  {
    name: 'attest',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.ask('attest', { nonce: new Uint8Array(32).fill(7) });
    },
  },
  {
    name: 'zeroise',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      const info = bench.ask('info', {});
      bench.ask('zeroise', { serial: info.ok ? info.value.serial : '' });
      bench.login(rightPin);
      bench.ask('sign', {
        label: plain,
        message: plainMessage(bench.profile, messageOf(boundType, 'after the end')),
      });
    },
  },
  {
    name: 'tamper',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.ask('tamper', { event: 'mesh' });
      bench.login(rightPin);
    },
  },
];
