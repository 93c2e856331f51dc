/** What finds a firmware with one rule bent, and after how many cases; each finds nothing on the firmware as it is. */
import fc from 'fast-check';
import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { finishedRow, readFuse } from '../../firmware-sim/firmware/fuses.ts';
import { guards } from '../../firmware-sim/firmware/guard.ts';
import type { Channel } from '../../firmware-sim/sealed-channel.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { assert } from '../../src/kit/result.ts';
import { type SweepReport, sweepWorkflow } from './cut-sweep.ts';
import { cutWorkflows } from './cut-workflows.ts';
import type { Finder } from './defects.ts';
import { headAt, journal, otherPin, rightPin } from './fixtures.ts';
import { GlitchBench, secondsAfter, singlesOf } from './glitch-sweep.ts';
import { glitchWorkflows } from './glitch-workflows.ts';
import { miniature } from './miniature.ts';
import { stepsOf } from './random-steps.ts';
import { newTally, startOf, walk } from './random-walk.ts';
import { observe } from './view.ts';
import { Bench, type Parts } from './workbench.ts';

export interface FirmwareUnderTest extends Parts {
  readonly Channel: typeof Channel;
}

export interface Found {
  readonly cases: number;
  readonly what: string;
}

/** Counts its cases by `next`, and throws where it finds something. */
type Search = (code: FirmwareUnderTest, next: () => void, workflow: string) => void;

const sequences = 150;

const searches: Readonly<Record<Finder, Search>> = {
  random(code, next) {
    const starts = [startOf(code, miniature, 'furnished'), startOf(code, miniature, 'blank')] as const;
    const drawn = fc.sample(stepsOf(10), { seed: 11, numRuns: sequences });
    for (const [index, steps] of drawn.entries()) {
      next();
      walk(index % 4 === 3 ? starts[1] : starts[0], steps, newTally());
    }
  },

  cuts(code, next, name) {
    const workflow = cutWorkflows.find((one) => one.name === name);
    assert(workflow !== undefined, `there is a workflow \`${name}\``);
    const start =
      workflow.device === 'blank' ? Bench.blank(code, miniature) : Bench.furnished(code, miniature);
    const report: SweepReport = { cuts: 0, same: 0, operations: 0, real: 0, found: { before: 0, after: 0 } };
    const options = {
      parts: code,
      profile: miniature,
      seed: 1,
      during: 2,
      realEvery: Number.POSITIVE_INFINITY,
      forgets: false,
      known: new Map<string, number>(),
    };
    try {
      sweepWorkflow(workflow, start, options, report);
    } finally {
      for (let cut = 0; cut < report.cuts; cut++) next();
    }
  },

  glitches(code, next, name) {
    const workflow = glitchWorkflows.find((one) => one.name === name);
    assert(workflow !== undefined, `there is a workflow \`${name}\``);
    next();
    const glitched = new GlitchBench(code, miniature).of(workflow);
    const isOfBoot = name.startsWith('boot');
    const firsts = singlesOf(isOfBoot ? glitched.passes : glitched.passes.slice(glitched.booting));
    const pairs: [(typeof firsts)[number], (typeof firsts)[number]][] = [];
    const isGuard = (site: string): boolean => guards.some((guard) => site.startsWith(`${guard}.`));
    for (const first of firsts) {
      next();
      const { passes, outcome } = glitched.run([first]);
      assert(outcome !== 'failed', `after a glitch at \`${first.site}\` it fails at each power-on`);
      if (!isGuard(first.site)) continue;
      for (const second of secondsAfter(first, passes)) if (isGuard(second.site)) pairs.push([first, second]);
    }
    for (const pair of pairs) {
      next();
      glitched.run(pair);
    }
  },

  tries(code, next) {
    const start = Bench.furnished(code, miniature);
    const [right, wrong] = [rightPin, otherPin].map((pin) => operationsOf(start, pin));
    assert(right !== undefined && wrong !== undefined, 'both were tried');
    const before = observe(start).triesLeft;
    for (const [index, { operation, chip }] of wrong.entries()) {
      next();
      if (operation === right[index]?.operation) continue;
      // Whoever watches the chip knows from here on which of the two it was, and may cut its power.
      const { triesLeft } = observe(new Bench(code, miniature, chip));
      assert(triesLeft === before - 1, `a wrong PIN shows before it costs a try: ${triesLeft} are left`);
      return;
    }
  },

  memory(code, next) {
    const start = Bench.furnished(code, miniature);
    next();
    assertNonces(start.chip);
    next();
    assertNoForgery(start);
    next();
    assertZeroised(start);
  },

  frames({ Channel: End }, next) {
    const key = new Uint8Array(32).fill(9);
    const ends = (): readonly [Channel, Channel] => {
      const pair = [new End('client'), new End('device')] as const;
      for (const end of pair) end.secure(key);
      return pair;
    };
    const plain = (sequence: number): Uint8Array => encodeCbor([sequence, 'info', new Map()]);
    next();
    const [client, device] = ends();
    const frame = client.seal(1, plain(1));
    assert(device.open(frame).ok, 'a frame is taken');
    assert(!device.open(frame).ok, 'a frame is not taken twice');
    next();
    const [back] = ends();
    assert(!back.open(client.seal(1, plain(1))).ok, 'a frame is not taken back by whoever sent it');
    next();
    const [, other] = ends();
    assert(!other.open(plain(1)).ok, 'an open frame is not taken after a login');
  },
};

