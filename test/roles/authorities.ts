/**
 * Three authorities for tests: real SoftHSM tokens, real SQLite stores, the real label machine; the roles
 * speak to each other by calls instead of HTTPS, on a clock that the test moves.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setUp } from '../../hsm/ci/index.js';
import { findModule } from '../../hsm/module-path.ts';
import { formatPkcs11Uri } from '../../hsm/pkcs11-uri.ts';
import type { KeyAgreement, Signer } from '../../hsm/signer.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import type { Anchor } from '../../src/journal/anchor.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { fixedClock } from '../../src/kit/clock.ts';
import { succeed } from '../../src/kit/result.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { type VerificationKey, verificationKey } from '../../src/records/signature.ts';
import { encodeTrustBundle, keySetId, type TrustBundle } from '../../src/records/trust-bundle.ts';
import { type Central, type CentralRules, type IssuerLimits, makeCentral } from '../../src/roles/central.ts';
import {
  type CentralAccount,
  makeCentralAccount,
  makeCentralChanges,
} from '../../src/roles/central-account.ts';
import { type Issuance, type IssuancePeers, makeIssuance } from '../../src/roles/issuance.ts';
import {
  type IssuerReservations,
  makeIssuerReservations,
  type ReservationPeer,
} from '../../src/roles/issuer-reservations.ts';
import { type Ledger, openLedger } from '../../src/roles/ledger.ts';
import { makeQuotaChanges, type QuotaChanges } from '../../src/roles/quota-changes.ts';
import { makeQuotaControl, type QuotaControl } from '../../src/roles/quota-control.ts';
import { makeReservations, type Reservations } from '../../src/roles/reservations.ts';
import { makeResolution, type Resolution } from '../../src/roles/resolution.ts';
import type { ListSettled } from '../../src/roles/settled-list.ts';
import { makeSettlements, type Settlements } from '../../src/roles/settlements.ts';
import type { ShownRetirement } from '../../src/roles/vouching.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { pointOf } from '../hsm/temporary-token.ts';
import { type MemoryAnchor, makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { policy } from '../records/samples.ts';
import { centralRules } from '../rules/central-rules.ts';
import { terms } from '../store/intents.ts';

const startMs = Date.parse('2026-11-20T12:00:00Z');
export const issuer = 'demo-issuer';
export const otherIssuer = 'other-issuer';

export const limits: IssuerLimits = { requestMaximum: 100_000n, ceiling: 60_000n, frequencyCap: 20 };
export const quota = { total: 200_000n, dayLimit: 120_000n };

type Holder = 'central' | 'issuance' | 'quota' | 'other';

/** Tokens take a second to make, so a test file makes them once; every test has stores and a clock of its own. */
export interface Tokens {
  readonly of: Readonly<Record<Holder, TokenSigner>>;
  readonly bundle: TrustBundle;
  readonly bundleBytes: Uint8Array;
  close(): Promise<void>;
}

export async function openTokens(): Promise<Tokens> {
  const project = join(import.meta.dirname, '../..');
  const signing = { name: 'signing', type: 'ec-p256' };
  const agreement = { name: 'agreement', type: 'ec-p256', usage: ['derive'] };
  const made = await setUp({
    prefix: join(project, '.softhsm'),
    template: {
      version: 1,
      roles: ['central', 'issuance', 'quota', 'other'].map((name) => ({
        name,
        keys: name === 'quota' ? [signing, agreement] : [signing],
      })),
    },
  });
  const module = findModule('auto', process.env, project);
  const open = (holder: Holder): Promise<TokenSigner> => {
    const role = made.roles.find(({ name }) => name === holder);
    if (role === undefined) throw new Error(`softhsm-ci-setup made no token for ${holder}`);
    return openToken({
      address: {
        module,
        uri: formatPkcs11Uri({ token: role.label }),
        pin: { kind: 'file', path: role.pinFile },
      },
      environment: { SOFTHSM2_CONF: role.configuration },
      signingKey: 'signing',
      ...(holder === 'quota' ? { agreementKey: 'agreement' } : {}),
      // A quarter of it is how long a process may say nothing: on a machine with much else to do, seconds pass.
      timeoutMs: 60_000,
    });
  };
  const [central, issuance, quotaToken, other] = await Promise.all([
    open('central'),
    open('issuance'),
    open('quota'),
    open('other'),
  ]);
  const of = { central, issuance, quota: quotaToken, other };
  const { bundle, bundleBytes } = makeBundle(of);
  return {
    of,
    bundle,
    bundleBytes,
    async close() {
      await Promise.all(Object.values(of).map((token) => token.close()));
      made.remove();
    },
  };
}

