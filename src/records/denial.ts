/** The denial: central management's signed refusal of orders of one request, with the reasons that the label machine let out. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import {
  type ClaimReader,
  claim,
  nameAccepted,
  namePattern,
  type RecordErrorCode,
  type RuleSet,
} from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';

export interface DeniedOrder {
  /** Its number in the request, from 0. */
  readonly order: number;
  readonly reasons: readonly string[];
  /** The largest amount that the limits that are no secret would let pass now, minor units; null where none or unknown. */
  readonly wouldPass: bigint | null;
}

export interface Denial {
  readonly requestId: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  /** SHA-256 of the signed request. */
  readonly requestHash: Uint8Array;
  /** In ascending order; at least one. */
  readonly denials: readonly DeniedOrder[];
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
      [claim.denials, denial.denials.map(({ order, reasons, wouldPass }) => [order, reasons, wouldPass])],
      [claim.ruleSet, [denial.ruleSet.version, denial.ruleSet.hash]],
      [claim.traceHash, denial.traceHash],
    ]),
  );
}

export function decodeDenial(bytes: Uint8Array): Result<Decoded<Denial>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.denial, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'central');
    return reader.finish({
      requestId: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.audience, 'audience', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      requestHash: reader.bytes(claim.requestHash, 'requestHash', 32),
      denials: readDenials(reader),
      ruleSet: reader.ruleSet(),
      traceHash: reader.bytes(claim.traceHash, 'traceHash', 32),
    });
  });
}

function readDenials(reader: ClaimReader): readonly DeniedOrder[] {
  let least = 0;
  const denials = reader.list(claim.denials, 'denials').map((item, index): DeniedOrder => {
    const name = `denials[${index}]`;
    const [order, reasons, wouldPass] = reader.listOf(item, name, 3);
    const denied = {
      order: reader.integerOf(order, `${name}.order`, least),
      reasons: reader.textsOf(reasons, `${name}.reasons`),
      wouldPass: wouldPass === null ? null : reader.amountOf(wouldPass, `${name}.wouldPass`),
    };
    least = denied.order + 1;
    return denied;
  });
  if (denials.length === 0) reader.fail('denials', 'at least one order');
  return denials;
}
