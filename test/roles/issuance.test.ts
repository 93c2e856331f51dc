import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { type ControlBit, decodeControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { merkleRoot } from '../../src/records/merkle.ts';
import { decodePresentation } from '../../src/records/presentation.ts';
import { decodeRequest, lotsOf, type Request, sumOrders } from '../../src/records/request.ts';
import { select } from '../../src/records/selection.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import type { IssuanceOutcome } from '../../src/roles/issuance.ts';
import { readContradiction, releaseContradiction } from '../../src/roles/serial-guard.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import {
  type Authorities,
  type AuthorityOptions,
  draft,
  issuer,
  limits,
  makeAuthorities,
  openTokens,
  otherIssuer,
  type Tokens,
} from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
beforeEach(async () => {
  authorities = await makeAuthorities(tokens);
});
afterEach(() => authorities.close());

function issued(outcome: Result<IssuanceOutcome>): IssuanceOutcome & { kind: 'issued' } {
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
  if (outcome.value.kind !== 'issued') throw new Error(`denied: ${outcome.value.denial.reasons.join()}`);
  return outcome.value;
}

function denied(outcome: Result<IssuanceOutcome>): IssuanceOutcome & { kind: 'denied' } {
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
  if (outcome.value.kind !== 'denied') throw new Error('issued');
  return outcome.value;
}

async function available(): Promise<bigint> {
  const position = await authorities.quotaControl.position(issuer, 'EUR');
  if (position === undefined) throw new Error('no position');
  return position.available;
}

describe('an issue', () => {
  it('goes through six steps, and both verifiers find the currency authentic', async () => {
    const outcome = issued(
      await authorities.issuance.issue(
        draft(
          [
            { value: 500n, count: 10 },
            { value: 20n, count: 50 },
          ],
          authorities.clock,
        ),
      ),
    );
    expect(outcome.steps.map((step) => step.step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await available()).toBe(194_000n);
    for (const verifySignature of [makeNodeVerifySignature(), verifySignatureNoble]) {
      const verified = verifyFile(outcome.files.currency, {
        bundle: tokens.bundleBytes,
        at: authorities.clock.nowSeconds(),
        verifySignature,
      });
      expect(verified).toMatchObject({ ok: true, value: { total: 6_000n, count: 60, issuer } });
    }
  });

  it('gives the same bytes for the same id, also after a restart, and takes the quota once', async () => {
    const bytes = draft([{ value: 1_000n, count: 3 }], authorities.clock);
    const first = issued(await authorities.issuance.issue(bytes));
    const second = issued(await authorities.issuance.issue(bytes));
    authorities = await authorities.restart();
    // Long after: the credential has expired, and the bytes are handed out all the same.
    authorities.clock.advanceMs(30 * 86_400_000);
    const third = issued(await authorities.issuance.issue(bytes));
    expect(second.files).toEqual(first.files);
    expect(third.files).toEqual(first.files);
    expect(await available()).toBe(197_000n);
  });

  it('gives the same bytes to many who send the same at once', async () => {
    const bytes = draft([{ value: 1_000n, count: 3 }], authorities.clock);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => authorities.issuance.issue(bytes)));
    const files = outcomes.map((outcome) => issued(outcome).files.currency);
    for (const file of files) expect(file).toEqual(files[0]);
    expect(await available()).toBe(197_000n);
  });

  it('never issues more than the quota when many ask at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, () =>
        authorities.issuance.issue(draft([{ value: 25_000n, count: 1 }], authorities.clock)),
      ),
    );
    // The day allows 120,000: four of them.
    expect(outcomes.filter((outcome) => outcome.ok && outcome.value.kind === 'issued')).toHaveLength(4);
    expect(await available()).toBe(100_000n);
  });
});

