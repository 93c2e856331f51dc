/**
 * What has to hold whatever was cut, seen from outside: by who watches the tokens, who holds every answer that a caller got, and who
 * reads the databases by their journals. A broken invariant throws, with its name first.
 */
import { genesisHash, type JournalHead, verifyChain } from '../../src/journal/chain.ts';
import { equalBytes, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import { decodeCbor } from '../../src/kit/encoding.ts';
import type { Result } from '../../src/kit/result.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import type { Decision } from '../../src/records/decision.ts';
import { decodeRequest } from '../../src/records/request.ts';
import { decodeUnit } from '../../src/records/unit.ts';
import type { IssuanceOutcome } from '../../src/roles/issuance.ts';
import type { IntentKind, QuotaPosition, Reservation, Settlement } from '../../src/store/store.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { verifySignature } from '../records/openssl.ts';
import { issuer, type Tokens } from '../roles/authorities.ts';
import { Broken } from './broken.ts';
import { HeldReservations } from './held-reservations.ts';
import { answerOf } from './keeping.ts';
import type { Plant, Watch } from './plant.ts';
import { type Role, roles } from './power.ts';

export { Broken } from './broken.ts';

const noSignature = new Uint8Array(64);
const kindsOf: Readonly<Record<Role, readonly IntentKind[]>> = {
  central: ['credential', 'denial'],
  issuance: ['request', 'currency', 'closing', 'reservation', 'release'],
  quota: ['control-bit', 'retirement', 'transfer', 'reservation'],
};

export class Auditor implements Watch {
  readonly sums = { orders: 0, units: 0, issued: 0n, taken: 0n };
  private readonly plant: Plant;
  private readonly tokens: Tokens;
  private readonly allocated: bigint;
  private readonly heads = new Map<Role, JournalHead>();
  /** Of what a token was asked to sign: its hash, by role, kind and request. */
  private readonly signed = new Map<string, string>();
  /** Of what was replied, to a system or a caller: its hash, by whose it is. */
  private readonly answered = new Map<string, string>();
  /** The hash of a unit by its serial. */
  private readonly units = new Map<string, string>();
  /** The request of an order. */
  private readonly places = new Map<string, string>();
  private readonly takes = new Map<string, bigint>();
  /** What quota control's journal says of settlements, and what central management's does, which follows it. */
  private readonly settled = { quota: new SettledSums(), central: new SettledSums() };
  private readonly reservations = new HeldReservations();

  constructor(plant: Plant, tokens: Tokens, allocated: bigint) {
    this.plant = plant;
    this.tokens = tokens;
    this.allocated = allocated;
  }

  /** What a token is asked to sign is committed, is that very entry, and is anchored. */
  async signing(role: Role, message: Uint8Array, purpose: string, intent: string): Promise<void> {
    const kind = kindsOf[role].find((one) => one === purpose);
    if (kind === undefined) throw new Broken(`purpose: ${role} signs \`${purpose}\``);
    this.keep(
      this.signed,
      `${role} ${purpose} ${intent}`,
      message,
      'one content: the token was asked to sign',
    );
    if (kind === 'control-bit') this.takeOf(message);
    if (kind === 'currency' || kind === 'closing')
      this.keep(this.signed, `end of request ${intent}`, utf8(kind), 'one end: currency or a closing');
    const stored = await this.plant.storeOf(role).findIntent(kind, Buffer.from(intent, 'hex'));
    if (stored === undefined || !equalBytes(stored.toBeSigned, message))
      throw new Broken(`commit before sign: ${role} signs a ${purpose} that is not stored`);
    const anchored = this.plant.anchors[role].head?.sequence ?? -1;
    if (anchored < stored.sequence)
      throw new Broken(`anchor before sign: ${role} signs entry ${stored.sequence}, ${anchored} is anchored`);
  }

  /** The reply to a message is the same for ever, however often it is asked for. */
  replied(name: string, asked: Uint8Array, answer: Result<unknown>): void {
    if (!answer.ok) return;
    const key = `the reply to ${name} ${toHex(sha256(asked))}`;
    if (answer.value instanceof Uint8Array) {
      this.keep(this.answered, key, answer.value, 'same bytes');
      return;
    }
    if (name === 'release') {
      this.keep(this.answered, key, answerOf(answer.value as Reservation), 'same bytes');
      return;
    }
    const { credential, denial } = answer.value as Decision;
    const none = new Uint8Array();
    this.keep(this.answered, key, Buffer.concat([credential ?? none, denial ?? none]), 'same bytes');
  }

  /** What a caller got for an order: authentic, the same for ever, and no unit with two contents. */
  outcome(order: string, amount: bigint, got: IssuanceOutcome): void {
    const bytes = Buffer.concat([Buffer.from(got.kind), ...Object.values(got.files)]);
    const isNew = this.keep(this.answered, `order ${order}`, bytes, 'same bytes');
    if (!isNew) return;
    this.sums.orders++;
    if (got.kind === 'denied') return;
    const verified = verifyFile(got.files.currency, {
      bundle: this.tokens.bundleBytes,
      at: this.plant.clock.nowSeconds(),
      verifySignature,
    });
    if (!verified.ok) throw new Broken(`authentic: ${verified.code} ${verified.message}`);
    if (verified.value.total !== amount)
      throw new Broken(`amount: an order of ${amount} got ${verified.value.total}`);
    const file = decodeCurrencyFile(got.files.currency);
    if (!file.ok) throw new Broken(file.message);
    for (const leaf of file.value.leaves) {
      const unit = decodeUnit(leaf);
      if (!unit.ok) throw new Broken(unit.message);
      const { epoch, sequence, index, value } = unit.value;
      if (!this.keep(this.units, `${epoch}/${sequence}/${index}`, leaf, 'one serial'))
        throw new Broken(`one serial: unit ${epoch}/${sequence}/${index} was given to two orders`);
      this.sums.units++;
      this.sums.issued += value;
    }
    if (this.sums.issued > this.allocated + this.settled.quota.returned)
      throw new Broken('Σ issued ≤ Σ quota: what callers hold is more');
  }

  /** What was got for what was sent: the same for ever. */
  receipt(of: string, receipt: Uint8Array): void {
    this.keep(this.answered, of, receipt, 'same bytes');
  }

  /** What stands in the databases and on the anchors, with nothing under way. */
  async check(): Promise<void> {
    for (const role of roles) await this.checkJournal(role);
    const position = await this.plant.storeOf('quota').position(issuer, 'EUR', this.plant.clock.nowMs());
    if (position === undefined) throw new Broken('quota: there is none');
    const { reserved, issued, held, available, allocated, returned } = position;
    if (allocated !== this.allocated || issued + reserved + held - returned + available !== allocated)
      throw new Broken(
        'conservation: issued + reserved + held − returned + available is not what was allocated',
      );
    const left = this.reservations.left(this.plant.clock.nowMs());
    if (held !== left) throw new Broken(`conservation: ${held} is held, and ${left} is left of reservations`);
    const taken = [...this.takes.values()].reduce((sum, total) => sum + total, 0n);
    if (issued + reserved !== taken)
      throw new Broken(`conservation: ${issued + reserved} is taken for control bits over ${taken}`);
    if (this.sums.issued > issued) throw new Broken('Σ issued ≤ Σ quota: more is out than was taken');
    this.settled.quota.check(position, position.returns);
    this.sums.taken = taken;
    const own = await this.plant.storeOf('central').position(issuer, 'EUR', this.plant.clock.nowMs());
    if (own === undefined) throw new Broken('account: central management has none');
    if (own.issued - own.voided < issued + reserved)
      throw new Broken(
        `account: ${own.issued - own.voided} is counted by central management, and ${issued + reserved} is taken`,
      );
    if (own.issued - own.voided - own.returned > own.allocated)
      throw new Broken('account: more is approved than allocated');
    this.settled.central.check(own, own.returns);
    if (own.returned > returned) throw new Broken('account: more came back than at quota control');
  }

  private async checkJournal(role: Role): Promise<void> {
    const store = this.plant.storeOf(role);
    const known = this.heads.get(role) ?? { sequence: 0, hash: genesisHash(role, await store.journalId()) };
    const entries = await store.journal(known.sequence, 10_000);
    const news = entries.filter(({ sequence }) => sequence > known.sequence);
    const verified = verifyChain(news, known.hash, known.sequence);
    if (!verified.ok) throw new Broken(`journal: ${role}'s ${verified.message}`);
    this.heads.set(role, verified.value);
    const anchored = this.plant.anchors[role].head?.sequence ?? 0;
    const head = await store.head();
    if (head.sequence !== verified.value.sequence) throw new Broken(`journal: ${role}'s lost its end`);
    if (anchored > head.sequence) throw new Broken(`anchor: ${role}'s is ahead of its journal`);
    if ((await store.firstSignedAfter(anchored)) !== undefined)
      throw new Broken(`anchor before sign: ${role} stored a signature of an entry that is not anchored`);
    for (const { bytes } of news) {
      if (role === 'quota') this.reservations.add(bytes);
      const { kind, subject } = entryHead(bytes);
      if (typeof subject === 'string') continue;
      if (kind === 'retirement' || kind === 'transfer') await this.settle(role, kind, subject);
      if (kind !== 'request' && kind !== 'control-bit') continue;
      const intent = await store.findIntent(kind, subject);
      if (intent === undefined) throw new Broken(`journal: ${role} has an entry without its ${kind}`);
      if (kind === 'control-bit') this.takeOf(intent.toBeSigned);
      else this.placesOf(intent.toBeSigned);
    }
  }

  /** What central management follows is what quota control has settled. */
  private async settle(role: Role, kind: 'retirement' | 'transfer', id: Uint8Array): Promise<void> {
    const intent = await this.plant.storeOf(role).findIntent(kind, id);
    if (intent?.settles === undefined || role === 'issuance')
      throw new Broken(`journal: ${role} has an entry of a settlement without it`);
    this.settled[role].add(intent.settles);
    if (role === 'quota') return;
    const settled = await this.plant.storeOf('quota').findIntent(kind, id);
    if (settled === undefined || !equalBytes(settled.toBeSigned, intent.toBeSigned))
      throw new Broken(`followed: central management has a ${kind} that quota control does not have`);
  }

  /** A request has one control bit, and so one take. */
  private takeOf(toBeSigned: Uint8Array): void {
    const decoded = decodeControlBit(attachSignature(toBeSigned, noSignature));
    if (!decoded.ok) throw new Broken(decoded.message);
    const { requestId, epoch, sequence, total } = decoded.value.record;
    this.keep(this.signed, `request ${toHex(requestId)}`, toBeSigned, 'one control bit a request');
    this.keep(this.signed, `serial ${epoch}/${sequence}`, toBeSigned, 'one serial');
    this.takes.set(toHex(requestId), total);
  }

  private placesOf(toBeSigned: Uint8Array): void {
    const decoded = decodeRequest(attachSignature(toBeSigned, noSignature));
    if (!decoded.ok) throw new Broken(decoded.message);
    const request = toHex(decoded.value.record.id);
    for (const { id } of decoded.value.record.orders) {
      const before = this.places.get(toHex(id));
      if (before !== undefined && before !== request)
        throw new Broken('one order one request: an order is in two requests');
      this.places.set(toHex(id), request);
    }
  }

  /** Gives whether it is new; throws where there is another one under this key. */
  private keep(map: Map<string, string>, key: string, bytes: Uint8Array, rule: string): boolean {
    const hash = toHex(sha256(bytes));
    const before = map.get(key);
    if (before !== undefined && before !== hash) throw new Broken(`${rule}: two contents of ${key}`);
    map.set(key, hash);
    return before === undefined;
  }
}

/** What a journal's settlements come to, and each unit that they spend. */
class SettledSums {
  retired = 0n;
  returned = 0n;
  private credited = 0n;
  private readonly spent = new Set<string>();

  add({ amount, from, to, units, returned }: Settlement): void {
    if (from !== null) this.credited -= amount;
    if (to === null) this.retired += amount;
    else this.credited += amount;
    this.returned += returned;
    for (const { epoch, sequence, index } of units) {
      const unit = `${epoch}/${sequence}/${index}`;
      if (this.spent.has(unit)) throw new Broken(`spent once: unit ${unit} is in two retirements`);
      this.spent.add(unit);
    }
  }

  /** That the quota has the same, and that all that is retired came back, or none. */
  check(quota: Pick<QuotaPosition, 'retired' | 'returned' | 'credited'>, returns: boolean): void {
    const { retired, returned, credited } = this;
    if (
      quota.retired !== retired ||
      quota.credited !== credited ||
      quota.returned !== returned ||
      returned !== (returns ? retired : 0n)
    )
      throw new Broken(
        `settlement: ${quota.retired} is retired, ${quota.returned} came back and ${quota.credited} is in accounts, and the journal has ${retired}, ${returned} and ${credited}`,
      );
  }
}

/** Kind and subject of a journal entry (src/journal/chain.ts). */
function entryHead(bytes: Uint8Array): { kind: string; subject: Uint8Array | string } {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) throw new Broken(`journal: ${decoded.message}`);
  const [, kind, subject] = decoded.value as [number, string, Uint8Array | string];
  return { kind, subject };
}
