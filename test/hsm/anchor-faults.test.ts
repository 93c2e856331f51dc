/**
 * A module that fails, lies, hangs or crashes in a call of an advance: the step is then made, or refused with a SignerError; asked
 * again it is made; and what is anchored is always the head before or the one that was asked for.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import { nightly } from '../nightly.ts';
import { type CompiledSigner, compileSigner } from './compiled-signer.ts';
import { FaultShim, type LoggedCall, shimObstacle } from './fault-shim.ts';
import { provisionOwn, softhsm, temporaryFolder } from './temporary-token.ts';

const obstacle = shimObstacle();
if (obstacle !== undefined) console.warn(`SKIPPED: faults in an advance are not tried, since ${obstacle}`);
let compiled: CompiledSigner;
beforeAll(async () => {
  compiled = await compileSigner();
});
afterAll(() => compiled.remove());

const headAt = (sequence: number): AnchoredHead => ({
  sequence,
  hash: new Uint8Array(createHash('sha256').update(String(sequence)).digest()),
});

const faults = [
  'answer CKR_GENERAL_ERROR',
  'answer CKR_FUNCTION_FAILED',
  'answer CKR_DEVICE_REMOVED',
  'answer CKR_SESSION_HANDLE_INVALID',
  'answer CKR_USER_NOT_LOGGED_IN',
  'answer CKR_OBJECT_HANDLE_INVALID',
  'answer CKR_ATTRIBUTE_VALUE_INVALID',
  'after answer CKR_GENERAL_ERROR',
  'nothing',
  'delay 300',
  'crash kill',
  'after crash kill',
  'after hang',
];

/** Which call of an advance it is: the n-th of its function in a process that has signed its canary. */
const places: readonly (readonly [call: string, nth: number, first: boolean])[] = [
  ['C_FindObjectsInit', 1, false],
  ['C_FindObjects', 1, false],
  ['C_GetAttributeValue', 1, false],
  ['C_GetAttributeValue', 4, false],
  ['C_SetAttributeValue', 1, false],
  ['C_SetAttributeValue', 2, false],
  ['C_CreateObject', 1, true],
  ['C_CreateObject', 2, true],
];

/** Asks again for as long as a busy machine, or the breaker after a fault, lets nothing through. */
async function persist<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 60 || (error as Error).name !== 'SignerError') throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** How often the function had been called by the end of this log, or of the one before. */
function lastCount(log: readonly LoggedCall[], call: string, before: number): number {
  return Math.max(before, ...log.filter(({ name }) => name === call).map(({ count }) => count));
}

test.skipIf(obstacle !== undefined).each(places.map((one, place) => [...one, place] as const))(
  'a fault in %s number %i of a process costs no head, and makes none up',
  async (call, nth, isFirst, place) => {
    const folder = temporaryFolder();
    const { address, environment } = await provisionOwn(join(folder, 'token'));
    const shim = new FaultShim(join(folder, 'shim'), softhsm);
    const open = async (): Promise<TokenSigner> => {
      const token = await compiled.openToken({
        address: { ...address, module: shim.module },
        environment,
        signingKey: 'signing',
        sessions: 2,
        timeoutMs: 3_000,
        startTimeoutMs: 10_000,
      });
      onTestFinished(() => token.close());
      return token;
    };
    // An anchor for each fault, which a process before has made, unless it is the making that fails.
    const nameOf = (at: number): string => `journal-${at}`;
    let counted = 0;
    let token = await persist(open);
    for (const [at, fault] of faults.entries()) {
      // Every other one, and at the next place the others; at night all.
      if (!nightly && (at + place) % 2 === 1) continue;
      let head: AnchoredHead | undefined;
      if (!isFirst) {
        head = headAt(0);
        const first = head;
        await persist(() => token.anchor(nameOf(at)).advance(undefined, first));
      }
      await token.close();
      token = await persist(open);
      const anchor = token.anchor(nameOf(at));
      counted = lastCount(shim.readLog(), call, counted);
      shim.plan([`${call} ${counted + nth} ${fault}`]);
      for (let step = (head?.sequence ?? -1) + 1; step <= 3; step++) {
        const to = headAt(step);
        for (let tries = 0; ; tries++) {
          try {
            await anchor.advance(head, to);
            break;
          } catch (error) {
            expect(error, fault).toMatchObject({ name: 'SignerError' });
            // The breaker lets nothing through for a while.
            expect(tries, fault).toBeLessThan(60);
            await new Promise((resolve) => setTimeout(resolve, 100));
            const now = await anchor.read().catch((thrown: unknown) => thrown);
            if (!(now instanceof Error)) expect([head, to], fault).toContainEqual(now);
          }
        }
        head = to;
        expect(await persist(() => anchor.read()), fault).toEqual(to);
      }
      await token.close();
      const log = shim.readLog();
      counted = lastCount(log, call, counted);
      expect(
        log.some((one) => one.fault !== undefined),
        fault,
      ).toBe(true);
      // Told by a process that saw nothing of this.
      token = await persist(open);
      expect(await persist(() => token.anchor(nameOf(at)).read()), fault).toEqual(headAt(3));
    }
  },
  faults.length * 10_000,
);
