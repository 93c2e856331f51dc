/** The denial: central management's signed refusal, with the reasons that the label machine let out. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { claim, nameAccepted, namePattern, type RecordErrorCode, type RuleSet } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';

export interface Denial {
  readonly requestId: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  /** SHA-256 of the signed request. */
  readonly requestHash: Uint8Array;
  readonly reasons: readonly string[];
  /** The largest amount that the limits that are no secret would let pass now, minor units; null where none or unknown. */
  readonly wouldPass: bigint | null;
  readonly ruleSet: RuleSet;
  readonly traceHash: Uint8Array;
}

export function encodeDenial(denial: Denial, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.denial,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'central'],
      [claim.audience, denial.issuer],
      [claim.issuedAt, denial.issuedAt],
      [claim.id, denial.requestId],
      [claim.requestHash, denial.requestHash],
      [claim.reasons, denial.reasons],
      [claim.wouldPass, denial.wouldPass],
      [claim.ruleSet, [denial.ruleSet.version, denial.ruleSet.hash]],
      [claim.traceHash, denial.traceHash],
    ]),
  );
}

export function decodeDenial(bytes: Uint8Array): Result<Decoded<Denial>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.denial, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'central');
    const wouldPass = reader.take(claim.wouldPass, 'wouldPass');
    return reader.finish({
      requestId: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.audience, 'audience', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      requestHash: reader.bytes(claim.requestHash, 'requestHash', 32),
      reasons: reader.texts(claim.reasons, 'reasons'),
      wouldPass: wouldPass === null ? null : reader.amountOf(wouldPass, 'wouldPass'),
      ruleSet: reader.ruleSet(),
      traceHash: reader.bytes(claim.traceHash, 'traceHash', 32),
    });
  });
}
