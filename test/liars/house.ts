/** Real roles over real SQLite stores, on one clock; a liar stands in the place of one of them. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Signer } from '../../hsm/signer.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { type Clock, fixedClock } from '../../src/kit/clock.ts';
import { succeed } from '../../src/kit/result.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { type Credential, decodeCredential } from '../../src/records/credential.ts';
import type { KeyRing } from '../../src/records/key-ring.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import { keySetId } from '../../src/records/trust-bundle.ts';
import type { Central, CentralDependencies, IssuerLimits } from '../../src/roles/central.ts';
import type { CentralAccountDependencies } from '../../src/roles/central-account.ts';
import type { Issuance, IssuancePeers } from '../../src/roles/issuance.ts';
import type { IssuerReservations, ReservationPeer } from '../../src/roles/issuer-reservations.ts';
import type { Ledger } from '../../src/roles/ledger.ts';
import type { QuotaChanges } from '../../src/roles/quota-changes.ts';
import type { QuotaControl } from '../../src/roles/quota-control.ts';
import type { Reservations } from '../../src/roles/reservations.ts';
import type { Resolution } from '../../src/roles/resolution.ts';
import type { Store } from '../../src/store/store.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { makeMemoryFolder } from '../crash/memory-folder.ts';
import { makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { byOpenssl, verifySignature } from '../records/openssl.ts';
import { approveChange, policy, keys as samples } from '../records/samples.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { centralRules } from '../rules/central-rules.ts';
import { terms } from '../store/intents.ts';
import type { Code } from './code.ts';
import { type LiarKeys, startMs } from './keys.ts';

export type CentralPeers = Pick<CentralAccountDependencies, 'quotaPositions' | 'quotaChanges' | 'lastWords'> &
  Partial<Pick<CentralAccountDependencies, 'settlements' | 'vouching'>>;

export type RoleName = 'central' | 'issuance' | 'other' | 'quota';

export interface HouseOptions {
  readonly code: Code;
  readonly keys: LiarKeys;
  readonly draw: Draw;
  /** Of each issuer, minor units. */
  readonly allocated: bigint;
  readonly dayLimit: bigint;
  /** In the place of these two. */
  readonly terms?: QuotaTerms;
}

export const limits: IssuerLimits = { requestMaximum: 2_000n, ceiling: 1_000n, frequencyCap: 1_000_000 };
export const credentialSeconds = 300;
/** Two who decide together. */
export const people = { alice: byOpenssl(samples.alice), bob: byOpenssl(samples.bob) };

export class House {
  /** Of all three, unless a role was made with one of its own. */
  readonly clock = fixedClock(startMs);
  readonly keyRing: KeyRing;
  readonly options: HouseOptions;
  private readonly folder: string;
  private readonly stores = new Map<RoleName, Store>();
  private readonly ledgers = new Map<RoleName, Ledger>();
  private readonly anchors = new Map<RoleName, ReturnType<typeof makeMemoryAnchor>>();
  private readonly rules;
  private readonly random: (length: number) => Uint8Array;

  constructor(options: HouseOptions) {
    this.options = options;
    this.folder = makeMemoryFolder('liars');
    this.keyRing = options.code.makeKeyRing(options.keys.bundle, verifySignature);
    const source = options.draw.branch('random');
    this.random = (length) => source.bytes(length);
    const seals = options.draw.branch('sealing');
    const sealing = (length: number): Uint8Array => seals.bytes(length);
    this.rules = centralRules(undefined, sealing);
  }

  pathOf(role: RoleName): string {
    return join(this.folder, `${role}.db`);
  }

  /** Opens the role's database, new or as it was left, with the anchor that it has. */
  async open(role: RoleName): Promise<void> {
    const path = this.pathOf(role);
    const isNew = !existsSync(path);
    const store = this.options.code.openSqliteStore({
      path,
      role: role === 'other' ? 'issuance' : role,
      create: isNew,
      random: this.random,
    });
    const anchor = this.anchors.get(role) ?? makeMemoryAnchor();
    if (isNew && (role === 'quota' || role === 'central')) {
      const { allocated, dayLimit } = this.options;
      for (const name of [issuer, otherIssuer]) {
        const made = await store.allocate({
          issuer: name,
          currency: 'EUR',
          terms: this.options.terms ?? terms(allocated, dayLimit),
          createdMs: startMs,
        });
        if (!made.ok) throw new Error(made.message);
      }
      anchor.head = await store.head();
    }
    this.anchors.set(role, anchor);
    this.stores.set(role, store);
    this.ledgers.set(role, await this.options.code.openLedger(store, replicateAnchor([anchor])));
  }

  async close(role: RoleName): Promise<void> {
    await this.stores.get(role)?.close();
    this.stores.delete(role);
  }

  async remove(): Promise<void> {
    for (const role of [...this.stores.keys()]) await this.close(role);
    rmSync(this.folder, { recursive: true, force: true });
  }

  store(role: RoleName): Store {
    const store = this.stores.get(role);
    if (store === undefined) throw new Error(`${role} is not open`);
    return store;
  }

