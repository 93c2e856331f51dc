/**
 * A power cut at every call to a store and every signature of one issue, on real SQLite and real tokens:
 * the process is gone from there on, the databases are opened again, and the caller sends the same again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Signer } from '../../hsm/signer.ts';
import type { Anchor } from '../../src/journal/anchor.ts';
import type { IssuancePeers } from '../../src/roles/issuance.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import {
  type Authorities,
  draft,
  issuer,
  makeAuthorities,
  openTokens,
  type Tokens,
} from '../roles/authorities.ts';
import { passThrough } from './power.ts';

let tokens: Tokens;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());

class Cut extends Error {}

/** Counts calls; the one numbered `at` is cut before it runs or after it ran, and every later one is cut too. */
class Power {
  calls = 0;
  /** From here on calls count: a start makes some of its own. */
  armed = false;
  private off = false;
  private readonly at: number;
  private readonly when: 'before' | 'after';

  constructor(at: number, when: 'before' | 'after') {
    this.at = at;
    this.when = when;
  }

  async spend<T>(call: () => Promise<T>): Promise<T> {
    if (!this.armed) return call();
    if (this.off) throw new Cut('the power is off');
    this.calls++;
    if (this.calls !== this.at) return call();
    this.off = true;
    if (this.when === 'after') await call();
    throw new Cut('the power went off');
  }

  store(store: Store): Store {
    return passThrough(store, (call) => this.spend(call));
  }

  anchor(anchor: Anchor): Anchor {
    return {
      read: () => this.spend(() => anchor.read()),
      advance: (from, to) => this.spend(() => anchor.advance(from, to)),
    };
  }

  signer(signer: Signer): Signer {
    return { ...signer, sign: (message, request) => this.spend(() => signer.sign(message, request)) };
  }

  peers(peers: IssuancePeers): IssuancePeers {
    return {
      submitRequest: (request) => this.spend(() => peers.submitRequest(request)),
      redeemCredential: (presentation) => this.spend(() => peers.redeemCredential(presentation)),
    };
  }
}

async function issueWith(authorities: Authorities, power: Power, bytes: Uint8Array): Promise<Authorities> {
  const cut = await authorities.restart({
    wrapStore: (store) => power.store(store),
    wrapSigner: (signer) => power.signer(signer),
    wrapAnchor: (anchor) => power.anchor(anchor),
    peers: (peers) => power.peers(peers),
  });
  power.armed = true;
  await expect(cut.issuance.issue(bytes)).rejects.toBeInstanceOf(Cut);
  return cut.restart();
}

/** Σ issued + reserved of quota control, and what its journal holds. */
async function taken(authorities: Authorities): Promise<{ used: bigint; controlBits: number }> {
  const position = await authorities.quotaControl.position(issuer, 'EUR');
  if (position === undefined) throw new Error('no position');
  const { sequence } = await authorities.stores.quota.head();
  return { used: position.allocated - position.available, controlBits: sequence - 2 };
}

async function countCalls(
  asked = (authorities: Authorities) => draft([{ value: 100n, count: 7 }], authorities.clock),
): Promise<number> {
  const power = new Power(0, 'before');
  let authorities = await makeAuthorities(tokens);
  authorities = await authorities.restart({
    wrapStore: (store) => power.store(store),
    wrapSigner: (signer) => power.signer(signer),
    wrapAnchor: (anchor) => power.anchor(anchor),
    peers: (peers) => power.peers(peers),
  });
  power.armed = true;
  await authorities.issuance.issue(asked(authorities));
  power.armed = false;
  await authorities.close();
  return power.calls;
}