describe('a refusal consumes nothing', () => {
  afterEach(async () => {
    expect(await available()).toBe(200_000n);
  });

  it('refuses a second request with the same id and another body', async () => {
    const id = new Uint8Array(16).fill(9);
    const over = denied(
      await authorities.issuance.issue(draft([{ value: 90_000n, count: 1 }], authorities.clock, id)),
    );
    expect(over.denial.reasons).toEqual(['issuer_ceiling']);
    expect(
      await authorities.issuance.issue(draft([{ value: 100n, count: 1 }], authorities.clock, id)),
    ).toMatchObject({ ok: false, code: 'request_id_conflict' });
  });

  it('denies an amount above the quota, above the day and above the most of one request, and says what would pass', async () => {
    const outcome = denied(
      await authorities.issuance.issue(draft([{ value: 250_000n, count: 1 }], authorities.clock)),
    );
    expect(outcome.denial.reasons).toEqual([
      'quota_exceeded',
      'daily_limit',
      'request_maximum',
      'issuer_ceiling',
    ]);
    expect(outcome.denial.wouldPass).toBe(100_000n);
  });

  it('denies one cent above the confidential ceiling, and tells no number', async () => {
    const above = denied(
      await authorities.issuance.issue(draft([{ value: limits.ceiling + 1n, count: 1 }], authorities.clock)),
    );
    expect(above.denial).toMatchObject({ reasons: ['issuer_ceiling'], wouldPass: null });
  });

  it('answers a denied request with the same denial', async () => {
    const bytes = draft([{ value: 90_000n, count: 1 }], authorities.clock);
    const first = denied(await authorities.issuance.issue(bytes));
    expect(denied(await authorities.issuance.issue(bytes)).files).toEqual(first.files);
  });

  it('refuses a draft that names an owner instead of a commitment', async () => {
    const json = JSON.stringify({
      id: '01a1fb5e-91ec-7e24-80f8-b03fa9a2bb18',
      currency: 'EUR',
      total: '1.00',
      denominations: [{ value: '1.00', count: 1 }],
      owner: 'Alice',
      origin: 'DE',
      destination: 'DE',
    });
    expect(await authorities.issuance.issue(new TextEncoder().encode(json))).toMatchObject({
      ok: false,
      code: 'owner_not_committed',
      field: 'lots[0].owner',
    });
  });

  it('refuses a currency that has no quota', async () => {
    const json = JSON.stringify({
      id: '01a1fb5e-91ec-7e24-80f8-b03fa9a2bb18',
      currency: 'USD',
      total: '1.00',
      denominations: [{ value: '1.00', count: 1 }],
      owner: 'ab'.repeat(32),
      origin: 'US',
      destination: 'FR',
    });
    expect(await authorities.issuance.issue(new TextEncoder().encode(json))).toMatchObject({
      ok: false,
      code: 'quota_missing',
    });
  });
});

describe('a clock that is wrong', () => {
  const yearsMs = 10 * 365 * 86_400_000;

  it('at issuance costs nothing: no currency is signed that nobody would take, and it is once the clock is right', async () => {
    let isWrong = true;
    authorities = await authorities.restart({
      peers: (honest) => ({
        ...honest,
        async redeemCredential(presentation) {
          const answer = await honest.redeemCredential(presentation);
          if (isWrong) authorities.clock.advanceMs(yearsMs);
          return answer;
        },
      }),
    });
    const bytes = draft([{ value: 1n, count: 1 }], authorities.clock);
    expect(await authorities.issuance.issue(bytes)).toMatchObject({ ok: false, code: 'key_expired' });
    authorities.clock.advanceMs(-yearsMs);
    isWrong = false;
    const { files } = issued(await authorities.issuance.issue(bytes));
    const at = authorities.clock.nowSeconds();
    const verifySignature = makeNodeVerifySignature();
    const { bundleBytes: bundle } = tokens;
    expect(verifyFile(files.currency, { bundle, at, verifySignature })).toMatchObject({ ok: true });
    expect(await available()).toBe(199_999n);
  });

  it('refuses a day of redemption that has passed, and stores nothing of it', async () => {
    const now = authorities.clock.nowSeconds();
    const { sequence } = await authorities.stores.issuance.head();
    const bytes = draft([{ value: 1n, count: 1 }], authorities.clock, undefined, now);
    expect(await authorities.issuance.issue(bytes)).toMatchObject({
      ok: false,
      code: 'draft_field_invalid',
      field: 'redeemUntil',
    });
    expect((await authorities.stores.issuance.head()).sequence).toBe(sequence);
    authorities.clock.advanceMs(-1_000);
    issued(await authorities.issuance.issue(bytes));
  });
});

