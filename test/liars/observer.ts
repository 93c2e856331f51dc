/**
 * What anybody can see: it verifies every file that exists offline, with the trust bundle and nothing else, and adds up what is authentic. It
 * asks no role. A broken rule throws, with its name first.
 */
import { sha256, toHex } from '../../src/kit/bytes.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { type ControlBit, decodeControlBit } from '../../src/records/control-bit.ts';
import { decodeCurrencyRecord } from '../../src/records/currency.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { decodeUnit } from '../../src/records/unit.ts';
import { decodeUnitFile } from '../../src/records/unit-file.ts';
import { Broken } from '../crash/auditor.ts';
import { verifySignature } from '../records/openssl.ts';
import type { Code } from './code.ts';
import type { LiarKeys } from './keys.ts';

/** The units that are authentic under one control bit. */
export interface Batch {
  readonly bit: ControlBit;
  readonly toBeSigned: Uint8Array;
  /** Values of the units, by the hash of the leaf. */
  readonly units: Map<string, bigint>;
  sum: bigint;
}

export class Observer {
  /** By the hash of what was signed as the control bit: of one content there may be two signatures. */
  readonly batches = new Map<string, Batch>();
  /** Σ of all that is authentic, by issuer. */
  readonly sums = new Map<string, bigint>();
  private readonly serials = new Map<string, string>();
  private readonly code: Code;
  private readonly keys: LiarKeys;
  private readonly clock: Clock;

  constructor({ code, keys, clock }: { code: Code; keys: LiarKeys; clock: Clock }) {
    this.code = code;
    this.keys = keys;
    this.clock = clock;
  }

  /** Verifies a currency or unit file, and counts it where it is authentic; gives `authentic`, or the verifier's code. */
  judge(file: Uint8Array): string {
    const verified = this.code.verifyFile(file, {
      bundle: this.keys.bundleBytes,
      at: this.clock.nowSeconds(),
      verifySignature,
    });
    if (!verified.ok) return verified.code;
    const parts = partsOf(file);
    let sum = 0n;
    for (const leaf of parts.leaves) sum += this.count(leaf, parts.controlBit);
    if (sum !== verified.value.total)
      throw new Broken(`total: the verifier says ${verified.value.total} of units worth ${sum}`);
    return 'authentic';
  }

  total(): bigint {
    return [...this.sums.values()].reduce((sum, one) => sum + one, 0n);
  }

  private count(leaf: Uint8Array, controlBit: Uint8Array): bigint {
    const unit = decodeUnit(leaf);
    if (!unit.ok) throw new Broken(`authentic: ${unit.message}`);
    const { epoch, sequence, index, value } = unit.value;
    const hash = toHex(sha256(leaf));
    const serial = `${epoch}/${sequence}/${index}`;
    const before = this.serials.get(serial);
    if (before !== undefined && before !== hash)
      throw new Broken(`one serial: two units ${serial} are authentic`);
    const isNew = before === undefined;
    this.serials.set(serial, hash);
    const batch = this.batchOf(controlBit);
    if (batch.units.has(hash)) return value;
    batch.units.set(hash, value);
    batch.sum += value;
    const { issuer, total, count } = batch.bit;
    if (isNew) this.sums.set(issuer, (this.sums.get(issuer) ?? 0n) + value);
    if (batch.sum > total || batch.units.size > count)
      throw new Broken(
        `total: ${batch.units.size} units worth ${batch.sum} are authentic under a control bit for ${count} worth ${total}`,
      );
    return value;
  }

  private batchOf(controlBit: Uint8Array): Batch {
    const decoded = decodeControlBit(controlBit);
    if (!decoded.ok) throw new Broken(`authentic: ${decoded.message}`);
    const { record: bit, toBeSigned } = decoded.value;
    const key = toHex(sha256(toBeSigned));
    const known = this.batches.get(key);
    if (known !== undefined) return known;
    const batch = { bit, toBeSigned, units: new Map(), sum: 0n };
    this.batches.set(key, batch);
    return batch;
  }
}

export function partsOf(file: Uint8Array): {
  leaves: readonly Uint8Array[];
  controlBit: Uint8Array;
  currencyRecord: Uint8Array;
} {
  const whole = decodeCurrencyFile(file);
  if (whole.ok) return whole.value;
  const one = decodeUnitFile(file);
  if (!one.ok) throw new Broken(`authentic: ${one.message}`);
  return { ...one.value, leaves: [one.value.leaf] };
}

/** The hash of the signed currency record of an authentic file: one an order, whatever parts it is handed out in. */
export function currencyOf(file: Uint8Array): string {
  const { currencyRecord } = partsOf(file);
  const decoded = decodeCurrencyRecord(currencyRecord);
  if (!decoded.ok) throw new Broken(`authentic: ${decoded.message}`);
  return toHex(sha256(currencyRecord));
}