function keyOf(token: TokenSigner): VerificationKey {
  return verificationKey(pointOf(token));
}

function makeBundle(of: Readonly<Record<Holder, TokenSigner>>): {
  bundle: TrustBundle;
  bundleBytes: Uint8Array;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const rootKey = verificationKey(
    new Uint8Array(Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])),
  );
  const agreement = of.quota.agreement?.publicKey;
  if (agreement === undefined) throw new Error('the quota token has an agreement key');
  const valid = {
    notBefore: startMs / 1000 - 86_400,
    notAfter: startMs / 1000 + 365 * 86_400,
    revokedAt: null,
  };
  const bundle: TrustBundle = {
    issuedAt: valid.notBefore,
    expiresAt: valid.notAfter,
    revocationEpoch: 0,
    rootKey,
    keys: [
      { role: 'central', name: 'central', key: keyOf(of.central), ...valid },
      { role: 'issuance', name: issuer, key: keyOf(of.issuance), ...valid },
      { role: 'issuance', name: otherIssuer, key: keyOf(of.other), ...valid },
      { role: 'quota', name: 'quota', key: keyOf(of.quota), ...valid },
      { role: 'quota-agreement', name: 'quota', key: agreement, ...valid },
    ],
    approval: null,
  };
  const toBeSigned = encodeTrustBundle(bundle, rootKey.keyId);
  return {
    bundle,
    bundleBytes: attachSignature(
      toBeSigned,
      sign('sha256', toBeSigned, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
    ),
  };
}

export interface Authorities {
  readonly clock: ReturnType<typeof fixedClock>;
  /** Of the databases, each named by its role. */
  readonly folder: string;
  readonly anchors: Anchors;
  readonly ledgers: Readonly<Record<'central' | 'issuance' | 'quota', Ledger>>;
  readonly stores: { readonly central: Store; readonly issuance: Store; readonly quota: Store };
  readonly central: Central;
  readonly issuance: Issuance;
  readonly quotaControl: QuotaControl;
  readonly settlements: Settlements;
  readonly quotaChanges: QuotaChanges;
  readonly centralChanges: QuotaChanges;
  readonly account: CentralAccount;
  readonly resolution: Resolution;
  readonly reservations: Reservations;
  readonly issuerReservations: IssuerReservations;
  closeStores(): Promise<void>;
  /** Opens the stores again; throws what keeps a role from starting. */
  reopen(changed?: AuthorityOptions): Promise<Authorities>;
  /** Closes the stores and opens them again, as a restart does; roles are made anew. */
  restart(changed?: AuthorityOptions): Promise<Authorities>;
  close(): Promise<void>;
}

export interface AuthorityOptions {
  /** What stands between issuance and the other two; a test puts a liar or a broken line there. */
  readonly peers?: (honest: IssuancePeers) => IssuancePeers;
  readonly reservationPeer?: (honest: ReservationPeer) => ReservationPeer;
  readonly wrapStore?: (store: Store, role: 'central' | 'issuance' | 'quota') => Store;
  readonly wrapSigner?: (signer: Signer, role: 'central' | 'issuance' | 'quota') => Signer;
  readonly wrapAnchor?: (anchor: Anchor, role: 'central' | 'issuance' | 'quota') => Anchor;
  readonly wrapLedger?: (ledger: Ledger, role: 'central' | 'issuance' | 'quota') => Ledger;
  /** What quota control tells central management of settlements. */
  readonly settled?: (honest: ListSettled) => ListSettled;
  /** Hears central management's lines for the log. */
  readonly report?: (line: string) => void;
  readonly limits?: IssuerLimits;
  /** Of each issuer, at the first start. */
  readonly quota?: typeof quota;
  /** In the place of those that ship. */
  readonly centralRules?: CentralRules;
  /** Other keys, or another bundle, from now on. */
  readonly tokens?: Tokens;
}

