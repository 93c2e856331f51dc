/**
 * Every number, key and header that a record uses, in one place, each with its clause; and the readers
 * that take them out of untrusted CBOR one by one, so that an unknown or ill-typed claim is refused.
 *
 * src/records/ may import kit only; it runs in a browser as in Node.
 */
import type { CborValue } from '../kit/encoding.ts';
import { quote, type Refusal, type Result, refuse } from '../kit/result.ts';

/** COSE header parameters (IANA COSE Header Parameters). */
export const header = {
  /** RFC 9052 §3.1 */
  algorithm: 1,
  /** RFC 9052 §3.1 */
  keyId: 4,
  /** RFC 9052 §3.1: of the content encryption */
  iv: 5,
  /** RFC 9597 §2: CWT claims in a header */
  cwtClaims: 15,
  /** RFC 9596 §2: the type of the whole object */
  type: 16,
  /** RFC 9942 §2: the verifiable data structure */
  verifiableData: 395,
  /** RFC 9942 §2: its proofs */
  verifiableProofs: 396,
  /** RFC 9053 §6.3.1: the sender's ephemeral key */
  ephemeralKey: -1,
  /** RFC 9053 §5.1: of the key derivation */
  salt: -20,
} as const;

/** COSE algorithms (IANA COSE Algorithms). */
export const algorithm = {
  /** RFC 9053 §2.1: ECDSA with SHA-256 */
  es256: -7,
  /** RFC 9053 §4.1: AES-GCM with a 256-bit key */
  a256gcm: 3,
  /** RFC 9053 §6.3.1: ECDH-ES with HKDF and SHA-256, direct */
  ecdhEsHkdf256: -25,
  /** RFC 9053 §6.1.2: a shared secret with HKDF and SHA-256, direct */
  directHkdf256: -10,
} as const;

/** RFC 9942 §4.2: RFC 9162 Merkle trees with SHA-256. */
export const rfc9162Sha256 = 1;
/** RFC 9942 §4.3: label of the inclusion proofs. */
export const inclusionProofs = -1;

/** CWT claims (RFC 8392 §3.1), and private ones below -65536 (RFC 8392 §9.1). */
export const claim = {
  issuer: 1,
  subject: 2,
  audience: 3,
  expiresAt: 4,
  notBefore: 5,
  issuedAt: 6,
  id: 7,
  /** [alphabetic code of ISO 4217, exponent] */
  currency: -65537,
  /** minor units */
  total: -65538,
  /** [[id (16), purpose, origin, destination, [[value in minor units, count, owner commitment (32)], …]], …] */
  orders: -65539,
  /** seconds since the epoch */
  redeemUntil: -65543,
  /** SHA-256 of the signed request's bytes */
  requestHash: -65544,
  /** names of the quota buckets that are charged */
  buckets: -65545,
  /** [version, SHA-256 of the program] */
  ruleSet: -65546,
  /** SHA-256 of the decision's trace */
  traceHash: -65547,
  /** 16 bytes */
  reservation: -65548,
  epoch: -65549,
  sequence: -65550,
  count: -65552,
  /** key id that the currency must be signed with */
  issuanceKey: -65553,
  /** SHA-256 of the signed control bit's bytes */
  controlBitHash: -65554,
  /** [[order, [reason code, …], minor units that would pass or null], …] */
  denials: -65555,
  /** [[first order, count], …] */
  approved: -65556,
  /** [[role, name, COSE_Key, not before, not after, revoked at or null], …] */
  keys: -65557,
  revocationEpoch: -65558,
  /** COSE_Key of the offline root */
  rootKey: -65559,
  /** SHA-256 of the trust bundle's keys claim */
  keySet: -65560,
  /** [[key id, HSM, label, [token label, serial, manufacturer, model], [[attribute, expected, actual or null], …], other tokens], …] */
  auditedKeys: -65561,
  /** [threshold, [[name, COSE_Key], …]], or null where nobody has to approve */
  approval: -65562,
  /** SHA-256 of a ceremony plan's bytes */
  planId: -65563,
  /** bytes of a ceremony plan */
  plan: -65564,
  /** bytes of the signed approvals */
  approvals: -65565,
  /** bytes of the signed trust bundle that a ceremony began with */
  bundleBefore: -65566,
  /** bytes of the signed trust bundle that a ceremony made */
  bundleAfter: -65567,
  /** seconds since the epoch */
  beganAt: -65568,
  /** [[hsm, label, COSE_Key, proof of possession or null], …] */
  madeKeys: -65569,
  /** 16 bytes: the journal's id, of its genesis */
  journalId: -65570,
  /** hash of a journal's last entry, or of its genesis */
  headHash: -65571,
  /** SHA-256 of a quota change's bytes */
  changeId: -65580,
  /** 1 to 140 characters */
  reason: -65581,
  /** [hash of a unit as a leaf of its tree (32), …] */
  units: -65590,
  /** COSE_Key of whoever owns what is settled */
  ownerKey: -65591,
  /** account (32), or null where nothing is credited */
  creditTo: -65592,
  /** SHA-256 of the retirement's or transfer's bytes */
  settledHash: -65593,
  /** minor units that came back to the quota */
  returned: -65594,
  /** id of the reservation that a request's orders are issued of (16) */
  issuedOf: -65595,
  /** SHA-256 of an audit report's bytes */
  reportHash: -65600,
  /** how many findings an audit report has */
  findings: -65601,
  /** [[role, name, journal id (16), number of the last entry, its hash (32)], …] */
  auditedJournals: -65602,
  /** [[issuer, currency, issued, retired, outstanding], …], minor units */
  auditedFigures: -65603,
} as const;