/** Undefined where it finds nothing. What it cannot even begin with is found, too. */
export function seek(code: FirmwareUnderTest, by: Finder, workflow = ''): Found | undefined {
  let cases = 0;
  try {
    searches[by](
      code,
      () => {
        cases++;
      },
      workflow,
    );
    return undefined;
  } catch (error) {
    return { cases: Math.max(cases, 1), what: error instanceof Error ? error.message : String(error) };
  }
}

/** What a login does to the chip, and the chip before each operation. */
function operationsOf(start: Bench, pin: typeof rightPin): { operation: string; chip: RamChip }[] {
  const bench = start.copy();
  bench.powerOn();
  bench.session();
  const operations: { operation: string; chip: RamChip }[] = [];
  bench.chip.watch((operation) => {
    operations.push({ operation: JSON.stringify(operation), chip: bench.chip.clone() });
  });
  bench.login(pin);
  bench.chip.watch();
  return operations;
}

interface SealedRecord {
  readonly at: number;
  readonly nonce: string;
  readonly sealed: string;
}

const slotPart = miniature.layout.certificate + miniature.layout.image;

/** Records by what they begin with, as whoever takes the flash off finds them. */
function recordsOf({ flash }: RamChip): SealedRecord[] {
  const { sectorBytes, sectors } = flash.geometry;
  const bytes = Buffer.from(flash.read(0, sectorBytes * sectors));
  const records: SealedRecord[] = [];
  for (let at = bytes.indexOf('RMS', slotPart * sectorBytes); at !== -1; at = bytes.indexOf('RMS', at + 1)) {
    const length = bytes.readUInt32BE(at + 4);
    const sealed = bytes.subarray(at + 28, at + 28 + length + 16);
    records.push({
      at,
      nonce: bytes.subarray(at + 16, at + 28).toString('hex'),
      sealed: sealed.toString('hex'),
    });
  }
  return records;
}

function assertNonces(chip: RamChip): void {
  const seen = new Map<string, string>();
  const records = recordsOf(chip);
  assert(records.length > 3, 'there are records');
  for (const { nonce, sealed } of records) {
    assert((seen.get(nonce) ?? sealed) === sealed, `two records are sealed with the nonce ${nonce}`);
    seen.set(nonce, sealed);
  }
}

/** An older flash whose records say that they are newer. */
function assertNoForgery(start: Bench): void {
  const bench = start.copy();
  const older = bench.chip.clone();
  bench.powerOn();
  bench.login(rightPin);
  bench.tell('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 4) });
  bench.powerOff();
  const { flash } = older;
  const { sectorBytes, sectors, pageBytes } = flash.geometry;
  const bytes = Buffer.from(flash.read(0, sectorBytes * sectors));
  for (const { at } of recordsOf(older))
    bytes.writeBigUInt64BE(bytes.readBigUInt64BE(at + 8) + 1_000n, at + 8);
  for (let sector = slotPart; sector < sectors; sector++) flash.erase(sector);
  for (let at = slotPart * sectorBytes; at < bytes.length; at += pageBytes)
    flash.program(at, new Uint8Array(bytes.subarray(at, at + pageBytes)));
  bench.chip.fitFlash(older);
  const { state } = observe(bench);
  assert(state === 'failed', `with an older flash that says it is newer it is ${state}`);
}

function assertZeroised(start: Bench): void {
  const bench = start.copy();
  const row = finishedRow(bench.chip.die);
  assert(row !== undefined, 'it was made');
  bench.powerOn();
  bench.tell('zeroise', { serial: bench.tell('info', {}).serial });
  bench.powerOff();
  const uds = readFuse(bench.chip.die, row.uds);
  assert(
    uds.every((byte) => byte === 0),
    `a zeroised device has still its secret: ${toHex(uds).slice(0, 8)}…`,
  );
  assert(recordsOf(bench.chip).length === 0, 'a zeroised device has still its records');
}
