/** What only the sweep of cuts does with a device: where the store and the counter turn a page, and where tries run out. */
import type { Head } from '../../firmware-sim/protocol.ts';
import { sha256, utf8 } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import { journal, otherPin, rightPin } from './fixtures.ts';
import type { Bench } from './workbench.ts';
import { type Workflow, workflows } from './workflows.ts';

/** Of no journal in particular: an anchor goes wherever its owner says. */
function madeHead(sequence: number): Head {
  return { sequence, hash: sha256(utf8(`made head ${sequence}`)) };
}

/** One step up from wherever it is. */
export function advanceOnce(bench: Bench): Head {
  const { head } = bench.tell('read-anchor', { name: journal.name });
  const to = madeHead((head?.sequence ?? 0) + 1);
  bench.tell('advance', { name: journal.name, from: head, to });
  return to;
}

function logIn(bench: Bench): void {
  bench.powerOn();
  assert(bench.login(rightPin).ok, 'the PIN is right');
}

/** Advances of one session until this memory is erased, counted on a copy. */
function stepsUntilErase(bench: Bench, memory: 'flash' | 'die'): number {
  const copy = bench.copy();
  logIn(copy);
  let erased = false;
  copy.chip.watch((operation) => {
    erased ||= operation.kind === 'erase' && operation.memory === memory;
  });
  let steps = 0;
  for (; !erased; steps++) {
    assert(steps < 100_000, `the ${memory} is erased sooner or later`);
    advanceOnce(copy);
  }
  copy.chip.watch();
  return steps;
}

/** Wrong PINs until so many tries are left. */
function leaveTries(bench: Bench, left: number): void {
  bench.powerOn();
  while (bench.tell('counters', {}).triesLeft > left) bench.login(otherPin);
  bench.powerOff();
}

/** From this number of answers on the sweep cuts; what is before it is like what other workflows have. */
export interface CutWorkflow extends Workflow {
  cutFrom?(bench: Bench): number;
  /** The workflow is about these operations: there has to be one. */
  readonly erases?: 'flash' | 'die';
}

const own: readonly CutWorkflow[] = [
  {
    name: 'advance until the slot is full',
    device: 'furnished',
    erases: 'flash',
    cutFrom: (bench) => stepsUntilErase(bench, 'flash') * 2 - 3,
    run(bench) {
      const steps = stepsUntilErase(bench, 'flash');
      logIn(bench);
      for (let step = 0; step < steps + 1; step++) advanceOnce(bench);
    },
  },
  {
    name: 'advance until the counter changes its bank',
    device: 'furnished',
    erases: 'die',
    prepare(bench) {
      const steps = stepsUntilErase(bench, 'die');
      logIn(bench);
      for (let step = 0; step < steps - 4; step++) advanceOnce(bench);
      bench.powerOff();
    },
    run(bench) {
      logIn(bench);
      for (let step = 0; step < 5; step++) advanceOnce(bench);
    },
  },
  {
    name: 'log in with the last try',
    device: 'furnished',
    prepare: (bench) => leaveTries(bench, 1),
    run(bench) {
      bench.powerOn();
      bench.login(rightPin);
    },
  },
  {
    name: 'lose the last try',
    device: 'furnished',
    prepare: (bench) => leaveTries(bench, 1),
    run(bench) {
      bench.powerOn();
      bench.login(otherPin);
      bench.login(rightPin);
    },
  },
  {
    name: 'wrong PINs one after another, over two connections',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.login(otherPin);
      bench.login(otherPin, 1);
      bench.login(rightPin, 1);
    },
  },
  {
    name: 'a long session of everything',
    device: 'furnished',
    run(bench) {
      logIn(bench);
      advanceOnce(bench);
      bench.ask('change-pin', otherPin);
      advanceOnce(bench);
      const [algorithm = 'ES256'] = bench.profile.algorithms;
      bench.ask('generate', { label: 'late', algorithm, use: 'sign', anchored: true, free: [] });
      advanceOnce(bench);
      bench.ask('change-pin', rightPin);
    },
  },
];

export const cutWorkflows: readonly CutWorkflow[] = [...workflows, ...own];