export type RecordErrorCode =
  | 'not_cbor'
  | 'too_large'
  | 'record_malformed'
  | 'record_type_mismatch'
  | 'algorithm_unsupported'
  | 'denominations_mismatch'
  | 'amount_out_of_range'
  | 'too_many_units'
  | 'currency_unknown';

/** The largest amount of a record, in minor units: ten trillion euro; every sum of them fits 64 bits. */
export const amountLimit = 10n ** 15n;
/** The most units of one batch. */
export const unitLimit = 65_536;

/** 9999-12-31T23:59:59Z. */
const lastSecond = 253_402_300_799;

export type Claims = ReadonlyMap<number | string, CborValue>;

export interface Currency {
  /** ISO 4217 alphabetic code. */
  readonly code: string;
  /** Minor units are 10^-exponent of the currency. */
  readonly exponent: number;
}

export interface RuleSet {
  readonly version: number;
  /** SHA-256 of the program that decided, 32 bytes. */
  readonly hash: Uint8Array;
}

/**
 * Takes claims out of a map, each once and by type. The first fault is kept in `refusal`; values read
 * after it are placeholders, which `finish` keeps from being used.
 */
export class ClaimReader {
  refusal: Refusal<RecordErrorCode> | undefined;
  private readonly claims: Claims;
  private readonly taken = new Set<number | string>();
  /** The list and the place in it of each item that is being read, from the outside in. */
  private readonly path: (string | number)[] = [];

  constructor(claims: Claims) {
    this.claims = claims;
  }

  /** Until `leave`, names are of what is inside of `list[index]`; '' is that itself. Its path is put together only for a fault. */
  enter(list: string, index: number): void {
    this.path.push(list, index);
  }

  leave(): void {
    this.path.length -= 2;
  }

  fail(name: string, accepted: string, code: RecordErrorCode = 'record_malformed'): void {
    if (this.refusal !== undefined) return;
    const field = this.fieldOf(name);
    this.refusal = refuse(code, `${field}: ${accepted} is accepted`, field);
  }

  /** Such as `orders[3].lots[0].owner`. */
  private fieldOf(name: string): string {
    const parts: string[] = [];
    for (let at = 0; at < this.path.length; at += 2)
      parts.push(`${this.path[at] ?? ''}[${this.path[at + 1] ?? ''}]`);
    return (name === '' ? parts : [...parts, name]).join('.');
  }

  /** Whether the record has the claim: for one that older records lack. */
  has(key: number): boolean {
    return this.claims.has(key);
  }

  take(key: number, name: string): CborValue | undefined {
    this.taken.add(key);
    const value = this.claims.get(key);
    if (value === undefined) this.fail(name, 'a record that has this claim');
    return value;
  }

  text(key: number, name: string, pattern: RegExp, accepted: string): string {
    return this.textOf(this.take(key, name), name, pattern, accepted);
  }

  exactText(key: number, name: string, expected: string): void {
    const value = this.take(key, name);
    if (value !== expected) this.fail(name, `\`${expected}\`, not ${quote(value)},`);
  }

  bytes(key: number, name: string, length: number): Uint8Array {
    return this.bytesOf(this.take(key, name), name, length);
  }

  bytesOf(value: CborValue | undefined, name: string, length: number): Uint8Array {
    if (value instanceof Uint8Array && value.length === length) return value;
    this.fail(name, `a byte string of ${length} bytes`);
    return new Uint8Array(length);
  }

