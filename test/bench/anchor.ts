/**
 * The anchor on a SoftHSM token and in a device: how soon a head is on the disk, alone and beside signatures, what the disk itself takes for a write, and
 * what whole appliances issue with either.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import { makeDeviceAnchor } from '../../src/appliance/device-anchor.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { makeRoleDevice } from '../../src/appliance/role-places.ts';
import type { Anchor } from '../../src/journal/anchor.ts';
import {
  issue,
  ordersPerCall,
  perSecond,
  singlesPerSecond,
  time,
  whileUp,
  withAppliance,
} from './appliance.ts';
import { median, type Row } from './figure.ts';
import { makeBenchToken } from './token.ts';

const secondsEach = 4;
const signers = 8;

const headAt = (sequence: number): AnchoredHead => ({
  sequence,
  hash: new Uint8Array(createHash('sha256').update(String(sequence)).digest()),
});

/** What each of as many steps as there is time for took, ms. */
async function timeEach(step: () => unknown): Promise<number[]> {
  const times: number[] = [];
  const until = performance.now() + secondsEach * 1_000;
  for (let begun = performance.now(); begun < until; begun = performance.now()) {
    await step();
    times.push(performance.now() - begun);
  }
  return times;
}

/** A second, and the median and the 99th percentile of each. */
function show(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const sum = times.reduce((total, ms) => total + ms, 0);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  return `${Math.round((times.length / sum) * 1_000).toLocaleString('en-US')}; ${median(times).toFixed(2)} ms, ${p99.toFixed(2)} ms`;
}

/** Signs with several callers until it is told to stop; gives signatures a second. */
function signBeside(token: TokenSigner): () => Promise<number> {
  const begunMs = performance.now();
  let going = true;
  let count = 0;
  const done = Promise.all(
    Array.from({ length: signers }, async (_, caller) => {
      for (; going; count++) await token.sign(Buffer.from(`${caller}.${count}`));
    }),
  );
  return async () => {
    going = false;
    await done;
    return (count / (performance.now() - begunMs)) * 1_000;
  };
}

/** Steps of an anchor, one after another. */
async function stepsOf(anchor: Anchor): Promise<() => Promise<void>> {
  let head = headAt(0);
  await anchor.advance(undefined, head);
  return async () => {
    const next = headAt(head.sequence + 1);
    await anchor.advance(head, next);
    head = next;
  };
}

/** A device process with its file, as a system has it. */
async function benchDevice(folder: string): Promise<number[]> {
  const home = homeAt(folder);
  mkdirSync(home.folder('quota'));
  const device = await makeRoleDevice(home, 'quota');
  try {
    return await timeEach(await stepsOf(makeDeviceAnchor(device, 'journal')));
  } finally {
    await device.close();
  }
}

const orderCalls = 12;
const loneRequests = 150;

/** Three real systems, made with these words: requests one after another, and orders by the thousand. */
async function benchSystems(what: string, ...words: string[]): Promise<Row[]> {
  return withAppliance(
    (place) =>
      whileUp(place, async (client) => {
        for (let i = 0; i < 10; i++) await issue(client, 1);
        const lone: number[] = [];
        for (let i = 0; i < loneRequests; i++) lone.push(await time(() => issue(client, 1)));
        const together = await time(() =>
          Promise.all(
            Array.from({ length: 8 }, async () => {
              for (let i = 0; i < loneRequests / 2; i++) await issue(client, 1);
            }),
          ),
        );
        const orders = await singlesPerSecond(client, orderCalls, 6);
        const rate = (value: number): string => Math.round(value).toLocaleString('en-US');
        return [
          {
            what: `requests/s of three systems, ${what}: one after another; eight at once; orders/s, ${ordersPerCall} a call`,
            figure: `${rate(perSecond(1, median(lone)))} (p50 ${median(lone).toFixed(1)} ms); ${rate(perSecond(4 * loneRequests, together))}; ${rate(orders)}`,
          },
        ];
      }),
    ...words,
  );
}

export async function benchAnchor(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-'));
  try {
    const directory = await makeBenchToken(folder);
    const file = openSync(join(folder, 'file'), 'w');
    const bare = await timeEach(() => {
      ftruncateSync(file, 0);
      writeSync(file, Buffer.alloc(700, 7), 0, 700, 0);
      fsyncSync(file);
    });
    closeSync(file);
    const inDevice = await benchDevice(folder);
    const { address, environment } = directory;
    const token = await openToken({ address, environment, signingKey: 'signing' });
    const advance = await stepsOf(token.anchor('journal'));
    const alone = await timeEach(advance);
    const signAlone = signBeside(token);
    await new Promise((resolve) => setTimeout(resolve, secondsEach * 1_000));
    const undisturbed = await signAlone();
    const signBoth = signBeside(token);
    const beside = await timeEach(advance);
    const disturbed = await signBoth();
    await token.close();
    const rate = (perSecond: number): string => Math.round(perSecond).toLocaleString('en-US');
    return [
      {
        what: 'anchored heads/s on a SoftHSM token, one after another; p50, p99 of each',
        figure: show(alone),
      },
      { what: '… in a device process (firmware-sim), its sealed store on a file', figure: show(inDevice) },
      { what: `… beside ${signers} callers that sign without a pause`, figure: show(beside) },
      {
        what: '… signatures/s of these, with and without the anchor beside them',
        figure: `${rate(disturbed)}, ${rate(undisturbed)}`,
      },
      {
        what: '… a file of as many bytes emptied, written and waited for, and nothing else',
        figure: show(bare),
      },
      ...(await benchSystems('anchors on tokens', '--anchor', 'tokens')),
      ...(await benchSystems('anchors in devices', '--anchor', 'firmware-sim')),
      ...(await benchSystems('anchors and keys in devices', '--hsm', 'firmware-sim')),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