describe('a power cut anywhere in an issue', () => {
  for (const when of ['before', 'after'] as const) {
    it(`${when} any call: the retry issues once, and the quota falls once`, async () => {
      const calls = await countCalls();
      expect(calls).toBeGreaterThan(15);
      for (let at = 1; at <= calls; at++) {
        let authorities = await makeAuthorities(tokens);
        const bytes = draft([{ value: 100n, count: 7 }], authorities.clock);
        authorities = await issueWith(authorities, new Power(at, when), bytes);
        const left = await taken(authorities);
        expect([0n, 700n], `cut ${when} call ${at}`).toContain(left.used);
        expect(left.controlBits, `cut ${when} call ${at}`).toBe(left.used === 0n ? 0 : 1);
        if (at % 2 === 0) {
          // Half of the time the next start finishes what is left, half of the time the retry does.
          for (const role of [authorities.central, authorities.quotaControl, authorities.issuance])
            await role.finishUnsigned();
        }
        const outcome = await authorities.issuance.issue(bytes);
        if (!outcome.ok || outcome.value.kind !== 'issued')
          throw new Error(`cut ${when} call ${at}: not issued`);
        const verified = verifyFile(outcome.value.files.currency, {
          bundle: tokens.bundleBytes,
          at: authorities.clock.nowSeconds(),
          verifySignature: makeNodeVerifySignature(),
        });
        expect(verified, `cut ${when} call ${at}`).toMatchObject({
          ok: true,
          value: { total: 700n, count: 7 },
        });
        expect(await taken(authorities), `cut ${when} call ${at}`).toEqual({ used: 700n, controlBits: 1 });
        expect(await authorities.stores.quota.unsigned()).toEqual([]);
        await authorities.close();
      }
    });
  }

  it('of which all orders are denied: the caller has the denial in the end, and quota control was not asked', async () => {
    const asked = (authorities: Authorities) => draft([{ value: 90_000n, count: 1 }], authorities.clock);
    const calls = await countCalls(asked);
    for (let at = 1; at <= calls; at++) {
      let authorities = await makeAuthorities(tokens);
      const bytes = asked(authorities);
      authorities = await issueWith(authorities, new Power(at, at % 2 === 0 ? 'before' : 'after'), bytes);
      if (at % 3 === 0)
        for (const role of [authorities.central, authorities.issuance]) await role.finishUnsigned();
      const outcome = await authorities.issuance.issue(bytes);
      expect(outcome, `call ${at}`).toMatchObject({ ok: true, value: { kind: 'denied' } });
      const [request] = await authorities.stores.issuance.reads().intentsAfter('request', 0, 2);
      const kept = await authorities.stores.issuance.findIntent('denial', request?.id ?? new Uint8Array(16));
      expect(kept?.signed, `call ${at}`).toEqual(kept?.context);
      expect(await authorities.stores.issuance.unsigned(), `call ${at}`).toEqual([]);
      expect(await taken(authorities)).toEqual({ used: 0n, controlBits: 0 });
      await authorities.close();
    }
  });

  it('before the reservation, and never retried: nothing is taken; after it: the quota is lost, and nothing is issued', async () => {
    const calls = await countCalls();
    const ends = new Set<string>();
    for (let at = 1; at <= calls; at++) {
      let authorities = await makeAuthorities(tokens);
      authorities = await issueWith(
        authorities,
        new Power(at, 'after'),
        draft([{ value: 100n, count: 7 }], authorities.clock),
      );
      const { used } = await taken(authorities);
      const position = await authorities.quotaControl.position(issuer, 'EUR');
      ends.add(`used ${used} reserved ${position?.reserved}`);
      await authorities.close();
    }
    expect([...ends].sort()).toEqual(['used 0 reserved 0', 'used 700 reserved 0', 'used 700 reserved 700']);
  });

  it('between a commit and its signature, and the key is revoked before the retry: the quota is lost, nothing is issued, and the role starts', async () => {
    for (const cut of ['central', 'quota', 'issuance'] as const) {
      let authorities = await makeAuthorities(tokens);
      const bytes = draft([{ value: 100n, count: 7 }], authorities.clock);
      const failing = { sign: () => Promise.reject(new Cut('the power went off')) };
      authorities = await authorities.restart({
        wrapSigner: (signer, role) => (role === cut ? { ...signer, ...failing } : signer),
      });
      await expect(authorities.issuance.issue(bytes)).rejects.toBeInstanceOf(Cut);
      const revoked = { holds: () => false, sign: () => Promise.reject(new Error('the key is revoked')) };
      authorities = await authorities.restart({
        wrapSigner: (signer, role) => (role === cut ? { ...signer, ...revoked } : signer),
      });
      for (const role of [authorities.central, authorities.quotaControl, authorities.issuance])
        expect(await role.finishUnsigned()).toBe(0);
      expect(await authorities.stores[cut].unsigned()).toHaveLength(1);
      await expect(authorities.issuance.issue(bytes)).rejects.toThrow('the key is revoked');
      expect((await taken(authorities)).used).toBe(cut === 'quota' ? 700n : 0n);
      await authorities.close();
    }
  });
});