  /** What central management has granted the request, by its database, whether it is signed yet or not. */
  async credentialOf(requestId: Uint8Array): Promise<Credential | undefined> {
    const intent = await this.store('central').findIntent('credential', requestId);
    if (intent === undefined) return undefined;
    const decoded = decodeCredential(attachSignature(intent.toBeSigned, new Uint8Array(64)));
    if (!decoded.ok) throw new Broken(decoded.message);
    return decoded.value.record;
  }

  /** Two people put the clock of the quota right (`ringmint quota propose --clock`); gives why not, where they could not. */
  async resetQuotaClock(nowSeconds: number): Promise<string> {
    const position = await this.store('quota').position(issuer, 'EUR', 0);
    if (position === undefined) throw new Error('there is a quota');
    const { version, allocated, frozen, limits, returns } = position;
    const change = encodeChange({
      madeAt: nowSeconds,
      expiresAt: nowSeconds + 600,
      reason: 'the clock was wrong',
      action: {
        kind: 'terms',
        issuer,
        currency: 'EUR',
        version,
        terms: {
          allocated,
          frozen,
          returns,
          limits: limits.map(({ name, counts, window, maximum }) => ({ name, counts, window, maximum })),
        },
        clock: nowSeconds,
      },
    });
    const approvals = (['alice', 'bob'] as const).map((name) =>
      approveChange(change, name, people[name], nowSeconds),
    );
    const right = fixedClock(nowSeconds * 1000);
    const changes = this.makeChanges('quota', right);
    const applied = await changes.apply(change, approvals);
    return applied.ok ? 'ok' : applied.code;
  }

  /** What people bring to quota control, or to central management. */
  makeChanges(role: 'central' | 'quota', clock: Clock = this.clock): QuotaChanges {
    return this.options.code.makeQuotaChanges({
      ledger: this.common(role, clock).ledger,
      policy,
      verifySignature,
      resume: () => Promise.resolve(),
      clock,
    });
  }

  private common(role: RoleName, clock: Clock) {
    const ledger = this.ledgers.get(role);
    if (ledger === undefined) throw new Error(`${role} is not open`);
    return { ledger, keys: this.keyRing, clock, random: this.random };
  }

  makeQuotaControl(clock: Clock = this.clock): QuotaControl {
    const { code, keys } = this.options;
    return code.makeQuotaControl({
      ...this.common('quota', clock),
      signer: keys.of.quota,
      agreements: [keys.agreement],
      keySet: keySetId(keys.bundle),
      epoch: 1,
      clockSkewSeconds: 60,
    });
  }

  /** Central management with its own account, and what resolves what it approved. */
  makeCentral(
    peers: CentralPeers,
    clock: Clock = this.clock,
    quotaReservation: CentralDependencies['quotaReservation'] = async () => succeed(undefined),
  ): Central & { resolution: Resolution } {
    const { code, keys } = this.options;
    const common = this.common('central', clock);
    const own = {
      ...common,
      // Where nothing is settled.
      settlements: async () => succeed({ items: [], next: '', more: false }),
      vouching: async () => succeed([]),
      ...peers,
      policy,
      verifySignature,
      clockSkewSeconds: 60,
      report: () => undefined,
    };
    const account = code.makeCentralAccount(own);
    const resolution = code.makeResolution({ ...own, account });
    const central = code.makeCentral({
      ...common,
      signer: keys.of.central,
      quotaKey: keys.agreement.publicKey,
      rules: this.rules,
      policy: {
        limits: (_issuer, currency) => (currency === 'EUR' ? limits : undefined),
        frequencyWindowMs: 60_000,
        credentialLifetimeSeconds: credentialSeconds,
        clockSkewSeconds: 60,
      },
      account,
      quotaReservation,
    });
    return { ...central, resolution };
  }

  /** At quota control. */
  makeReservations(clock: Clock = this.clock): Reservations {
    const { code, keys } = this.options;
    return code.makeReservations({
      ...this.common('quota', clock),
      signer: keys.of.quota,
      clockSkewSeconds: 60,
    });
  }

  makeIssuerReservations(role: 'issuance' | 'other', peer: ReservationPeer): IssuerReservations {
    const { code, keys } = this.options;
    return code.makeIssuerReservations({
      ...this.common(role, this.clock),
      issuer: role === 'issuance' ? issuer : otherIssuer,
      signer: keys.of[role],
      peer,
    });
  }

  makeIssuance(role: 'issuance' | 'other', peers: IssuancePeers, clock: Clock = this.clock): Issuance {
    const { code, keys } = this.options;
    const signer: Signer = keys.of[role];
    return code.makeIssuance({
      ...this.common(role, clock),
      issuer: role === 'issuance' ? issuer : otherIssuer,
      signer,
      centralKeyId: () => toHex(keys.of.central.publicKey.keyId),
      peers,
      requestLifetimeSeconds: 600,
      defaultRedemptionSeconds: 365 * 86_400,
    });
  }
}
