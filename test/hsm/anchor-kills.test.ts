/**
 * kill -9 of a signer process in the middle of a stream of advances, over and over: the anchor then reads as the last head that was
 * acknowledged, or as the one that was under way. Never as another one, never as none, and never as unreadable.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AnchoredHead, isSameHead } from '../../hsm/anchor.ts';
import type { TokenDirectory } from '../../hsm/token-directory.ts';
import { nightly } from '../nightly.ts';
import { type CompiledSigner, compileSigner } from './compiled-signer.ts';
import { provisionOwn, temporaryFolder } from './temporary-token.ts';

let compiled: CompiledSigner;
beforeAll(async () => {
  compiled = await compileSigner();
});
afterAll(() => compiled.remove());

const kills = nightly ? 3_000 : 120;
/** An advance takes about half a millisecond: the kills fall all over one. */
const mostDelayMs = 1.5;
/** A process that starts finds its slots, and makes those that a kill has cost: every so many are killed while they do. */
const earlyEvery = 8;

const headAt = (sequence: number, life: number): AnchoredHead => ({
  sequence,
  hash: new Uint8Array(createHash('sha256').update(`${sequence}.${life}`).digest()),
});

/** mulberry32: the same seed gives the same delays; what they hit is up to the machine. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function start({ address, environment }: TokenDirectory) {
  const child = new compiled.SignerChild({ environment }, 2);
  const call = (one: Parameters<typeof child.call>[0]): Promise<unknown> =>
    child.call(one, performance.now() + 20_000);
  await call({ name: 'open', token: address, signing: 'signing', agreement: undefined, sessions: 2 });
  const anchor = 'journal';
  return {
    read: async () => (await call({ name: 'read-anchor', anchor })) as AnchoredHead | undefined,
    advance: (from: AnchoredHead | undefined, to: AnchoredHead) =>
      call({ name: 'advance-anchor', anchor, from, to }),
    kill: async () => {
      process.kill(child.processId ?? 0, 'SIGKILL');
      await child.ended;
    },
  };
}

function emptyObjects({ path }: TokenDirectory): number {
  const tokens = join(path, 'tokens');
  return readdirSync(tokens).flatMap((token) =>
    readdirSync(join(tokens, token)).filter(
      (name) => name.endsWith('.object') && statSync(join(tokens, token, name)).size === 0,
    ),
  ).length;
}

test(
  `survives ${kills} kills in the middle of its advances`,
  async () => {
    const seed = Date.now() % 2 ** 31;
    console.log(`anchor kills: seed ${seed}`);
    const random = randomOf(seed);
    const directory = await provisionOwn(join(temporaryFolder(), 'token'));
    const outcomes = { acknowledged: 0, 'under way': 0 };
    let anchored: AnchoredHead | undefined;
    let underWay: AnchoredHead | undefined;
    for (let life = 0; life < kills; life++) {
      const signer = await start(directory);
      const read = await signer.read();
      const isUnderWay = underWay !== undefined && isSameHead(read, underWay);
      expect(read, `after ${life} kills, seed ${seed}`).toEqual(isUnderWay ? underWay : anchored);
      if (life > 0) outcomes[isUnderWay ? 'under way' : 'acknowledged']++;
      anchored = read;
      // Three advances first, as a rule: then this process has written both slots, and knows their files.
      const killAt = life % earlyEvery === 0 ? 0 : 3;
      let killed: Promise<void> | undefined;
      const killLater = async (): Promise<void> => {
        const until = performance.now() + random() * mostDelayMs * (killAt === 0 ? 8 : 1);
        while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
        await signer.kill();
      };
      for (let made = 0; ; made++) {
        if (made === killAt) killed = killLater();
        underWay = headAt((anchored?.sequence ?? -1) + 1, life);
        try {
          await signer.advance(anchored, underWay);
        } catch (error) {
          expect(error).toMatchObject({ code: 'signer_crashed' });
          break;
        }
        anchored = underWay;
      }
      await killed;
    }
    console.log(
      `anchor kills: ${kills} kills over ${anchored?.sequence} advances; read as acknowledged ${outcomes.acknowledged} times, as under way ${outcomes['under way']} times; ${emptyObjects(directory)} of the slots were left with 0 bytes`,
    );
    // Both happened, or this has not tried what it says.
    expect(outcomes.acknowledged).toBeGreaterThan(0);
    expect(outcomes['under way']).toBeGreaterThan(0);
    const last = await start(directory);
    const head = await last.read();
    await last.advance(head, headAt((head?.sequence ?? 0) + 1, -1));
    expect(await last.read()).toEqual(headAt((head?.sequence ?? 0) + 1, -1));
    await last.kill();
  },
  kills * 1_000,
);

test('goes on through kills without the caller noticing: the pool asks again', async () => {
  const { address, environment } = await provisionOwn(join(temporaryFolder(), 'token'));
  const token = await compiled.openToken({ address, environment, signingKey: 'signing' });
  try {
    const anchor = token.anchor('journal');
    await anchor.advance(undefined, headAt(0, 0));
    for (let i = 0; i < 200; i++) {
      const advanced = anchor.advance(headAt(i, 0), headAt(i + 1, 0));
      if (i % 20 === 10) process.kill(token.processIds[0] ?? 0, 'SIGKILL');
      await advanced;
    }
    expect(await anchor.read()).toEqual(headAt(200, 0));
    expect(token.health.replaced).toBeGreaterThanOrEqual(9);
  } finally {
    await token.close();
  }
});