export async function makeAuthorities(tokens: Tokens, options: AuthorityOptions = {}): Promise<Authorities> {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-roles-'));
  const clock = fixedClock(startMs);
  const first = openStores(folder, true);
  for (const name of [issuer, otherIssuer]) {
    const { total, dayLimit } = options.quota ?? quota;
    for (const store of [first.quota, first.central]) {
      const allocated = await store.allocate({
        issuer: name,
        currency: 'EUR',
        terms: terms(total, dayLimit),
        createdMs: startMs,
      });
      if (!allocated.ok) throw new Error(allocated.message);
    }
  }
  const anchors = {
    issuance: makeMemoryAnchor(),
    // As `ringmint init` does it, after it has allocated the quotas.
    central: makeMemoryAnchor(await first.central.head()),
    quota: makeMemoryAnchor(await first.quota.head()),
  };
  return assemble(tokens, folder, clock, first, anchors, options);
}

type Anchors = Readonly<Record<'central' | 'issuance' | 'quota', MemoryAnchor>>;

interface Stores {
  readonly central: Store;
  readonly issuance: Store;
  readonly quota: Store;
}

function openStores(folder: string, create: boolean): Stores {
  const open = (role: string): Store =>
    openSqliteStore({ path: join(folder, `${role}.db`), role, create, random: randomBytes });
  return { central: open('central'), issuance: open('issuance'), quota: open('quota') };
}

