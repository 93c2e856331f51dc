/**
 * Three systems that are opened and lost one by one, over databases and anchors that stay: real SQLite, real tokens, the label machine.
 * What one system has of another is a message; a system that is gone does not answer.
 */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyAgreement, Signer } from '../../hsm/signer.ts';
import type { Anchor } from '../../src/journal/anchor.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { fixedClock } from '../../src/kit/clock.ts';
import { type Result, succeed } from '../../src/kit/result.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { keySetId } from '../../src/records/trust-bundle.ts';
import { type Central, makeCentral } from '../../src/roles/central.ts';
import { makeCentralAccount } from '../../src/roles/central-account.ts';
import type { FollowedChange, QuotaVersion } from '../../src/roles/followed-change.ts';
import { type Issuance, type IssuancePeers, makeIssuance } from '../../src/roles/issuance.ts';
import { type IssuerReservations, makeIssuerReservations } from '../../src/roles/issuer-reservations.ts';
import type { LastWord } from '../../src/roles/last-word.ts';
import { type Ledger, openLedger } from '../../src/roles/ledger.ts';
import { makeQuotaChanges, type QuotaChanges } from '../../src/roles/quota-changes.ts';
import { makeQuotaControl, type QuotaControl } from '../../src/roles/quota-control.ts';
import { makeReservations, type Reservations } from '../../src/roles/reservations.ts';
import { makeResolution, type Resolution } from '../../src/roles/resolution.ts';
import type { SettledQuery } from '../../src/roles/settled-list.ts';
import { makeSettlements, type Settlements } from '../../src/roles/settlements.ts';
import type { ShownRetirement, Vouched } from '../../src/roles/vouching.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { QuotaPosition, Store } from '../../src/store/store.ts';
import { type MemoryAnchor, makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { verifySignature } from '../records/openssl.ts';
import { policy } from '../records/samples.ts';
import { issuer, type Tokens } from '../roles/authorities.ts';
import { centralRules } from '../rules/central-rules.ts';
import { terms } from '../store/intents.ts';
import type { Draw } from './draw.ts';
import { makeMemoryFolder } from './memory-folder.ts';
import { Meter, Power, type Role, roles } from './power.ts';

/** What is bent in a system, between its code and its devices. */
export interface Defect {
  readonly name: string;
  store?(store: Store, of: Bent): Store;
  signer?(signer: Signer, of: Bent): Signer;
  anchor?(anchor: Anchor, of: Bent): Anchor;
  ledger?(ledger: Ledger, of: Bent): Ledger;
}

export interface Bent {
  readonly role: Role;
  readonly path: string;
  readonly store: Store;
  /** Rejects where the system is gone: a defect's own writes fall with it. */
  readonly power: Power;
  readonly anchored: MemoryAnchor;
}

/** What is seen from outside of a system, on the side of its devices and of its callers. */
export interface Watch {
  signing(role: Role, message: Uint8Array, purpose: string, intent: string): Promise<void>;
  replied(name: string, asked: Uint8Array, answer: Result<unknown>): void;
}

export interface PlantOptions {
  readonly tokens: Tokens;
  readonly draw: Draw;
  readonly allocated: bigint;
  /** Whether what is retired comes back; nothing does where it is left out. */
  readonly returns?: boolean;
  readonly defect?: Defect | undefined;
}

interface System {
  readonly store: Store;
  readonly power: Power;
  readonly ledger: Ledger;
}

export class Plant {
  readonly meter = new Meter();
  readonly clock = fixedClock(Date.parse('2026-11-20T12:00:00Z'));
  readonly folder = makeMemoryFolder('sweep');
  readonly stores: Partial<Record<Role, Store>> = {};
  readonly powers: Partial<Record<Role, Power>> = {};
  readonly anchors: Record<Role, MemoryAnchor> = {
    central: makeMemoryAnchor(),
    issuance: makeMemoryAnchor(),
    quota: makeMemoryAnchor(),
  };
  central!: Central;
  resolution!: Resolution;
  issuance!: Issuance;
  quotaControl!: QuotaControl;
  quotaChanges!: QuotaChanges;
  settlements!: Settlements;
  reservations!: Reservations;
  issuerReservations!: IssuerReservations;
  watch: Watch | undefined;
  private readonly options: PlantOptions;
  private readonly keys;
  private readonly rules;
  private readonly random: (length: number) => Uint8Array;

  private constructor(options: PlantOptions) {
    this.options = options;
    this.keys = makeKeyRing(options.tokens.bundle, verifySignature);
    const source = options.draw.branch('random');
    this.random = (length) => source.bytes(length);
    const seals = options.draw.branch('sealing');
    const sealing = (length: number): Uint8Array => seals.bytes(length);
    this.rules = centralRules(undefined, sealing);
  }

  static async make(options: PlantOptions): Promise<Plant> {
    const plant = new Plant(options);
    for (const role of roles) {
      const store = openSqliteStore({ ...plant.databaseOf(role), create: true });
      if (role !== 'issuance') {
        const made = await store.allocate({
          issuer,
          currency: 'EUR',
          terms: { ...terms(options.allocated, options.allocated), returns: options.returns ?? false },
          createdMs: plant.clock.nowMs(),
        });
        if (!made.ok) throw new Error(made.message);
        // As `ringmint init` does it.
        plant.anchors[role].head = await store.head();
      }
      await store.close();
      copyFileSync(plant.databaseOf(role).path, plant.pathOfOld(role));
    }
    return plant;
  }

  private databaseOf(role: Role) {
    return { path: join(this.folder, `${role}.db`), role, random: this.random };
  }

  /** The database as it was before its first issue. */
  pathOfOld(role: Role): string {
    return join(this.folder, `${role}.old`);
  }

  storeOf(role: Role): Store {
    const store = this.stores[role];
    if (store === undefined) throw new Error(`${role} is closed`);
    return store;
  }

  isLost(role: Role): boolean {
    return this.powers[role]?.off !== false;
  }

  /** Opens a system; throws what keeps it from starting, and then its database is closed. */
  async open(role: Role, path = this.databaseOf(role).path): Promise<void> {
    const store = openSqliteStore({ ...this.databaseOf(role), path, create: false });
    const power = new Power(this.meter, role);
    this.stores[role] = store;
    this.powers[role] = power;
    try {
      const { defect } = this.options;
      const bent: Bent = { role, path, store, power, anchored: this.anchors[role] };
      const powered = power.store(store);
      const anchor = power.anchor(this.anchors[role]);
      const ledger = await openLedger(
        defect?.store?.(powered, bent) ?? powered,
        replicateAnchor([defect?.anchor?.(anchor, bent) ?? anchor]),
      );
      this.start(role, { store, power, ledger: defect?.ledger?.(ledger, bent) ?? ledger }, bent);
    } catch (error) {
      power.off = true;
      await this.close(role);
      throw error;
    }
  }

  async close(role: Role): Promise<void> {
    const power = this.powers[role];
    if (power !== undefined) {
      power.off = true;
      this.meter.disconnect(power);
    }
    await this.stores[role]?.close();
    this.stores[role] = undefined as never;
    this.powers[role] = undefined as never;
  }

  async remove(): Promise<void> {
    for (const role of roles) await this.close(role);
    rmSync(this.folder, { recursive: true, force: true });
  }

  finishUnsigned(role: Role): Promise<number> {
    const of = { central: this.central, issuance: this.issuance, quota: this.quotaControl };
    return of[role].finishUnsigned();
  }

  private signerOf(role: Role, bent: Bent): Signer {
    const token = this.options.tokens.of[role];
    const watched: Signer = {
      ...token,
      sign: async (message, request) => {
        await this.watch?.signing(role, message, request.purpose, request.intent);
        return token.sign(message);
      },
    };
    const powered = bent.power.signer(watched);
    return this.options.defect?.signer?.(powered, bent) ?? powered;
  }

  /** `from`'s message to `to`, with what came back shown to the watch. */
  private ask<T>(
    from: Power,
    to: Role,
    name: string,
    asked: Uint8Array,
    call: () => Promise<Result<T>>,
  ): Promise<Result<T>> {
    return from.send(to, name, async () => {
      const answer = await call();
      this.watch?.replied(name, asked, answer);
      return answer;
    });
  }

  private start(role: Role, { power, ledger }: System, bent: Bent): void {
    const { tokens } = this.options;
    const common = { keys: this.keys, clock: this.clock, random: this.random, ledger };
    const signer = this.signerOf(role, bent);
    const agreement: KeyAgreement | undefined = tokens.of.quota.agreement;
    if (agreement === undefined) throw new Error('the quota token has an agreement key');
    if (role === 'quota') {
      const keySet = keySetId(tokens.bundle);
      this.quotaControl = makeQuotaControl({
        ...common,
        signer,
        agreements: [agreement],
        keySet,
        epoch: 1,
        clockSkewSeconds: 60,
      });
      this.quotaChanges = makeQuotaChanges({
        ledger,
        policy,
        verifySignature,
        resume: () => this.quotaControl.finishUnsigned(),
        clock: this.clock,
      });
      this.settlements = makeSettlements({
        ledger,
        signer,
        bundle: tokens.bundleBytes,
        verifySignature,
        clockSkewSeconds: 60,
        clock: this.clock,
      });
      this.reservations = makeReservations({ ...common, signer, clockSkewSeconds: 60 });
      return;
    }
    if (role === 'central') {
      const own = {
        ...common,
        policy,
        verifySignature,
        quotaPositions: () =>
          power.send(
            'quota',
            'position',
            async (): Promise<Result<readonly QuotaPosition[]>> =>
              succeed(await this.quotaControl.positions()),
          ),
        quotaChanges: (from: QuotaVersion) =>
          power.send(
            'quota',
            'changes',
            async (): Promise<Result<readonly FollowedChange[]>> =>
              succeed(await this.quotaChanges.since(from)),
          ),
        lastWords: (_: string, ids: readonly Uint8Array[], close: boolean) =>
          power.send(
            'issuance',
            'last words',
            async (): Promise<Result<readonly LastWord[]>> =>
              succeed(await this.issuance.closings.lastWords(ids, close)),
          ),
        settlements: (query: SettledQuery) =>
          power.send('quota', 'settled', () => this.settlements.list(query)),
        vouching: (_: string, shown: readonly ShownRetirement[]) =>
          power.send(
            'issuance',
            'vouch',
            async (): Promise<Result<readonly Vouched[]>> =>
              succeed(await this.issuance.vouching.vouch(shown)),
          ),
        clockSkewSeconds: 60,
        report: () => undefined,
      };
      const account = makeCentralAccount(own);
      this.resolution = makeResolution({ ...own, account });
      this.central = makeCentral({
        ...common,
        signer,
        quotaKey: agreement.publicKey,
        rules: this.rules,
        policy: {
          limits: () => ({ requestMaximum: 100_000n, ceiling: 60_000n, frequencyCap: 1_000_000 }),
          frequencyWindowMs: 60_000,
          credentialLifetimeSeconds: 300,
          clockSkewSeconds: 60,
        },
        account,
        quotaReservation: (id) =>
          power.send('quota', 'reservation', async () => succeed(await this.reservations.find(id))),
      });
      return;
    }
    const peers: IssuancePeers = {
      submitRequest: (bytes) =>
        this.ask(power, 'central', 'request', bytes, () => this.central.submit(bytes, issuer)),
      redeemCredential: (bytes) =>
        this.ask(power, 'quota', 'credential', bytes, () => this.quotaControl.redeem(bytes, issuer)),
    };
    this.issuerReservations = makeIssuerReservations({
      ...common,
      signer,
      issuer,
      peer: {
        sendReservation: (bytes) =>
          this.ask(power, 'quota', 'reservation', bytes, () => this.reservations.reserve(bytes, issuer)),
        sendRelease: (bytes) =>
          this.ask(power, 'quota', 'release', bytes, () => this.reservations.release(bytes, issuer)),
        listReservations: async (page) => succeed(await this.reservations.list(page)),
      },
    });
    this.issuance = makeIssuance({
      ...common,
      signer,
      issuer,
      centralKeyId: () => toHex(tokens.of.central.publicKey.keyId),
      peers,
      requestLifetimeSeconds: 600,
      defaultRedemptionSeconds: 365 * 86_400,
    });
  }
}
