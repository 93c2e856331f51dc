/**
 * A quota control that lies, between a real issuance and a real central management: it has both of its keys, everything that it was ever
 * presented, and the line to issuance. What it tells central management of its quotas and reservations, and of the changes that people approved, is
 * a lie too.
 *
 * What holds: nothing is authentic but orders that a caller placed, that issuance has put into a signed request, each in one and once, and that
 * central management has approved by rules of its own; no serial is used twice; and Σ authentic ≤ what central management counts in its own account
 * ≤ what two people allowed; of a reservation nobody is given a receipt of what was not asked for.
 */
import { decodeEntry, type ResolutionEntry } from '../../src/audit/entry.ts';
import { equalBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import { claim } from '../../src/records/claims.ts';
import { type ControlBit, decodeControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { type Credential, decodeCredential } from '../../src/records/credential.ts';
import { decodeCurrencyFile, encodeCurrencyFile } from '../../src/records/currency-file.ts';
import { decryptWith, encryptedCredentialType } from '../../src/records/encryption.ts';
import { encodeJournalHead } from '../../src/records/journal-head.ts';
import { merkleRoot } from '../../src/records/merkle.ts';
import { decodePresentation } from '../../src/records/presentation.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import { decodeRequest, lotsOf, type Request, sumOrders } from '../../src/records/request.ts';
import { runsOf, select } from '../../src/records/selection.ts';
import { keySetId } from '../../src/records/trust-bundle.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import type { FollowedChange } from '../../src/roles/followed-change.ts';
import type { Issuance } from '../../src/roles/issuance.ts';
import type { IssuerReservations } from '../../src/roles/issuer-reservations.ts';
import type { QuotaChanges } from '../../src/roles/quota-changes.ts';
import { releaseContradiction } from '../../src/roles/serial-guard.ts';
import { makeWitness, type Witness } from '../../src/roles/witness.ts';
import type { QuotaPosition } from '../../src/store/store.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { approveChange } from '../records/samples.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { terms } from '../store/intents.ts';
import { Callers } from './callers.ts';
import { FalseReservations } from './false-reservations.ts';
import { flipped, signAs, withClaims } from './forgery.ts';
import { House, people } from './house.ts';
import { makeSigner } from './keys.ts';
import { Observer } from './observer.ts';
import { Seen, type World, type WorldOptions } from './sequences.ts';
import { SettledLies } from './settled-lies.ts';

/** What people allowed at first. */
const allocated = 3_000n;
const stranger = makeSigner('stranger');
const owner = { role: 'quota', name: 'quota' } as const;

interface Presented {
  readonly request: Request;
  readonly bytes: Uint8Array;
  readonly seed: Uint8Array;
  readonly credential: Credential;
}

interface Made {
  /** The orders whose units are under the root, by their numbers. */
  numbers?: readonly number[];
  /** Of the units and of the control bit alike. */
  terms?: Partial<
    Pick<ControlBit, 'epoch' | 'sequence' | 'reservation' | 'issuedAt' | 'redeemUntil' | 'keySet'>
  >;
  /** Of the control bit only. */
  claims?: Partial<ControlBit>;
  seed?: Uint8Array;
  more?: bigint;
}

class LyingQuota implements World {
  readonly actions: World['actions'];
  private readonly house: House;
  private readonly options: WorldOptions;
  private readonly draw: Draw;
  private readonly observer: Observer;
  private readonly callers: Callers;
  private issuance!: Issuance;
  private issuerReservations!: IssuerReservations;
  private readonly reservations: FalseReservations;
  private witness!: Witness;
  private sequence = 0;
  private readonly bits = new Seen<Uint8Array>();
  private readonly presented = new Seen<Presented>();
  told: string[] = [];
  private forked = false;
  private central!: ReturnType<House['makeCentral']>;
  private changes!: QuotaChanges;
  /** What people allowed, by the quota's version. */
  private readonly totals = new Map([[1, allocated]]);
  private readonly approved: FollowedChange[] = [];
  /** Of central management's journal. */
  private read = 0;
  private readonly freed = new Map<string, ResolutionEntry>();
  private readonly settled: SettledLies;
  /** Whether what is retired comes back, by the terms that people approved. */
  private readonly returns: boolean;

  constructor(options: WorldOptions) {
    this.options = options;
    this.draw = options.draw;
    this.returns = this.draw.chance(50);
    this.house = new House({
      ...options,
      allocated,
      dayLimit: allocated,
      terms: this.termsOf(allocated),
    });
    const { clock } = this.house;
    this.settled = new SettledLies({ ...options, clock });
    this.reservations = new FalseReservations({ ...options, clock, stranger });
    this.observer = new Observer({ ...options, clock });
    this.callers = new Callers({
      observer: this.observer,
      issuance: () => this.issuance,
      reservations: () => this.issuerReservations,
      clock,
      draw: this.draw,
      denialsLast: true,
      commitment: () => this.settled.commitment(),
      got: (file) => this.settled.got(file),
    });
    this.actions = [
      ['orders', 60, () => this.telling(() => this.callers.place())],
      ['an order again', 30, () => this.telling(() => this.callers.again())],
      ['a part is kept', 8, () => this.keeping(() => this.callers.keep())],
      ['it is given back', 4, () => this.keeping(() => this.callers.giveBack())],
      ['signs what nobody asked for', 6, () => this.signAlone()],
      ['shows a journal head', 6, () => this.showHead()],
      ['people change the quota', 3, () => this.change()],
      ['owners settle', 12, () => this.settled.settle()],
      ['central asks what became of requests', 10, () => this.resolve()],
      ['time passes', 10, async () => this.wait()],
      ['issuance restarts', 1, () => this.restart()],
    ];
  }

  async open(): Promise<this> {
    for (const role of ['issuance', 'central'] as const) await this.house.open(role);
    await this.serve();
    return this;
  }

  private async serve(): Promise<void> {
    const { house } = this;
    this.central = house.makeCentral(
      {
        quotaPositions: async () => {
          const told = this.position();
          return told.ok ? succeed(told.value === undefined ? [] : [told.value]) : told;
        },
        quotaChanges: async () => this.lieOfChanges(),
        lastWords: async (_, ids, close) => succeed(await this.issuance.closings.lastWords(ids, close)),
        settlements: this.settled.list,
        vouching: async (_, shown) => succeed(await this.issuance.vouching.vouch(shown)),
      },
      house.clock,
      async (id) => this.reservations.tell(id),
    );
    this.issuerReservations = house.makeIssuerReservations('issuance', this.reservations.peer);
    this.changes = house.makeChanges('central');
    const { central } = this;
    this.witness = await makeWitness({
      store: house.store('issuance'),
      keys: house.keyRing,
      clock: house.clock,
    });
    this.issuance = house.makeIssuance('issuance', {
      submitRequest: (bytes) => {
        this.callers.sends(bytes);
        return central.submit(bytes, issuer);
      },
      // As src/appliance/witnessing.ts puts it between.
      redeemCredential: async (bytes) => {
        const checked = this.witness.check(owner);
        return checked.ok ? this.answer(bytes) : checked;
      },
    });
  }

  /** Some of the time it is only started again, which changes nothing. */
  private async released(): Promise<void> {
    if (this.draw.chance(60))
      await releaseContradiction(this.house.store('issuance'), {
        reason: 'looked into',
        clock: this.house.clock,
      });
    await this.serve();
  }

  private async telling(act: () => Promise<string>): Promise<string> {
    this.told = [];
    const outcome = await act();
    // It takes nothing more from one that was caught at it, until somebody releases that.
    if (outcome.includes('control_bit_serial_used')) await this.released();
    return `${[...new Set(this.told)].sort().join(', ') || 'not asked'}: ${outcome}`;
  }

  private async keeping(act: () => Promise<string>): Promise<string> {
    this.told = [];
    const outcome = await act();
    return `${this.reservations.told.splice(0).join(', ') || 'not asked'}: ${outcome}`;
  }

  /** Its numbers, as it likes. */
  private position(): Result<QuotaPosition | undefined> {
    const { draw } = this;
    if (draw.chance(3)) return refuse('peer_unavailable', 'a lie');
    if (draw.chance(3)) return succeed(undefined);
    const available = draw.pick([0n, 40n, 10n ** 15n, 10n ** 15n, 10n ** 15n, 10n ** 15n, 10n ** 15n]);
    return succeed({
      issuer,
      currency: 'EUR',
      version: draw.pick([1, this.totals.size, this.totals.size, 1_000]),
      allocated: available,
      reserved: 0n,
      issued: draw.pick([0n, 0n, 0n, 10n ** 15n]),
      available,
      frozen: draw.chance(3),
      stopped: draw.chance(3),
      atMs: this.house.clock.nowMs(),
      limits: [],
      outstanding: 0n,
      returns: draw.chance(80),
      retired: 0n,
      returned: draw.pick([0n, 0n, 0n, 10n ** 12n]),
      credited: 0n,
      held: 0n,
      voided: 0n,
    });
  }

  /** Two people change the quota, by one above or below; central management hears of it from them, or not. */
  private async change(): Promise<string> {
    const { draw } = this;
    const version = this.totals.size;
    const before = this.totals.get(version) ?? 0n;
    const to = draw.chance(70) ? before + BigInt(draw.below(3_000)) : (before * BigInt(draw.below(10))) / 10n;
    if (draw.chance(15)) {
      const alone = this.makeChange(version, to, ['alice']);
      const applied = await this.changes.apply(alone.change, alone.approvals);
      return applied.ok ? 'one alone changed it' : applied.code;
    }
    const made = this.makeChange(version, to, ['alice', 'bob']);
    // One that central management has not had yet, and has no room for, is never made: people would see it refused.
    const own = await this.house.store('central').position(issuer, 'EUR', 0);
    if (own?.version !== version) return 'waits for the one before';
    if (to < own.issued - own.voided - own.returned) return 'no room for it';
    this.totals.set(version + 1, to);
    this.approved.push(made);
    if (draw.chance(30)) return 'withheld';
    const applied = await this.changes.apply(made.change, made.approvals);
    return applied.ok ? 'changed' : applied.code;
  }

  private makeChange(version: number, total: bigint, by: readonly ('alice' | 'bob')[]): FollowedChange {
    const now = this.house.clock.nowSeconds();
    const change = encodeChange({
      madeAt: now,
      expiresAt: now + 600,
      reason: 'people want it',
      action: { kind: 'terms', issuer, currency: 'EUR', version, terms: this.termsOf(total), clock: null },
    });
    return { change, approvals: by.map((name) => approveChange(change, name, people[name], now)) };
  }

  private termsOf(total: bigint): QuotaTerms {
    return { ...terms(total, total), returns: this.returns };
  }

  /** Changes as it tells them: what people approved, or something near to it. */
  private lieOfChanges(): Result<readonly FollowedChange[]> {
    const { draw } = this;
    const version = this.totals.size;
    const much = 10n ** 14n;
    const real = this.approved.at(-1);
    return draw.pick<() => Result<readonly FollowedChange[]>>([
      () => succeed(this.approved),
      () => succeed(this.approved.slice(-2)),
      () => succeed([]),
      () => refuse('peer_unavailable', 'a lie'),
      () => succeed([this.makeChange(version, much, [])]),
      () => succeed([this.makeChange(version, much, ['alice'])]),
      () => succeed([this.makeChange(version, much, ['bob', 'bob'])]),
      () =>
        succeed([{ change: this.makeChange(version, much, []).change, approvals: real?.approvals ?? [] }]),
      () => succeed(real === undefined ? [] : [{ ...real, change: flipped(real.change, draw) }]),
      () => succeed([...this.approved].reverse()),
      () => succeed(real === undefined ? [] : [real, real]),
    ])();
  }

  private async resolve(): Promise<string> {
    const round = await this.central.resolution.run();
    return round.ok ? (round.value > 0 ? 'resolved' : 'nothing resolved') : round.code;
  }

  private async answer(bytes: Uint8Array): Promise<Result<Uint8Array>> {
    const presentation = decodePresentation(bytes);
    if (!presentation.ok) throw new Broken(`presentation: ${presentation.message}`);
    const decoded = decodeRequest(presentation.value.request);
    const opened = await decryptWith(
      presentation.value.credential,
      { ...this.options.keys.agreement, keyId: this.options.keys.agreement.publicKey.keyId },
      encryptedCredentialType,
    );
    const credential = opened.ok ? decodeCredential(opened.value) : opened;
    if (!decoded.ok || !credential.ok) throw new Broken('presentation: honest records decode');
    const one = {
      request: decoded.value.record,
      bytes: presentation.value.request,
      seed: presentation.value.seed,
      credential: credential.value.record,
    };
    this.presented.add(one);
    const name = this.draw.chance(30) ? 'tells the truth' : this.draw.pick(Object.keys(this.lies));
    this.told.push(name);
    const answer = await this.lies[name]?.(one);
    if (answer === undefined) throw new RangeError(`no lie is called ${name}`);
    if (answer.ok) this.bits.add(answer.value);
    return answer;
  }

  /** A control bit with its units derived as an honest one derives them, but for what is changed. */
  private async make(
    one: Presented,
    made: Made = {},
    by = this.options.keys.of.quota,
  ): Promise<Result<Uint8Array>> {
    const { request, bytes, seed } = one;
    const numbers = made.numbers ?? this.approvedOf(one);
    const orders = numbers.flatMap((number) => request.orders[number] ?? []);
    const terms = {
      epoch: 1,
      sequence: ++this.sequence,
      reservation: this.draw.bytes(16),
      issuedAt: this.house.clock.nowSeconds(),
      redeemUntil: request.redeemUntil,
      keySet: keySetId(this.options.keys.bundle),
      ...made.terms,
    };
    const { more = 0n } = made;
    const lots = lotsOf(orders).map((lot) => ({ ...lot, value: lot.value + more }));
    const { currency } = request;
    const leaves = deriveLeaves({
      ...terms,
      currency,
      lots,
      notBefore: terms.issuedAt,
      seed: made.seed ?? seed,
    });
    const bit: ControlBit = {
      ...terms,
      requestId: request.id,
      issuer,
      requestHash: sha256(bytes),
      orders: runsOf(request.orders.length, (number) => numbers.includes(number)),
      root: merkleRoot(leaves),
      count: leaves.length,
      total: sumOrders(orders).total + more * BigInt(leaves.length),
      currency,
      issuanceKey: this.options.keys.of.issuance.publicKey.keyId,
      ...made.claims,
    };
    return succeed(await signAs(by, encodeControlBit(bit, by.publicKey.keyId)));
  }

  private approvedOf({ request, credential }: Presented): number[] {
    return select([...request.orders.keys()], credential.approved) ?? [];
  }

  private other(one: Presented): Presented {
    return this.presented.pick(this.draw) ?? one;
  }

  private at(by: number): Made {
    return { terms: { issuedAt: this.house.clock.nowSeconds() + by } };
  }

  private readonly lies: Readonly<Record<string, (one: Presented) => Promise<Result<Uint8Array>>>> = {
    'tells the truth': (one) => this.make(one),
    'for all orders, denied ones too': (one) => this.make(one, { numbers: [...one.request.orders.keys()] }),
    'for the denied orders': (one) => {
      const approved = this.approvedOf(one);
      const denied = [...one.request.orders.keys()].filter((number) => !approved.includes(number));
      return this.make(one, { numbers: denied.length === 0 ? approved : denied });
    },
    'for fewer orders': (one) => this.make(one, { numbers: this.approvedOf(one).slice(0, 1) }),
    'for an order that is not there': (one) =>
      this.make(one, { claims: { orders: [{ first: 0, count: one.request.orders.length + 1 }] } }),
    'for orders of which the root has others': (one) =>
      this.make(one, {
        numbers: this.approvedOf(one).slice(0, 1),
        claims: { orders: one.credential.approved },
      }),
    'over a root of its own': (one) => this.make(one, { claims: { root: this.draw.bytes(32) } }),
    'over the units of another request': (one) => {
      const other = this.other(one);
      return this.make({ ...one, request: { ...other.request, id: one.request.id } }, { numbers: [0] });
    },
    'over units that are worth more': (one) => this.make(one, { more: 1n }),
    'over units worth more, with the total that was asked': (one) =>
      this.make(one, {
        more: 1n,
        claims: { total: sumOrders(select(one.request.orders, one.credential.approved) ?? []).total },
      }),
    'over another seed': (one) => this.make(one, { seed: this.draw.bytes(32) }),
    'with a larger total': (one) => this.make(one, { claims: { total: one.request.total * 10n } }),
    'with another count': (one) => this.make(one, { claims: { count: 9 } }),
    'with another currency': (one) => this.make(one, { claims: { currency: { code: 'CHF', exponent: 2 } } }),
    'for another issuer': (one) => this.make(one, { claims: { issuer: otherIssuer } }),
    'for another request': (one) =>
      this.make(one, { claims: { requestHash: sha256(this.other(one).bytes) } }),
    'for the id of another request': (one) =>
      this.make(one, { claims: { requestId: this.other(one).request.id } }),
    "for another issuance's key": (one) =>
      this.make(one, { claims: { issuanceKey: this.options.keys.of.other.publicKey.keyId } }),
    'for a revoked key': (one) =>
      this.make(one, { claims: { issuanceKey: this.options.keys.of.revoked.publicKey.keyId } }),
    'of another key set': (one) => this.make(one, { terms: { keySet: this.draw.bytes(32) } }),
    'to be redeemed for longer': (one) =>
      this.make(one, { claims: { redeemUntil: one.request.redeemUntil + 86_400 } }),
    'to be redeemed until yesterday, units and all': (one) =>
      this.make(one, { terms: { redeemUntil: this.house.clock.nowSeconds() - 86_400 } }),
    'under a serial that it used': (one) =>
      this.make(one, { terms: { sequence: 1 + this.draw.below(Math.max(1, this.sequence)) } }),
    'under a serial to come': (one) => this.make(one, { terms: { sequence: this.sequence + 1_000 } }),
    'of another epoch': (one) => this.make(one, { terms: { epoch: 7 } }),
    'dated back': (one) => this.make(one, this.at(-80_000)),
    'dated ahead': (one) => this.make(one, this.at(86_400)),
    'dated before its key': (one) => this.make(one, this.at(-40 * 86_400)),
    'dated after its key': (one) => this.make(one, this.at(400 * 86_400)),
    twice: async (one) => {
      await this.make(one);
      return this.make(one);
    },
    'an old control bit': async (one) => {
      const old = this.bits.pick(this.draw);
      return old === undefined ? this.make(one) : succeed(old);
    },
    'signed by a key that nobody knows': (one) => this.make(one, {}, stranger),
    'with a bit flipped': async (one) => {
      const made = await this.make(one);
      return made.ok ? succeed(flipped(made.value, this.draw)) : made;
    },
    'the request itself': async ({ bytes }) => succeed(bytes),
    nothing: async () => refuse('peer_unavailable', 'a lie'),
    'that the quota is exceeded': async () => refuse('quota_exceeded', 'a lie'),
    'that the credential expired, and keeps a control bit': async (one) => {
      const kept = await this.make(one);
      if (kept.ok) this.bits.add(kept.value);
      return refuse('credential_expired', 'a lie');
    },
  };

  /** A control bit that nobody asked for, in the place of the one that issuance has signed the currency of: what a verifier takes is counted. */
  private async signAlone(): Promise<string> {
    const file = this.callers.files.pick(this.draw);
    const one = this.presented.pick(this.draw);
    const decoded = file === undefined ? undefined : decodeCurrencyFile(file);
    if (one === undefined || decoded?.ok !== true) return 'nothing to do it with';
    const bit = decodeControlBit(decoded.value.controlBit);
    if (!bit.ok) throw new Broken(bit.message);
    const { record, toBeSigned } = bit.value;
    const made = this.draw.pick<() => Promise<Result<Uint8Array>>>([
      () => this.make(one, { more: 5n }),
      () => this.make(one, { terms: { sequence: record.sequence } }),
      async () => succeed(await signAs(this.options.keys.of.quota, toBeSigned)),
      async () =>
        succeed(
          await signAs(
            this.options.keys.of.quota,
            withClaims(toBeSigned, [[claim.total, record.total * 2n]]),
          ),
        ),
    ]);
    const controlBit = await made();
    if (!controlBit.ok) return controlBit.code;
    this.bits.add(controlBit.value);
    return this.observer.judge(encodeCurrencyFile({ ...decoded.value, controlBit: controlBit.value }));
  }

  /** A head of a journal that it makes up; whoever has seen two that no one journal has works with it no more. */
  private async showHead(): Promise<string> {
    const { draw } = this;
    const before = this.witness.held[0]?.record;
    const head = {
      ...owner,
      issuedAt: this.house.clock.nowSeconds(),
      journalId: new Uint8Array(16).fill(draw.chance(4) ? 2 : 1),
      epoch: 1,
      sequence: draw.chance(20) ? (before?.sequence ?? 3) : (before?.sequence ?? 0) + 1 + draw.below(3),
      hash: draw.bytes(32),
    };
    const { quota } = this.options.keys.of;
    const shown = await signAs(quota, encodeJournalHead(head, quota.publicKey.keyId));
    const held = await this.witness.hold(shown, owner);
    const contradicts =
      before !== undefined &&
      (!equalBytes(before.journalId, head.journalId) || before.sequence === head.sequence);
    this.forked ||= contradicts;
    if (this.witness.check(owner).ok === this.forked)
      throw new Broken('witness: two heads that no one journal has, and it is worked with');
    if (!this.forked || !draw.chance(50)) return held.ok ? 'held' : held.code;
    // An operator has resolved it.
    await this.house.store('issuance').releaseHead('quota', 'quota');
    await this.serve();
    this.forked = false;
    return 'journal_forked, resolved';
  }

  private wait(): string {
    this.house.clock.advanceMs(this.draw.pick([1_000, 60_000, 301_000, 7_200_000]));
    return 'later';
  }

  private async restart(): Promise<string> {
    for (const role of ['issuance', 'central'] as const) {
      await this.house.close(role);
      await this.house.open(role);
    }
    await this.serve();
    return 'the same databases';
  }

  /** INVARIANT: what is authentic is counted by central management, within what two people allowed in that version. */
  async check(): Promise<void> {
    const own = await this.house.store('central').position(issuer, 'EUR', 0);
    if (own === undefined) throw new Broken('account: central management has none');
    const { version, issued, voided, returned } = own;
    if (own.allocated !== this.totals.get(version))
      throw new Broken(`account: ${own.allocated} is allocated in version ${version}, which nobody approved`);
    const authentic = this.observer.total();
    if (authentic > issued - voided)
      throw new Broken(`bound: ${authentic} is authentic, and ${issued - voided} counted`);
    if (issued - voided - returned > own.allocated)
      throw new Broken(`bound: ${issued - voided - returned} of ${own.allocated} is approved`);
    if (!this.returns && returned > 0n)
      throw new Broken(`returned: ${returned} came back, where nothing does`);
    this.settled.check(own);
    await this.checkFreed();
  }

  /** INVARIANT: of each request what was freed, and what is authentic, come to what was approved. */
  private async checkFreed(): Promise<void> {
    for (const { bytes, sequence } of await this.house.store('central').journal(this.read + 1, 1_000)) {
      this.read = sequence;
      const entry = decodeEntry(bytes);
      if (!('entry' in entry)) continue;
      const { kind } = entry.entry;
      if (kind === 'resolution') this.freed.set(toHex(entry.entry.id), entry.entry);
      if (kind === 'retirement' || kind === 'transfer') this.settled.checkFollowed(entry.entry.id);
    }
    for (const { bit, sum } of this.observer.batches.values()) {
      const resolved = this.freed.get(toHex(bit.requestId));
      if (resolved !== undefined && resolved.freed + sum > resolved.approved)
        throw new Broken(
          `freed: ${resolved.freed} of ${resolved.approved}, and ${sum} of the request is authentic`,
        );
    }
  }

  /** Every order that is authentic was approved: there is a credential of central management's for it. */
  async finish(): Promise<void> {
    for (const order of this.callers.all.slice(-20)) {
      this.callers.placed.add(order);
      await this.callers.again();
    }
    let asked = 0n;
    for (const { sent, numbers } of this.callers.issued()) {
      const { request, bytes } = sent;
      const credential = await this.house.credentialOf(request.id);
      if (credential === undefined)
        throw new Broken(`approved: ${toHex(request.id)} is authentic without a credential`);
      const { requestHash, approved } = credential;
      if (!equalBytes(requestHash, sha256(bytes)))
        throw new Broken('approved: what is authentic is another request than the one that was approved');
      const allowed = new Set(select([...request.orders.keys()], approved));
      if (numbers.some((number) => !allowed.has(number)))
        throw new Broken('approved: an order that was denied is authentic');
      asked += sumOrders(select(request.orders, approved) ?? []).total;
    }
    const authentic = this.observer.total();
    if (authentic > asked) throw new Broken(`approved: ${authentic} is authentic of ${asked}`);
    const most = [...this.totals.values()].reduce((a, b) => (a > b ? a : b));
    const outstanding = authentic - (this.returns ? this.settled.gone : 0n);
    if (outstanding > most) throw new Broken(`bound: ${outstanding} is outstanding of at most ${most}`);
    const own = await this.house.store('central').position(issuer, 'EUR', 0);
    if (own !== undefined && own.issued > most) lies.worlds++;
    lies.of++;
    if (own !== undefined && own.returned > 0n) lies.returned++;
  }

  remove(): Promise<void> {
    return this.house.remove();
  }
}

/** In how many worlds more was approved in all than was ever allowed: there only what was freed kept the bound from being reached. */
export const lies = { worlds: 0, of: 0, returned: 0 };

export function openLyingQuota(options: WorldOptions): Promise<World> {
  return new LyingQuota(options).open();
}
