/** Retirements and transfers for the sweep: what two owners send to quota control, while everything may be cut, and what has to come of it. */
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { ownerOfKey } from '../../src/records/owner.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { encodeRetirementFile } from '../../src/records/retirement-file.ts';
import { commitOwner } from '../../src/records/unit.ts';
import type { Settlements } from '../../src/roles/settlements.ts';
import { byOpenssl } from '../records/openssl.ts';
import {
  blindingOf,
  euro,
  type OwnedCurrency,
  ann as owningAnn,
  ben as owningBen,
  retirementParts,
  transferOf,
} from '../roles/owned-currency.ts';
import { Broken } from './broken.ts';
import type { Draw } from './draw.ts';
import type { Plant } from './plant.ts';

const ann = byOpenssl(owningAnn);
const ben = byOpenssl(owningBen);

const unitValue = 10n;
/** More than the settlements of one plant spend. */
const unitCount = 60;

/** What an owner has signed, and sends until it has the receipt. */
export interface Sent {
  readonly id: string;
  readonly kind: 'retirement' | 'transfer';
  readonly bytes: Uint8Array;
  /** Of ann's account: what it takes from it, or puts into it where it is settled. */
  readonly credits: bigint;
}

export class Settling {
  private readonly plant: Plant;
  private readonly draw: Draw;
  private owned: OwnedCurrency | undefined;
  private nextUnit = 0;
  /** What is in ann's account at least: what came in by receipts, less what was sent out. */
  private balance = 0n;

  constructor(plant: Plant, draw: Draw) {
    this.plant = plant;
    this.draw = draw;
  }

  /** Currency of ann, before anything is cut. */
  async begin(): Promise<void> {
    const { plant } = this;
    const lots = [{ owner: ann, value: unitValue, count: unitCount }];
    const commitment = commitOwner(ownerOfKey(ann.key.keyId), blindingOf(ann));
    const got = await plant.issuance.issue(
      encodeDraft({
        id: this.newId(),
        currency: euro,
        total: unitValue * BigInt(unitCount),
        lots: [{ value: unitValue, count: unitCount, owner: { commitment } }],
        purpose: 'sweep',
        origin: 'DE',
        destination: 'DE',
      }),
    );
    if (!got.ok || got.value.kind !== 'issued') throw new Broken('begin: there is room for it');
    const bytes = got.value.files.currency;
    const file = decodeCurrencyFile(bytes);
    if (!file.ok) throw new Broken(file.message);
    this.owned = { file: file.value, bytes, lots };
  }

  private newId(): Uint8Array {
    return makeRequestId(this.plant.clock, (length) => this.draw.bytes(length));
  }

  /** One to `most` that are sent at once: units retired for good or to ann's account, and what is in that moved or retired. */
  make(most = 3): Sent[] {
    const { draw, owned } = this;
    const sent: Sent[] = [];
    for (let i = 1 + draw.below(most); i > 0; i--) {
      if (this.balance > 0n && draw.chance(40)) sent.push(this.transfer());
      else if (owned !== undefined && this.nextUnit < unitCount) sent.push(this.retirement(owned));
    }
    return sent;
  }

  private retirement(owned: OwnedCurrency): Sent {
    const { draw, plant } = this;
    const count = Math.min(1 + draw.below(2), unitCount - this.nextUnit);
    const places = Array.from({ length: count }, () => this.nextUnit++);
    const id = this.newId();
    const credited = draw.chance(60);
    const record = { id, creditTo: credited ? ann.key.keyId : null };
    const parts = retirementParts(plant, ann, owned, places, { record });
    const credits = credited ? unitValue * BigInt(count) : 0n;
    return {
      id: Buffer.from(id).toString('hex'),
      kind: 'retirement',
      bytes: encodeRetirementFile(parts),
      credits,
    };
  }

  private transfer(): Sent {
    const { draw, plant } = this;
    const total = 1n + BigInt(draw.below(Number(this.balance)));
    this.balance -= total;
    const id = this.newId();
    const bytes = transferOf(plant, ann, total, draw.chance(50) ? ben : null, { id });
    return { id: Buffer.from(id).toString('hex'), kind: 'transfer', bytes, credits: 0n };
  }

  send({ kind, bytes }: Sent): ReturnType<Settlements['retire']> {
    const { settlements } = this.plant;
    return kind === 'retirement'
      ? settlements.retire(bytes, 'operator')
      : settlements.transfer(bytes, 'operator');
  }

  /** It has its receipt. */
  settled({ credits }: Sent): void {
    this.balance += credits;
  }
}
