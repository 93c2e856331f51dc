/** The records of reservations, what a caller asks for, and the draft that names one: accepted, refused, and at the edge. */
import { describe, expect, it } from 'vitest';
import { attachSignature } from '../../src/records/cose.ts';
import { decodeDraft, encodeDraft } from '../../src/records/draft.ts';
import { formatUuid } from '../../src/records/request-id.ts';
import {
  decodeReservationReceipt,
  decodeReservationRelease,
  decodeReservationRequest,
  encodeReservationReceipt,
  encodeReservationRelease,
  encodeReservationRequest,
} from '../../src/records/reservation.ts';
import {
  decodeReservationDraft,
  decodeReservationId,
  encodeReservationDraft,
  encodeReservationId,
} from '../../src/records/reservation-draft.ts';
import { inspectSigned } from '../../src/records/signed-inspection.ts';
import { bytes } from '../store/intents.ts';

const keyId = bytes(32, 'key');
const signed = (toBeSigned: Uint8Array): Uint8Array => attachSignature(toBeSigned, bytes(64, 'signature'));
const id = bytes(16, 'id');
const request = {
  id,
  issuer: 'demo-issuer',
  issuedAt: 1_000,
  expiresAt: 2_000,
  currency: { code: 'EUR', exponent: 2 },
  total: 5_000n,
};
const receipt = { ...request, requestHash: bytes(32, 'request') };
const release = { id, issuer: 'demo-issuer', issuedAt: 1_500 };

const all = [
  ['request', signed(encodeReservationRequest(request, keyId)), decodeReservationRequest, request],
  ['receipt', signed(encodeReservationReceipt(receipt, keyId)), decodeReservationReceipt, receipt],
  ['release', signed(encodeReservationRelease(release, keyId)), decodeReservationRelease, release],
] as const;

describe('the records of a reservation', () => {
  it.each(all)('come back as they were: the %s', (name, encoded, decode, record) => {
    expect(decode(encoded)).toMatchObject({ ok: true, value: { record, keyId } });
    expect(inspectSigned(encoded)).toMatchObject({ ok: true });
    for (const [other, , decodeOther] of all)
      if (other !== name)
        expect(decodeOther(encoded)).toMatchObject({ ok: false, code: 'record_type_mismatch' });
  });

  it('end after they begin', () => {
    const never = signed(encodeReservationRequest({ ...request, expiresAt: 1_000 }, keyId));
    expect(decodeReservationRequest(never)).toMatchObject({ code: 'record_malformed', field: 'expiresAt' });
  });
});

describe('what a caller asks for', () => {
  const asked = { id, currency: request.currency, total: 5_000n, seconds: 60 };
  const json = (changed: object): Uint8Array =>
    new TextEncoder().encode(
      JSON.stringify({ id: formatUuid(id), currency: 'EUR', total: '50.00', seconds: 60, ...changed }),
    );

  it('comes back as it was, and lasts a day where nothing is said', () => {
    expect(decodeReservationDraft(encodeReservationDraft(asked))).toEqual({ ok: true, value: asked });
    expect(decodeReservationDraft(json({ seconds: undefined }))).toMatchObject({
      value: { seconds: 86_400 },
    });
    expect(decodeReservationDraft(json({ seconds: 7 * 86_400 }))).toMatchObject({ ok: true });
    expect(decodeReservationId(encodeReservationId(id))).toEqual({ ok: true, value: id });
  });

  it.each([
    ['no id', { id: undefined }, 'draft_field_missing'],
    ['an id that is none', { id: 'x' }, 'draft_field_invalid'],
    ['a number for an amount', { total: 50 }, 'amount_malformed'],
    ['no amount', { total: '0.00' }, 'amount_not_positive'],
    ['an unknown currency', { currency: 'XXY' }, 'currency_unknown'],
    ['no time', { seconds: 0 }, 'draft_field_invalid'],
    ['more than seven days', { seconds: 7 * 86_400 + 1 }, 'draft_field_invalid'],
    ['a part of a second', { seconds: 1.5 }, 'draft_field_invalid'],
    ['what is not known', { hours: 1 }, 'draft_field_unknown'],
  ])('is refused with %s', (_title, changed, code) => {
    expect(decodeReservationDraft(json(changed))).toMatchObject({ ok: false, code });
  });

  it.each([
    ['no JSON', '{', 'draft_not_json'],
    ['a field twice', '{"id":"a","id":"b"}', 'draft_field_repeated'],
    ['no object', '[]', 'draft_field_invalid'],
  ])('is refused as %s', (_title, text, code) => {
    expect(decodeReservationDraft(new TextEncoder().encode(text))).toMatchObject({ ok: false, code });
  });
});

describe('a draft that names a reservation', () => {
  const draft = {
    id,
    currency: request.currency,
    total: 500n,
    lots: [{ value: 500n, count: 1, owner: { commitment: bytes(32, 'owner') } }],
    purpose: '',
    origin: 'DE',
    destination: 'DE',
  };

  it('has one item more, and without one the bytes that it always had', () => {
    const plain = encodeDraft(draft);
    const named = encodeDraft({ ...draft, reservation: id });
    expect([plain[0], named[0]]).toEqual([0x8a, 0x8b]);
    expect(named.slice(1, plain.length)).toEqual(plain.slice(1));
    expect(decodeDraft(named)).toMatchObject({ ok: true, value: { reservation: id } });
    expect(decodeDraft(plain)).toMatchObject({ ok: true, value: { reservation: undefined } });
    expect(decodeDraft(named.slice(0, -1))).toMatchObject({ ok: false });
    expect(decodeDraft(encodeDraft({ ...draft, reservation: id.slice(1) }))).toMatchObject({
      ok: false,
      code: 'record_malformed',
    });
  });
});
