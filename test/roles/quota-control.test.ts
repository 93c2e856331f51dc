import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kit/bytes.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { type Credential, encodeCredential } from '../../src/records/credential.ts';
import { encodeDenial } from '../../src/records/denial.ts';
import { encryptedCredentialType, encryptTo } from '../../src/records/encryption.ts';
import { encodePresentation } from '../../src/records/presentation.ts';
import { encodeRequest, type Order, type Request } from '../../src/records/request.ts';
import {
  type Authorities,
  issuer,
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

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

function orderOf(value: bigint, count = 1): Order {
  const lots = [{ value, count, owner: new Uint8Array(32) }];
  return { id: random(16), lots, purpose: 'test', origin: 'DE', destination: 'DE' };
}

/** A request and its credential, made with the real keys, and changed in the way that a test is about. */
async function makePresentation(changed: {
  request?: Partial<Request>;
  credential?: Partial<Credential>;
  seed?: Uint8Array;
  signRequest?: 'issuance' | 'other';
  signCredential?: 'central' | 'issuance';
  alterSealed?: (sealed: Uint8Array) => Uint8Array;
  alterSigned?: (signed: Uint8Array) => Uint8Array;
}): Promise<Uint8Array> {
  const now = authorities.clock.nowSeconds();
  const request: Request = {
    id: random(16),
    issuer,
    issuedAt: now,
    expiresAt: now + 600,
    currency: { code: 'EUR', exponent: 2 },
    total: 5_000n,
    orders: [orderOf(500n, 10)],
    redeemUntil: now + 86_400,
    ...changed.request,
  };
  const requestSigner = tokens.of[changed.signRequest ?? 'issuance'];
  const requestToSign = encodeRequest(request, requestSigner.publicKey.keyId);
  const requestBytes = attachSignature(requestToSign, await requestSigner.sign(requestToSign));
  const credential: Credential = {
    id: random(16),
    issuer: request.issuer,
    issuedAt: now,
    expiresAt: now + 300,
    requestHash: sha256(requestBytes),
    currency: request.currency,
    approved: [{ first: 0, count: request.orders.length }],
    total: request.total,
    buckets: ['day', 'total'],
    ruleSet: { version: 1, hash: new Uint8Array(32) },
    traceHash: new Uint8Array(32),
    ...changed.credential,
  };
  const signer = tokens.of[changed.signCredential ?? 'central'];
  const toBeSigned = encodeCredential(credential, signer.publicKey.keyId);
  const signed = attachSignature(toBeSigned, await signer.sign(toBeSigned));
  const agreement = tokens.of.quota.agreement?.publicKey;
  if (agreement === undefined) throw new Error('the quota token has an agreement key');
  const sealed = await encryptTo(
    agreement,
    changed.alterSigned?.(signed) ?? signed,
    encryptedCredentialType,
    random,
  );
  return encodePresentation({
    credential: changed.alterSealed?.(sealed) ?? sealed,
    request: requestBytes,
    seed: changed.seed ?? random(32),
  });
}

async function used(name = issuer): Promise<bigint | undefined> {
  const position = await authorities.quotaControl.position(name, 'EUR');
  return position === undefined ? undefined : position.allocated - position.available;
}

describe('quota control', () => {
  it('redeems a credential once, and gives the same bytes when the same is presented again', async () => {
    const presentation = await makePresentation({});
    const first = await authorities.quotaControl.redeem(presentation, issuer);
    expect(first).toMatchObject({ ok: true });
    expect(await authorities.quotaControl.redeem(presentation, issuer)).toEqual(first);
    expect(await used()).toBe(5_000n);
  });

  it('refuses the same request presented with other content', async () => {
    const id = random(16);
    expect(
      await authorities.quotaControl.redeem(await makePresentation({ request: { id } }), issuer),
    ).toMatchObject({ ok: true });
    expect(
      await authorities.quotaControl.redeem(await makePresentation({ request: { id } }), issuer),
    ).toMatchObject({ ok: false, code: 'request_id_conflict' });
    expect(await used()).toBe(5_000n);
  });

  it('refuses a credential that another request has used up', async () => {
    const id = random(16);
    expect(
      await authorities.quotaControl.redeem(await makePresentation({ credential: { id } }), issuer),
    ).toMatchObject({ ok: true });
    expect(
      await authorities.quotaControl.redeem(await makePresentation({ credential: { id } }), issuer),
    ).toMatchObject({ ok: false, code: 'credential_spent' });
    expect(await used()).toBe(5_000n);
  });

  it('takes a credential up to its last second and refuses it from then on', async () => {
    const last = await makePresentation({});
    const late = await makePresentation({});
    authorities.clock.advanceMs(299_000);
    expect(await authorities.quotaControl.redeem(last, issuer)).toMatchObject({ ok: true });
    authorities.clock.advanceMs(1_000);
    expect(await authorities.quotaControl.redeem(late, issuer)).toMatchObject({
      ok: false,
      code: 'credential_expired',
    });
  });

  it('takes a credential that is a minute ahead and refuses one that is a second more, before it takes anything', async () => {
    const now = authorities.clock.nowSeconds();
    const early = await makePresentation({ credential: { issuedAt: now + 61, expiresAt: now + 361 } });
    const ahead = await makePresentation({ credential: { issuedAt: now + 60, expiresAt: now + 360 } });
    expect(await authorities.quotaControl.redeem(early, issuer)).toMatchObject({
      ok: false,
      code: 'credential_not_yet_valid',
    });
    expect(await used()).toBe(0n);
    expect(await authorities.quotaControl.redeem(ahead, issuer)).toMatchObject({ ok: true });
    authorities.clock.advanceMs(1_000);
    expect(await authorities.quotaControl.redeem(early, issuer)).toMatchObject({ ok: true });
  });

  it('takes the quota to the last cent and refuses one more', async () => {
    expect(
      await authorities.quotaControl.redeem(
        await makePresentation({ request: { orders: [orderOf(120_000n)], total: 120_000n } }),
        issuer,
      ),
    ).toMatchObject({ ok: true });
    const more = { orders: [orderOf(1n)], total: 1n };
    expect(
      await authorities.quotaControl.redeem(await makePresentation({ request: more }), issuer),
    ).toMatchObject({ ok: false, code: 'daily_limit' });
    authorities.clock.advanceMs(86_400_000);
    const rest = { orders: [orderOf(80_001n)], total: 80_001n };
    expect(
      await authorities.quotaControl.redeem(await makePresentation({ request: rest }), issuer),
    ).toMatchObject({ ok: false, code: 'quota_exceeded' });
    expect(await used()).toBe(120_000n);
  });
});

describe('refused, and nothing is consumed:', () => {
  const cases: { title: string; code: string; make: () => Promise<Uint8Array>; peer?: string }[] = [
    {
      title: 'a credential that another issuer presents',
      code: 'issuer_mismatch',
      make: () => makePresentation({}),
      peer: otherIssuer,
    },
    {
      title: "a credential of another issuer with a request of one's own",
      code: 'issuer_mismatch',
      make: () => makePresentation({ credential: { issuer: otherIssuer } }),
    },
    {
      title: 'a request that another issuer signed',
      code: 'key_unknown',
      make: () => makePresentation({ signRequest: 'other' }),
    },
    {
      title: 'a credential for another request',
      code: 'credential_request_mismatch',
      make: () => makePresentation({ credential: { requestHash: new Uint8Array(32) } }),
    },
    {
      title: 'a credential over another amount',
      code: 'credential_request_mismatch',
      make: () => makePresentation({ credential: { total: 6_000n } }),
    },
    {
      title: 'a credential in another currency',
      code: 'credential_request_mismatch',
      make: () => makePresentation({ credential: { currency: { code: 'USD', exponent: 2 } } }),
    },
    {
      title: 'a credential that issuance signed itself',
      code: 'key_unknown',
      make: () => makePresentation({ signCredential: 'issuance' }),
    },
    {
      title: 'an encrypted credential with one bit changed',
      code: 'decryption_failed',
      make: () => makePresentation({ alterSealed: (bytes) => bytes.with(90, (bytes[90] ?? 0) ^ 1) }),
    },
    {
      title: 'a credential cut short',
      code: 'not_cbor',
      make: () => makePresentation({ alterSealed: (bytes) => bytes.slice(0, -1) }),
    },
    {
      title: 'a signed credential with one bit of its signature changed',
      code: 'signature_invalid',
      make: () =>
        makePresentation({ alterSigned: (bytes) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1) }),
    },
    {
      title: 'an empty credential',
      code: 'record_malformed',
      make: () => makePresentation({ alterSealed: () => new Uint8Array() }),
    },
    { title: 'nothing', code: 'not_cbor', make: () => Promise.resolve(new Uint8Array()) },
    {
      title: 'bytes that are no presentation',
      code: 'record_malformed',
      make: () => Promise.resolve(Uint8Array.of(1)),
    },
    {
      title: 'a currency without a quota',
      code: 'quota_missing',
      make: () => makePresentation({ request: { currency: { code: 'USD', exponent: 2 } } }),
    },
  ];
  for (const { title, code, make, peer } of cases) {
    it(title, async () => {
      expect(await authorities.quotaControl.redeem(await make(), peer ?? issuer)).toMatchObject({
        ok: false,
        code,
      });
      expect(await used()).toBe(0n);
      expect((await authorities.stores.quota.head()).sequence).toBe(2);
    });
  }

  it('a denial in the place of the credential', async () => {
    const signer = tokens.of.central;
    const denial = encodeDenial(
      {
        requestId: random(16),
        issuer,
        issuedAt: authorities.clock.nowSeconds(),
        requestHash: new Uint8Array(32),
        denials: [{ order: 0, reasons: ['quota_exceeded'], wouldPass: null }],
        ruleSet: { version: 1, hash: new Uint8Array(32) },
        traceHash: new Uint8Array(32),
      },
      signer.publicKey.keyId,
    );
    const signed = attachSignature(denial, await signer.sign(denial));
    const presentation = await makePresentation({ alterSigned: () => signed });
    expect(await authorities.quotaControl.redeem(presentation, issuer)).toMatchObject({
      ok: false,
      code: 'record_type_mismatch',
    });
    expect(await used()).toBe(0n);
  });
});
