/** The quota credential: central management's approval of orders of one request, for quota control, single use and short-lived. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import {
  type Currency,
  claim,
  nameAccepted,
  namePattern,
  type RecordErrorCode,
  type RuleSet,
} from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { encodeCurrency, readCurrency } from './request.ts';
import { encodeRuns, type Run, readRuns } from './selection.ts';

export interface Credential {
  /** Random, 16 bytes: spent once. */
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** SHA-256 of the signed request. */
  readonly requestHash: Uint8Array;
  readonly currency: Currency;
  /** Which of the request's orders are approved. */
  readonly approved: readonly Run[];
  /** Of the approved orders. */
  readonly total: bigint;
  readonly buckets: readonly string[];
  readonly ruleSet: RuleSet;
  readonly traceHash: Uint8Array;
}

export function encodeCredential(credential: Credential, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.credential,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'central'],
      [claim.subject, credential.issuer],
      [claim.audience, 'quota'],
      [claim.expiresAt, credential.expiresAt],
      [claim.issuedAt, credential.issuedAt],
      [claim.id, credential.id],
      [claim.requestHash, credential.requestHash],
      [claim.currency, encodeCurrency(credential.currency)],
      [claim.approved, encodeRuns(credential.approved)],
      [claim.total, credential.total],
      [claim.buckets, credential.buckets],
      [claim.ruleSet, [credential.ruleSet.version, credential.ruleSet.hash]],
      [claim.traceHash, credential.traceHash],
    ]),
  );
}

/** Decodes untrusted bytes, already decrypted. */
export function decodeCredential(bytes: Uint8Array): Result<Decoded<Credential>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.credential, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'central');
    reader.exactText(claim.audience, 'audience', 'quota');
    return reader.finish({
      id: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      expiresAt: reader.time(claim.expiresAt, 'expiresAt'),
      requestHash: reader.bytes(claim.requestHash, 'requestHash', 32),
      currency: readCurrency(reader),
      approved: readRuns(reader, claim.approved, 'approved'),
      total: reader.amount(claim.total, 'total'),
      buckets: reader.texts(claim.buckets, 'buckets'),
      ruleSet: reader.ruleSet(),
      traceHash: reader.bytes(claim.traceHash, 'traceHash', 32),
    });
  });
}
