/**
 * Vouching, at issuance: whether the units of a retirement are units that it has issued, and their owner's who signs. Central management
 * asks it before it counts that they came back to a quota, so that quota control's word is not enough for that.
 *
 * It only looks: a crash leaves nothing.
 */
import { equalBytes } from '../kit/bytes.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { unitFinder } from '../records/batch-unit.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { leafHash } from '../records/merkle.ts';
import { ownerOfKey } from '../records/owner.ts';
import { decodeRequest, lotsOf } from '../records/request.ts';
import { decodeRetirement } from '../records/retirement.ts';
import { select } from '../records/selection.ts';
import { commitOwner, encodeUnit, serialName, type Unit } from '../records/unit.ts';
import type { Store, UnitSerial } from '../store/store.ts';
import { decodeContext } from './currency-intent.ts';

/** A retirement, with what quota control says that it spends. */
export interface ShownRetirement {
  /** As its owner signed it. */
  readonly retirement: Uint8Array;
  /** Of each unit that it names, in its order, 32 bytes. */
  readonly blindings: readonly Uint8Array[];
  readonly units: readonly UnitSerial[];
}

/** Refused as `unit_unknown` where a unit is not of its currency, and with the codes of decoding a record. */
export type Vouched = Result<null>;

export interface Vouching {
  /** For each of `retirements`, in their order. Whether the owner signed it is for whoever asks to see. */
  vouch(retirements: readonly ShownRetirement[]): Promise<readonly Vouched[]>;
}

/** Asks the issuance of `issuer`. */
export type AskVouching = (
  issuer: string,
  retirements: readonly ShownRetirement[],
) => Promise<Result<readonly Vouched[]>>;

type FindUnit = (index: number) => Unit | undefined;

export function makeVouching(issuer: string, store: Pick<Store, 'findSerial' | 'findIntent'>): Vouching {
  /** The units of the batch whose currency this issuance has signed under the serial. */
  async function openBatch({ epoch, sequence }: UnitSerial): Promise<FindUnit | undefined> {
    const currency = await store.findSerial(epoch, sequence);
    if (currency?.kind !== 'currency' || currency.signed === null) return undefined;
    const request = await store.findIntent('request', currency.id);
    const signed = request?.signed ?? null;
    assert(request !== undefined && signed !== null, 'currency is of a request that was signed');
    const bit = decodeControlBit(decodeContext(currency.context).controlBit);
    const decoded = decodeRequest(signed);
    assert(bit.ok && decoded.ok, 'what was signed decodes');
    const { record } = bit.value;
    const orders = select(decoded.value.record.orders, record.orders);
    assert(orders !== undefined, 'currency is of orders of its request');
    return unitFinder({
      ...record,
      lots: lotsOf(orders),
      notBefore: record.issuedAt,
      seed: request.context,
    });
  }

  async function vouchFor(shown: ShownRetirement, batchOf: typeof openBatch): Promise<Vouched> {
    const decoded = decodeRetirement(shown.retirement);
    if (!decoded.ok) return decoded;
    const { units: hashes, ownerKey, currency, total, issuer: named } = decoded.value.record;
    const { units, blindings } = shown;
    if (named !== issuer || units.length !== hashes.length || blindings.length !== hashes.length)
      return refuseUnknown('units', 'it names units of another issuer, or others than it is said to spend');
    const owner = ownerOfKey(ownerKey.keyId);
    let sum = 0n;
    for (const [place, serial] of units.entries()) {
      const unit = (await batchOf(serial))?.(serial.index);
      const [hash, blinding] = [hashes[place], blindings[place]];
      assert(hash !== undefined && blinding !== undefined, 'there is one of each for a unit');
      if (
        unit === undefined ||
        unit.currency.code !== currency.code ||
        !equalBytes(leafHash(encodeUnit(unit)), hash) ||
        !equalBytes(commitOwner(owner, blinding), unit.owner)
      )
        return refuseUnknown(
          `units[${place}]`,
          `unit ${serialName(serial)} is not the one that is named, or not \`${owner}\`'s`,
        );
      sum += unit.value;
    }
    return sum === total
      ? succeed(null)
      : refuseUnknown('total', `its units come to ${sum} minor units, and it names ${total}`);
  }

  return {
    async vouch(retirements) {
      const batches = new Map<string, FindUnit | undefined>();
      const batchOf = async (serial: UnitSerial): Promise<FindUnit | undefined> => {
        const name = `${serial.epoch} ${serial.sequence}`;
        if (!batches.has(name)) batches.set(name, await openBatch(serial));
        return batches.get(name);
      };
      const vouched: Vouched[] = [];
      for (const shown of retirements) vouched.push(await vouchFor(shown, batchOf));
      return vouched;
    },
  };
}

function refuseUnknown(field: string, why: string): Refusal<'unit_unknown'> {
  return refuse(
    'unit_unknown',
    `${field}: ${why}: units that this issuance has issued, each once, are accepted`,
    field,
  );
}
