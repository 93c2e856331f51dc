/** The anchor on a SoftHSM token: how soon a head is on the disk, alone and beside signatures, and what the disk itself takes for a write. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
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
    const { address, environment } = directory;
    const token = await openToken({ address, environment, signingKey: 'signing' });
    const anchor = token.anchor('journal');
    let head = headAt(0);
    await anchor.advance(undefined, head);
    const advance = async (): Promise<void> => {
      const next = headAt(head.sequence + 1);
      await anchor.advance(head, next);
      head = next;
    };
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
      { what: `… beside ${signers} callers that sign without a pause`, figure: show(beside) },
      {
        what: '… signatures/s of these, with and without the anchor beside them',
        figure: `${rate(disturbed)}, ${rate(undisturbed)}`,
      },
      {
        what: '… a file of as many bytes emptied, written and waited for, and nothing else',
        figure: show(bare),
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
