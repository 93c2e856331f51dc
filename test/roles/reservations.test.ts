/** Reservations through the three systems, on real tokens and real stores: kept, used, released, expired, and lied about. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import {
  decodeReservationReceipt,
  encodeReservationReceipt,
  encodeReservationRelease,
  encodeReservationRequest,
  type ReservationReceipt,
} from '../../src/records/reservation.ts';
import type { AskedReservation } from '../../src/roles/issuer-reservations.ts';
import {
  type Authorities,
  issuer,
  makeAuthorities,
  openTokens,
  otherIssuer,
  quota,
  type Tokens,
} from './authorities.ts';

const euro = { code: 'EUR', exponent: 2 };
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

describe('reservations', () => {
  let tokens: Tokens;
  let all: Authorities;
  beforeAll(async () => {
    tokens = await openTokens();
  });
  afterAll(() => tokens.close());
  beforeEach(async () => {
    all = await makeAuthorities(tokens);
  });
  afterEach(() => all.close());

  const ask = (total: bigint, changed: Partial<AskedReservation> = {}): AskedReservation => ({
    id: makeRequestId(all.clock, random),
    currency: euro,
    total,
    seconds: 3_600,
    ...changed,
  });
  const keep = async (total: bigint, changed: Partial<AskedReservation> = {}): Promise<Uint8Array> => {
    const asked = ask(total, changed);
    const receipt = await all.issuerReservations.reserve(asked);
    if (!receipt.ok) throw new Error(receipt.message);
    return asked.id;
  };
  const issue = async (value: bigint, reservation?: Uint8Array): Promise<string> => {
    const draft = encodeDraft({
      id: makeRequestId(all.clock, random),
      currency: euro,
      total: value,
      lots: [{ value, count: 1, owner: { commitment: new Uint8Array(32).fill(7) } }],
      purpose: '',
      origin: 'DE',
      destination: 'DE',
      ...(reservation === undefined ? {} : { reservation }),
    });
    const issued = await all.issuance.issue(draft);
    if (!issued.ok) return issued.code;
    return issued.value.kind === 'issued' ? 'issued' : issued.value.denial.reasons.join(', ');
  };
  const position = async () => {
    const found = await all.quotaControl.position(issuer, 'EUR');
    if (found === undefined) throw new Error('no position');
    expect(found.reserved + found.held + found.issued + found.available).toBe(found.allocated);
    return found;
  };
  const signed = (toBeSigned: Uint8Array, holder: 'issuance' | 'other'): Promise<Uint8Array> =>
    tokens.of[holder].sign(toBeSigned).then((signature) => attachSignature(toBeSigned, signature));

  it('are kept with a receipt that quota control signs, the same for ever', async () => {
    const asked = ask(50_000n);
    const receipt = await all.issuerReservations.reserve(asked);
    if (!receipt.ok) throw new Error(receipt.message);
    expect(decodeReservationReceipt(receipt.value)).toMatchObject({
      ok: true,
      value: { record: { id: asked.id, issuer, total: 50_000n } },
    });
    expect(await position()).toMatchObject({ held: 50_000n, available: quota.total - 50_000n });
    all = await all.restart();
    all.clock.advanceMs(60_000);
    expect(await all.issuerReservations.reserve(asked)).toEqual(receipt);
    expect(await all.issuerReservations.reserve({ ...asked, total: 1n })).toMatchObject({
      code: 'request_id_conflict',
    });
    expect(await position()).toMatchObject({ held: 50_000n });
    expect(await all.issuerReservations.list({ after: new Uint8Array(16), limit: 10 })).toMatchObject({
      ok: true,
      value: [{ id: asked.id, state: 'open', amount: 50_000n }],
    });
  });

  it('are used by orders that name them, to the last minor unit, and never the open quota instead', async () => {
    const id = await keep(50_000n);
    expect(await issue(30_000n, id)).toBe('issued');
    expect(await position()).toMatchObject({ held: 20_000n, issued: 30_000n });
    expect(await issue(20_001n, id)).toBe('reservation_exceeded');
    expect(await issue(20_000n, id)).toBe('issued');
    expect(await issue(1n, id)).toBe('reservation_exceeded');
    expect(await issue(1n)).toBe('issued');
    expect(await position()).toMatchObject({ held: 0n, issued: 50_001n });
  });

  it('keep their room from orders that name none, and give it back when they are released', async () => {
    const small = { total: 50_000n, dayLimit: 50_000n };
    await all.close();
    all = await makeAuthorities(tokens, { quota: small });
    const id = await keep(40_000n);
    expect(await issue(10_001n)).toBe('quota_exceeded');
    expect(await issue(5_000n, id)).toBe('issued');
    const released = await all.issuerReservations.release(id);
    expect(released).toMatchObject({ ok: true, value: { state: 'released', used: 5_000n } });
    expect(await all.issuerReservations.release(id)).toEqual(released);
    expect(await issue(1n, id)).toBe('reservation_released');
    expect(await issue(45_000n)).toBe('issued');
    expect(await position()).toMatchObject({ held: 0n, issued: 50_000n, available: 0n });
    all = await all.restart();
    expect(await position()).toMatchObject({ held: 0n, issued: 50_000n });
  });

  it('expire by the clock of the quota: nothing is issued of them then, and the room is there again', async () => {
    const id = await keep(190_000n, { seconds: 600 });
    all.clock.advanceMs(600_000);
    expect(await issue(1n, id)).toBe('reservation_expired');
    expect(await issue(50_000n)).toBe('issued');
    expect(await position()).toMatchObject({ held: 0n, issued: 50_000n });
    all = await all.restart();
    expect(await all.reservations.find(id)).toMatchObject({ state: 'expired' });
  });

  it('take orders that arrive together, each reservation in a request of its own', async () => {
    const [a, b] = [await keep(10_000n), await keep(20_000n)];
    const outcomes = await Promise.all([issue(10_000n, a), issue(20_000n, b), issue(5n), issue(1n, a)]);
    expect(outcomes.sort()).toEqual(['issued', 'issued', 'issued', 'reservation_exceeded']);
    expect(await position()).toMatchObject({ held: 0n, issued: 30_005n });
  });

  it.each([
    ['of another issuer', { issuer: otherIssuer }, 'issuer_mismatch'],
    ['with no time left', { expiresAt: -1 }, 'reservation_time_invalid'],
    ['for longer than seven days', { expiresAt: 8 * 86_400 }, 'reservation_time_invalid'],
    ['from the time to come', { issuedAt: 3_600 }, 'request_not_yet_valid'],
    ['above what is available', { total: quota.total + 1n }, 'quota_exceeded'],
  ])('are refused %s', async (_title, changed, code) => {
    const now = all.clock.nowSeconds();
    const { issuedAt = 0, expiresAt = 3_600 } = changed as { issuedAt?: number; expiresAt?: number };
    const request = {
      id: random(16),
      issuer,
      currency: euro,
      total: 1n,
      ...changed,
      // A record's own check is that it ends after it begins.
      issuedAt: now + (expiresAt < 0 ? expiresAt - 1 : issuedAt),
      expiresAt: now + Math.max(expiresAt, issuedAt + 1 > 3_600 ? issuedAt + 1 : expiresAt),
    };
    const bytes = await signed(
      encodeReservationRequest(request, tokens.of.issuance.publicKey.keyId),
      'issuance',
    );
    expect(await all.reservations.reserve(bytes, issuer)).toMatchObject({ ok: false, code });
    expect(await position()).toMatchObject({ held: 0n });
  });

  it('are of their issuer: another one neither makes, releases nor uses them', async () => {
    const id = await keep(10_000n);
    const now = all.clock.nowSeconds();
    const { keyId } = tokens.of.other.publicKey;
    const forged = await signed(
      encodeReservationRequest(
        { id: random(16), issuer, issuedAt: now, expiresAt: now + 60, currency: euro, total: 1n },
        keyId,
      ),
      'other',
    );
    expect(await all.reservations.reserve(forged, issuer)).toMatchObject({ ok: false });
    const own = await signed(
      encodeReservationRelease({ id, issuer: otherIssuer, issuedAt: now }, keyId),
      'other',
    );
    expect(await all.reservations.release(own, otherIssuer)).toMatchObject({ code: 'issuer_mismatch' });
    expect(await all.reservations.release(own, issuer)).toMatchObject({ code: 'issuer_mismatch' });
    expect(await position()).toMatchObject({ held: 10_000n });
    expect(await issue(1n, random(16))).toBe('reservation_unknown');
  });

  it('are left where the answer is lost, and the same again gets it', async () => {
    const asked = ask(10_000n);
    all = await all.restart({
      reservationPeer: (honest) => ({
        ...honest,
        async sendReservation(request) {
          await honest.sendReservation(request);
          return { ok: false, code: 'peer_unavailable', message: 'the line is down' };
        },
      }),
    });
    expect(await all.issuerReservations.reserve(asked)).toMatchObject({ code: 'peer_unavailable' });
    all = await all.restart();
    expect(await position()).toMatchObject({ held: 10_000n });
    expect(await all.issuerReservations.reserve(asked)).toMatchObject({ ok: true });
    expect(await position()).toMatchObject({ held: 10_000n });
  });

  it('are refused by issuance where quota control answers with another one', async () => {
    const other = ask(1n);
    const receipt = await all.issuerReservations.reserve(other);
    all = await all.restart({
      reservationPeer: (honest) => ({ ...honest, sendReservation: async () => receipt }),
    });
    expect(await all.issuerReservations.reserve(ask(2n))).toMatchObject({ code: 'peer_fault' });
  });

  it.each<[string, Partial<ReservationReceipt>]>([
    ['more', { total: 99n }],
    ['less', { total: 1n }],
    ['a longer time', { expiresAt: 2_000_000_000 }],
    ['another issuer', { issuer: otherIssuer }],
    ['another id', { id: new Uint8Array(16).fill(9) }],
    ['another currency', { currency: { code: 'CHF', exponent: 2 } }],
  ])(
    'are refused by issuance where quota control signs %s in answer to its very request',
    async (_, changed) => {
      const { keyId } = tokens.of.quota.publicKey;
      all = await all.restart({
        reservationPeer: (honest) => ({
          ...honest,
          async sendReservation(request) {
            const receipt = await honest.sendReservation(request);
            const decoded = decodeReservationReceipt(receipt.ok ? receipt.value : new Uint8Array());
            if (!decoded.ok) throw new Error(decoded.message);
            const other = encodeReservationReceipt({ ...decoded.value.record, ...changed }, keyId);
            return { ok: true, value: attachSignature(other, await tokens.of.quota.sign(other)) };
          },
        }),
      });
      expect(await all.issuerReservations.reserve(ask(10n))).toMatchObject({ code: 'peer_fault' });
    },
  );

  it('are not taken for released where quota control answers with another one, or one that is open', async () => {
    const id = await keep(10n);
    const other = await keep(10n);
    const open = await all.reservations.find(id);
    const another = await all.reservations.releaseAs('operator operator', other);
    if (open === undefined) throw new Error('it is kept');
    for (const answer of [another, { ok: true, value: open } as const]) {
      all = await all.restart({
        reservationPeer: (honest) => ({ ...honest, sendRelease: async () => answer }),
      });
      expect(await all.issuerReservations.release(id)).toMatchObject({ code: 'peer_fault' });
    }
    all = await all.restart();
    expect(await all.issuerReservations.release(id)).toMatchObject({
      ok: true,
      value: { state: 'released' },
    });
  });

  it('wait for their receipt where the signer fails, and get it at the next start', async () => {
    all = await all.restart({
      wrapSigner: (signer, role) =>
        role === 'quota' ? { ...signer, sign: () => Promise.reject(new Error('no HSM')) } : signer,
    });
    await expect(all.issuerReservations.reserve(ask(10_000n))).rejects.toThrow('no HSM');
    all = await all.restart();
    expect(await position()).toMatchObject({ held: 10_000n });
    expect(await all.quotaControl.finishUnsigned()).toBe(1);
    expect(await all.stores.quota.unsigned()).toEqual([]);
  });

  it('are held by quota control, whatever was approved: one that was released meanwhile is not used, nor the open quota', async () => {
    const id = await keep(10_000n);
    all = await all.restart({
      peers: (honest) => ({
        ...honest,
        async redeemCredential(presentation) {
          await all.reservations.releaseAs('operator operator', id);
          return honest.redeemCredential(presentation);
        },
      }),
    });
    expect(await issue(10_000n, id)).toBe('reservation_released');
    expect(await position()).toMatchObject({ held: 0n, reserved: 0n, issued: 0n, available: quota.total });
  });
});