async function assemble(
  firstTokens: Tokens,
  folder: string,
  clock: Authorities['clock'],
  stores: Stores,
  anchors: Anchors,
  options: AuthorityOptions,
): Promise<Authorities> {
  const {
    tokens = firstTokens,
    wrapStore = (store) => store,
    wrapSigner = (signer) => signer,
    wrapAnchor = (anchor) => anchor,
    wrapLedger = (ledger) => ledger,
  } = options;
  const ledgerOf = async (role: keyof Stores): Promise<Ledger> => {
    const anchor = replicateAnchor([wrapAnchor(anchors[role], role)]);
    return wrapLedger(await openLedger(wrapStore(stores[role], role), anchor), role);
  };
  const keys = makeKeyRing(tokens.bundle, makeNodeVerifySignature());
  const agreement: KeyAgreement | undefined = tokens.of.quota.agreement;
  if (agreement === undefined) throw new Error('the quota token has an agreement key');
  const common = { keys, clock, random: (length: number) => new Uint8Array(randomBytes(length)) };
  const ledgers = {
    central: await ledgerOf('central'),
    issuance: await ledgerOf('issuance'),
    quota: await ledgerOf('quota'),
  };
  const quotaControl = makeQuotaControl({
    ...common,
    ledger: ledgers.quota,
    signer: wrapSigner(tokens.of.quota, 'quota'),
    agreements: [agreement],
    keySet: keySetId(tokens.bundle),
    epoch: 1,
    clockSkewSeconds: 60,
  });
  const settlements = makeSettlements({
    ledger: ledgers.quota,
    signer: wrapSigner(tokens.of.quota, 'quota'),
    bundle: tokens.bundleBytes,
    verifySignature: makeNodeVerifySignature(),
    clockSkewSeconds: 60,
    clock,
  });
  const ofChanges = { policy, verifySignature: makeNodeVerifySignature(), clock };
  const quotaChanges = makeQuotaChanges({
    ...ofChanges,
    ledger: ledgers.quota,
    resume: () => quotaControl.finishUnsigned(),
  });
  const ofCentral = {
    ledger: ledgers.central,
    lastWords: async (_: string, ids: readonly Uint8Array[], close: boolean) =>
      succeed(await issuance.closings.lastWords(ids, close)),
    keys,
    settlements: options.settled?.(settlements.list) ?? settlements.list,
    vouching: async (_: string, shown: readonly ShownRetirement[]) =>
      succeed(await issuance.vouching.vouch(shown)),
    clockSkewSeconds: 60,
    clock,
    report: options.report ?? (() => undefined),
  };
  const account = makeCentralAccount({
    ...ofCentral,
    ...ofChanges,
    quotaPositions: async () => succeed(await quotaControl.positions()),
    quotaChanges: async (from) => succeed(await quotaChanges.since(from)),
  });
  const centralChanges = makeCentralChanges(
    makeQuotaChanges({ ...ofChanges, ledger: ledgers.central, resume: () => Promise.resolve() }),
    account,
  );
  const resolution = makeResolution({ ...ofCentral, account });
  const reservations = makeReservations({
    keys,
    clock,
    ledger: ledgers.quota,
    signer: wrapSigner(tokens.of.quota, 'quota'),
    clockSkewSeconds: 60,
  });
  const central = makeCentral({
    ...common,
    ledger: ledgers.central,
    signer: wrapSigner(tokens.of.central, 'central'),
    quotaKey: agreement.publicKey,
    rules: options.centralRules ?? centralRules(),
    policy: {
      limits: (_issuer, currency) => (currency === 'EUR' ? (options.limits ?? limits) : undefined),
      frequencyWindowMs: 60_000,
      credentialLifetimeSeconds: 300,
      clockSkewSeconds: 60,
    },
    account,
    quotaReservation: async (id) => ({ ok: true, value: await reservations.find(id) }),
  });
  const honest: IssuancePeers = {
    submitRequest: (request) => central.submit(request, issuer),
    redeemCredential: (presentation) => quotaControl.redeem(presentation, issuer),
  };
  const issuance = makeIssuance({
    ...common,
    issuer,
    ledger: ledgers.issuance,
    signer: wrapSigner(tokens.of.issuance, 'issuance'),
    centralKeyId: () => toHex(tokens.of.central.publicKey.keyId),
    peers: options.peers?.(honest) ?? honest,
    requestLifetimeSeconds: 600,
    defaultRedemptionSeconds: 365 * 86_400,
  });
  const reservationPeer: ReservationPeer = {
    sendReservation: (request) => reservations.reserve(request, issuer),
    sendRelease: (release) => reservations.release(release, issuer),
    listReservations: async (page) => ({ ok: true, value: await reservations.list({ ...page, issuer }) }),
  };
  const issuerReservations = makeIssuerReservations({
    issuer,
    keys,
    clock,
    ledger: ledgers.issuance,
    signer: wrapSigner(tokens.of.issuance, 'issuance'),
    peer: options.reservationPeer?.(reservationPeer) ?? reservationPeer,
  });
  const closeStores = (): Promise<unknown> =>
    Promise.all([stores.central.close(), stores.issuance.close(), stores.quota.close()]);
  const authorities: Authorities = {
    clock,
    folder,
    stores,
    ledgers,
    anchors,
    central,
    issuance,
    quotaControl,
    settlements,
    quotaChanges,
    centralChanges,
    account,
    resolution,
    reservations,
    issuerReservations,
    async closeStores() {
      await closeStores();
    },
    async reopen(changed = {}) {
      const opened = openStores(folder, false);
      try {
        return await assemble(tokens, folder, clock, opened, anchors, changed);
      } catch (error) {
        await Promise.all(Object.values(opened).map((store) => store.close()));
        throw error;
      }
    },
    async restart(changed = {}) {
      await closeStores();
      return authorities.reopen(changed);
    },
    async close() {
      await closeStores();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return authorities;
}

/** A ledger whose anchor knows nothing of earlier states: for tests that are about what else finds them. */
export async function openUnanchored(store: Store): Promise<Ledger> {
  return openLedger(store, replicateAnchor([makeMemoryAnchor(await store.head())]));
}

/** A draft of `lots` of euro cents, with an id. */
export function draft(
  lots: readonly { value: bigint; count: number }[],
  clock: Authorities['clock'],
  id?: Uint8Array,
  redeemUntil?: number,
): Uint8Array {
  const total = lots.reduce((sum, lot) => sum + lot.value * BigInt(lot.count), 0n);
  return encodeDraft({
    id: id ?? makeRequestId(clock, (length) => new Uint8Array(randomBytes(length))),
    currency: { code: 'EUR', exponent: 2 },
    total,
    lots: lots.map((lot) => ({ ...lot, owner: { commitment: new Uint8Array(32).fill(7) } })),
    purpose: 'test',
    origin: 'DE',
    destination: 'DE',
    ...(redeemUntil === undefined ? {} : { redeemUntil }),
  });
}