describe('limits over time', () => {
  it('issues exactly the confidential ceiling', async () => {
    issued(await authorities.issuance.issue(draft([{ value: limits.ceiling, count: 1 }], authorities.clock)));
    expect(await available()).toBe(140_000n);
  });

  it('issues exactly what is left of the day, refuses one more, and goes on the next day', async () => {
    authorities = await authorities.restart({
      limits: { requestMaximum: 10n ** 15n, ceiling: 10n ** 15n, frequencyCap: 20 },
    });
    issued(await authorities.issuance.issue(draft([{ value: 119_999n, count: 1 }], authorities.clock)));
    const over = denied(
      await authorities.issuance.issue(draft([{ value: 2n, count: 1 }], authorities.clock)),
    );
    expect(over.denial).toMatchObject({ reasons: ['daily_limit'], wouldPass: 1n });
    issued(await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)));
    authorities.clock.advanceMs(86_400_000);
    issued(await authorities.issuance.issue(draft([{ value: 80_000n, count: 1 }], authorities.clock)));
    const spent = denied(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    );
    expect(spent.denial).toMatchObject({ reasons: ['quota_exceeded'], wouldPass: null });
    expect(await available()).toBe(0n);
  });

  it('caps what several requests at once ask for as if they came one after another', async () => {
    const now = authorities.clock.nowSeconds();
    // Orders of different days of redemption are in different requests, three of which are on their way at once.
    const drafts = Array.from({ length: 3 * limits.frequencyCap }, (_, i) =>
      draft([{ value: 1n, count: 1 }], authorities.clock, undefined, now + (100 + (i % 3)) * 86_400),
    );
    const outcomes = await Promise.all(drafts.map((bytes) => authorities.issuance.issue(bytes)));
    expect(outcomes.filter((one) => one.ok && one.value.kind === 'issued')).toHaveLength(limits.frequencyCap);
  });

  it('caps how often an issuer asks, and takes a new request a minute later', async () => {
    for (let i = 0; i < limits.frequencyCap; i++)
      issued(await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)));
    const bytes = draft([{ value: 1n, count: 1 }], authorities.clock);
    expect(denied(await authorities.issuance.issue(bytes)).denial.reasons).toEqual(['frequency_cap']);
    authorities.clock.advanceMs(60_001);
    expect(denied(await authorities.issuance.issue(bytes)).denial.reasons).toEqual(['frequency_cap']);
    issued(await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)));
  });
});