  textOf(value: CborValue | undefined, name: string, pattern: RegExp, accepted: string): string {
    if (typeof value === 'string' && pattern.test(value)) return value;
    this.fail(name, `${accepted}, not ${quote(value)},`);
    return '';
  }

  currencyCodeOf(value: CborValue | undefined, name: string): string {
    return this.textOf(value, name, /^[A-Z]{3}$/, 'three capital letters');
  }

  /** A record or container inside of this one, as its bytes: refused where `decode` refuses it, with its code and message. */
  enclosed(
    value: CborValue | undefined,
    name: string,
    decode: (bytes: Uint8Array) => Result<unknown, RecordErrorCode>,
  ): Uint8Array {
    if (!(value instanceof Uint8Array)) {
      this.fail(name, 'a byte string');
      return new Uint8Array();
    }
    const decoded = decode(value);
    if (!decoded.ok) this.refusal ??= refuse(decoded.code, `${name}: ${decoded.message}`, name);
    return value;
  }

  /** A count, number or time: 0 to 2^53-1. */
  integer(key: number, name: string, minimum = 0): number {
    return this.integerOf(this.take(key, name), name, minimum);
  }

  integerOf(value: CborValue | undefined, name: string, minimum = 0): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return value;
    this.fail(name, `an integer from ${minimum} to 2^53-1`);
    return minimum;
  }

  /** Seconds since 1970 to the end of the year 9999, the last that RFC 3339 can write. */
  time(key: number, name: string): number {
    return this.timeOf(this.take(key, name), name);
  }

  timeOf(value: CborValue | undefined, name: string): number {
    const seconds = this.integerOf(value, name);
    if (seconds <= lastSecond) return seconds;
    this.fail(name, 'a time in seconds before the year 10000');
    return 0;
  }

  /** Milliseconds since 1970, to the end of the year 9999: a moment that calendars have. */
  momentOf(value: CborValue | undefined, name: string): number {
    const ms = this.integerOf(value, name);
    this.timeOf(Math.floor(ms / 1000), name);
    return ms;
  }

  amount(key: number, name: string): bigint {
    return this.amountOf(this.take(key, name), name);
  }

  amountOf(value: CborValue | undefined, name: string): bigint {
    if (typeof value === 'number' || typeof value === 'bigint') {
      const amount = BigInt(value);
      if (amount >= 1n && amount <= amountLimit) return amount;
      this.fail(
        name,
        `an amount from 1 to ${amountLimit} minor units, not ${quote(amount)},`,
        'amount_out_of_range',
      );
    } else {
      this.fail(name, 'an integer of minor units');
    }
    return 1n;
  }

  texts(key: number, name: string): readonly string[] {
    return this.textsOf(this.take(key, name), name);
  }

  textsOf(value: CborValue | undefined, name: string): readonly string[] {
    if (Array.isArray(value) && value.length <= 64 && value.every((item) => typeof item === 'string'))
      return value;
    this.fail(name, 'an array of at most 64 text strings');
    return [];
  }

  /** An array of `length` items, or of any length up to 65,536 where none is given. */
  list(key: number, name: string, length?: number): readonly CborValue[] {
    return this.listOf(this.take(key, name), name, length);
  }

  listOf(value: CborValue | undefined, name: string, length?: number): readonly CborValue[] {
    if (Array.isArray(value) && (length === undefined ? value.length <= unitLimit : value.length === length))
      return value;
    this.fail(
      name,
      length === undefined ? `an array of at most ${unitLimit} items` : `an array of ${length}`,
    );
    return [];
  }

  ruleSet(): RuleSet {
    const [version, hash] = this.list(claim.ruleSet, 'ruleSet', 2);
    if (!(hash instanceof Uint8Array) || hash.length !== 32) {
      this.fail('ruleSet', 'a version and a hash of 32 bytes');
      return { version: 0, hash: new Uint8Array(32) };
    }
    return { version: this.integerOf(version, 'ruleSet.version'), hash };
  }

  /** Gives `record` when every claim was read without fault and none is left over. */
  finish<T>(record: T): { ok: true; value: T } | Refusal<RecordErrorCode> {
    for (const key of this.claims.keys()) {
      if (!this.taken.has(key)) this.fail(`claim ${quote(key)}`, 'none that this record does not define');
    }
    return this.refusal ?? { ok: true, value: record };
  }
}

/** Names of issuers and roles. */
export const namePattern = /^[a-z0-9-]{1,64}$/;
export const nameAccepted = '1 to 64 of `a`-`z`, `0`-`9` and `-`';
