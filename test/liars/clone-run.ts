/** One run of two copies under load, until a witness has halted one of them: what was authentic by then, and how long it took. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { Broken } from '../crash/auditor.ts';
import { drawFrom } from '../crash/draw.ts';
import { issuer } from '../roles/authorities.ts';
import { type Copy, makeQuotaToken, openCopy, quotaOwner } from './clones.ts';
import type { Code } from './code.ts';
import { House } from './house.ts';
import { openKeys } from './keys.ts';
import { Observer } from './observer.ts';

export const allocated = 1_000n;

export interface CloneRun {
  /** Σ of what verifies, and of what each copy took from its own quota. */
  readonly authentic: bigint;
  readonly taken: readonly [bigint, bigint];
  /** From the first order on, until a copy was halted, and until both were; `null` where that did not happen. */
  readonly firstHaltMs: number | null;
  readonly secondHaltMs: number | null;
  /** Orders that were refused since the other copy had used the serial. */
  readonly usedSerials: number;
}

/** `patienceMs`: how long it goes on at most. */
export async function runClones(code: Code, seed: string, patienceMs = 8_000): Promise<CloneRun> {
  const draw = drawFrom(seed);
  const token = await makeQuotaToken();
  const first = await token.open('first');
  const keys = await openKeys('memory', first);
  const house = new House({ code, keys, draw, allocated, dayLimit: allocated });
  const copies: Copy[] = [];
  const tokens = [];
  try {
    for (const role of ['central', 'issuance', 'quota'] as const) await house.open(role);
    await first.anchor('journal').advance(undefined, await house.store('quota').head());
    await house.close('quota');
    await first.close();
    token.copy();
    const paths = [house.pathOf('quota'), join(token.folder, 'second.db')] as const;
    copyFileSync(paths[0], paths[1]);
    const parts = { clock: house.clock, keys: house.keyRing };
    const issuanceWitness = await code.makeWitness({ ...parts, store: house.store('issuance') });
    const centralWitness = await code.makeWitness({ ...parts, store: house.store('central') });
    const witnesses = [
      ['central', centralWitness],
      ['issuance', issuanceWitness],
    ] as const;
    for (const [place, which] of (['first', 'second'] as const).entries()) {
      const opened = await token.open(which);
      tokens.push(opened);
      const path = paths[place] ?? '';
      copies.push(await openCopy({ code, keys, token: opened, path, clock: house.clock, witnesses }));
    }
    const [a, b] = copies as [Copy, Copy];
    const either = (): Copy => (draw.chance(50) ? a : b);
    const central = house.makeCentral({
      quotaPositions: async () => succeed(await either().quotaControl.positions()),
      quotaChanges: async () => succeed([]),
      lastWords: async (_, ids, close) => succeed(await issuance.closings.lastWords(ids, close)),
    });
    const issuance = house.makeIssuance('issuance', {
      submitRequest: (bytes) => central.submit(bytes, issuer),
      async redeemCredential(bytes): Promise<Result<Uint8Array>> {
        const checked = issuanceWitness.check(quotaOwner);
        if (!checked.ok) return checked;
        // A system that is halted throws; its API answers with the code.
        return either()
          .quotaControl.redeem(bytes, issuer)
          .catch((error: { code?: string }) => {
            if (error.code === undefined) throw error;
            return refuse(error.code, 'halted');
          });
      },
    });
    const observer = new Observer({ code, keys, clock: house.clock });
    let usedSerials = 0;
    const order = async (): Promise<void> => {
      const value = BigInt(1 + draw.below(draw.chance(50) ? 10 : 400));
      const got = await issuance.issue(
        encodeDraft({
          id: makeRequestId(house.clock, (length) => draw.bytes(length)),
          currency: { code: 'EUR', exponent: 2 },
          total: value,
          lots: [{ value, count: 1, owner: { commitment: draw.bytes(32) } }],
          purpose: 'clones',
          origin: 'DE',
          destination: 'DE',
        }),
      );
      if (!got.ok && got.code === 'control_bit_serial_used') usedSerials++;
      if (!got.ok || got.value.kind === 'denied') return;
      const judged = observer.judge(got.value.files.currency);
      if (judged !== 'authentic') throw new Broken(`authentic: a caller got what is ${judged}`);
    };
    const startedMs = performance.now();
    for (;;) {
      await order();
      // Each answers between two orders, and its heads are shown.
      await new Promise((resolve) => setTimeout(resolve, 1));
      const nowMs = performance.now();
      const first = a.halted ?? b.halted;
      const both = a.halted !== undefined && b.halted !== undefined;
      // Where issuance has seen the contradiction it works with neither, and the other one has nothing to show.
      if (both || nowMs - startedMs > patienceMs || (first !== undefined && nowMs - first.ms > 1_500)) break;
    }
    const halts = copies
      .flatMap(({ halted }) => (halted === undefined ? [] : halted.ms - startedMs))
      .sort((x, y) => x - y);
    return {
      authentic: observer.total(),
      taken: [await takenOf(a), await takenOf(b)],
      firstHaltMs: halts[0] ?? null,
      secondHaltMs: halts[1] ?? null,
      usedSerials,
    };
  } finally {
    for (const copy of copies) await copy.close();
    for (const one of tokens) await one.close();
    await house.remove();
    token.remove();
  }
}

async function takenOf({ store }: Copy): Promise<bigint> {
  const position = await store.position(issuer, 'EUR', 0);
  return (position?.issued ?? 0n) + (position?.reserved ?? 0n);
}