describe('a quota control that lies', () => {
  it('is refused when its control bit is for another root', async () => {
    authorities = await authorities.restart({
      peers: (honest) => ({
        ...honest,
        async redeemCredential(presentation) {
          const answer = await honest.redeemCredential(presentation);
          if (!answer.ok) return answer;
          const decoded = decodeControlBit(answer.value);
          if (!decoded.ok) return decoded;
          const signer = tokens.of.quota;
          const forged = encodeControlBit(
            { ...decoded.value.record, root: new Uint8Array(32).fill(1) },
            signer.publicKey.keyId,
          );
          return { ok: true, value: attachSignature(forged, await signer.sign(forged)) };
        },
      }),
    });
    expect(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    ).toMatchObject({ ok: false, code: 'control_bit_root_mismatch' });
  });

  /** Signs another control bit than the honest one, over the units that it names, so that the roots are the same. */
  async function forge(
    presentation: Uint8Array,
    honest: Uint8Array,
    change: (bit: ControlBit, request: Request) => Partial<ControlBit>,
  ): Promise<Uint8Array> {
    const bit = decodeControlBit(honest);
    const given = decodePresentation(presentation);
    const decoded = given.ok ? decodeRequest(given.value.request) : given;
    if (!bit.ok || !given.ok || !decoded.ok) throw new Error('honest records decode');
    const request = decoded.value.record;
    const forged = { ...bit.value.record, ...change(bit.value.record, request) };
    const { currency, redeemUntil } = request;
    const lots = lotsOf(select(request.orders, forged.orders) ?? []);
    const { seed } = given.value;
    const leaves = deriveLeaves({ ...forged, currency, redeemUntil, lots, notBefore: forged.issuedAt, seed });
    const signer = tokens.of.quota;
    const toBeSigned = encodeControlBit({ ...forged, root: merkleRoot(leaves) }, signer.publicKey.keyId);
    return attachSignature(toBeSigned, await signer.sign(toBeSigned));
  }

  async function restartForging(
    change: Parameters<typeof forge>[2],
    options: Pick<AuthorityOptions, 'wrapStore'> = {},
  ): Promise<void> {
    authorities = await authorities.restart({
      ...options,
      peers: (honest) => ({
        ...honest,
        async redeemCredential(presentation) {
          const answer = await honest.redeemCredential(presentation);
          return answer.ok ? { ok: true, value: await forge(presentation, answer.value, change) } : answer;
        },
      }),
    });
  }

  it('is refused when its control bit is for an order that central management denied, among approved ones', async () => {
    await restartForging((_bit, { orders }) => ({
      orders: [{ first: 0, count: orders.length }],
      ...sumOrders(orders),
    }));
    const amounts = [1_000n, limits.ceiling + 1n];
    const outcomes = await Promise.all(
      amounts.map((value) => authorities.issuance.issue(draft([{ value, count: 1 }], authorities.clock))),
    );
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ ok: false, code: 'control_bit_order_denied' });
  });

  it.each<[string, (bit: ControlBit) => Partial<ControlBit>]>([
    ['another day of redemption', ({ redeemUntil }) => ({ redeemUntil: redeemUntil + 86_400 })],
    ['another issuer', () => ({ issuer: otherIssuer })],
  ])('is refused when its control bit names %s: no verifier would take the units', async (_title, change) => {
    await restartForging(change);
    expect(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    ).toMatchObject({ ok: false, code: 'control_bit_request_mismatch' });
  });

  it('is refused when it uses a serial twice, one after another and at once', async () => {
    await restartForging(() => ({ sequence: 7 }));
    const one = (): Uint8Array => draft([{ value: 1n, count: 1 }], authorities.clock);
    const first = one();
    const other = draft([{ value: 1n, count: 1 }], authorities.clock, undefined, 2_000_000_000);
    const outcomes = await Promise.all([first, other].map((bytes) => authorities.issuance.issue(bytes)));
    const refused = { ok: false, code: 'control_bit_serial_used' };
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expect(outcomes.filter(({ ok }) => !ok)).toMatchObject([refused]);
    expect(await authorities.issuance.issue(one())).toMatchObject(refused);
    // Whoever got it gets it for ever, and the other one nothing.
    const again = await Promise.all([first, other].map((bytes) => authorities.issuance.issue(bytes)));
    expect(again.map(({ ok }) => ok)).toEqual(outcomes.map(({ ok }) => ok));
  });

  it('is held against quota control with both control bits, through restarts, until an operator releases it', async () => {
    await restartForging(() => ({ sequence: 7 }));
    const one = (): Uint8Array => draft([{ value: 1n, count: 1 }], authorities.clock);
    const first = one();
    issued(await authorities.issuance.issue(first));
    const second = one();
    const refused = { ok: false, code: 'control_bit_serial_used' };
    expect(await authorities.issuance.issue(second)).toMatchObject(refused);
    // Restarted, and quota control is honest again: it is not forgotten, and takes no quota.
    authorities = await authorities.restart({ peers: (honest) => honest });
    const before = await available();
    expect(await authorities.issuance.issue(one())).toMatchObject(refused);
    expect(await available()).toBe(before);
    const store = authorities.stores.issuance;
    const stop = await store.stopped();
    expect(stop).toMatchObject({ by: 'issuance', reason: expect.stringContaining('under serial 1/7') });
    const proof = readContradiction(stop === undefined ? null : await store.evidenceOf(stop)) ?? [];
    const held = proof.map((bytes) => decodeControlBit(bytes));
    expect(held).toMatchObject([
      { value: { record: { sequence: 7 } } },
      { value: { record: { sequence: 7 } } },
    ]);
    const [a, b] = held.map((bit) => (bit.ok ? toHex(bit.value.record.requestId) : ''));
    expect(a).not.toBe(b);
    // Whoever had currency has it.
    issued(await authorities.issuance.issue(first));

    const { clock } = authorities;
    expect(await releaseContradiction(store, { reason: 'looked into', clock })).toEqual(stop);
    expect(await releaseContradiction(store, { reason: 'looked into', clock })).toBeUndefined();
    await restartForging(() => ({}));
    issued(await authorities.issuance.issue(one()));
    // The same proof holds up its own order, and nothing else.
    await restartForging((bit) => (bit.total === 1n ? { sequence: 7 } : {}));
    expect(await authorities.issuance.issue(second)).toMatchObject(refused);
    issued(await authorities.issuance.issue(draft([{ value: 2n, count: 1 }], authorities.clock)));
    expect(await authorities.stores.issuance.stopped()).toBeUndefined();
    // Another one stops it anew.
    expect(await authorities.issuance.issue(one())).toMatchObject(refused);
    expect(await authorities.stores.issuance.stopped()).toBeDefined();
  });

  it('takes nothing more of quota control even where the proof cannot be stored, until it is', async () => {
    await restartForging(() => ({ sequence: 7 }));
    const one = (): Uint8Array => draft([{ value: 1n, count: 1 }], authorities.clock);
    issued(await authorities.issuance.issue(one()));
    const second = one();
    await restartForging(() => ({ sequence: 7 }), {
      wrapStore: (store, role) =>
        role !== 'issuance'
          ? store
          : new Proxy(store, {
              get(target, name) {
                if (name === 'stop') return () => Promise.reject(new Error('the disk is full'));
                const method = Reflect.get(target, name) as unknown;
                return typeof method === 'function' ? method.bind(target) : method;
              },
            }),
    });
    await expect(authorities.issuance.issue(second)).rejects.toThrow('the disk is full');
    const refused = { ok: false, code: 'control_bit_serial_used' };
    expect(await authorities.issuance.issue(one())).toMatchObject(refused);
    // A crash then leaves nothing; whoever asks for the order again has it found again.
    await restartForging(() => ({ sequence: 7 }));
    expect(await authorities.stores.issuance.stopped()).toBeUndefined();
    expect(await authorities.issuance.issue(second)).toMatchObject(refused);
    expect(await authorities.stores.issuance.stopped()).toBeDefined();
  });

  it('is refused when the control bit of an earlier request comes back', async () => {
    const first = issued(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    );
    authorities = await authorities.restart({
      peers: (honest) => ({
        ...honest,
        redeemCredential: async () => ({ ok: true, value: first.files.controlBit }),
      }),
    });
    expect(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    ).toMatchObject({ ok: false, code: 'control_bit_request_mismatch' });
  });

  it('is refused when a request comes back in the place of the control bit', async () => {
    const first = issued(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    );
    authorities = await authorities.restart({
      peers: (honest) => ({
        ...honest,
        redeemCredential: async () => ({ ok: true, value: first.files.request ?? new Uint8Array() }),
      }),
    });
    expect(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    ).toMatchObject({ ok: false, code: 'record_type_mismatch' });
  });

  it('is refused when the control bit is signed by another role', async () => {
    authorities = await authorities.restart({
      peers: (honest) => ({
        ...honest,
        async redeemCredential(presentation) {
          const answer = await honest.redeemCredential(presentation);
          const decoded = answer.ok ? decodeControlBit(answer.value) : answer;
          if (!decoded.ok) return decoded;
          const signer = tokens.of.central;
          const forged = encodeControlBit(decoded.value.record, signer.publicKey.keyId);
          return { ok: true, value: attachSignature(forged, await signer.sign(forged)) };
        },
      }),
    });
    expect(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    ).toMatchObject({ ok: false, code: 'key_unknown' });
  });
});
