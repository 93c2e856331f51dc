/** The transcript: everything that an auditor needs to carry a ceremony out once more, signed by the root. */
import type { CborValue } from '../kit/encoding.ts';
import { type Result, refuse } from '../kit/result.ts';
import { approverLimit } from './approval-policy.ts';
import { decodeApproval } from './ceremony-approval.ts';
import { decodePlan } from './ceremony-plan.ts';
import { type ClaimReader, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { readKey } from './key-claim.ts';
import { encodeCoseKey, type VerificationKey } from './signature.ts';
import { decodeTrustBundle } from './trust-bundle.ts';

/** No transcript is larger: bundles of a thousand keys take some 150 KiB each. */
export const transcriptSizeLimit = 4 * 1024 * 1024;

/** A key that the ceremony made. */
export interface MadeKey {
  readonly hsm: string;
  readonly label: string;
  readonly key: VerificationKey;
  /** ES256 by the key over `possessionMessage`, 64 bytes; `null` for a key-agreement key, which signs nothing. */
  readonly proof: Uint8Array | null;
}

export interface CeremonyTranscript {
  readonly beganAt: number;
  /** When all keys were made: the time of the new bundle. */
  readonly endedAt: number;
  /** Bytes, as the approvers had them. */
  readonly plan: Uint8Array;
  /** Bytes of each. */
  readonly approvals: readonly Uint8Array[];
  /** Signed bytes. */
  readonly bundleBefore: Uint8Array;
  /** Signed bytes. */
  readonly bundleAfter: Uint8Array;
  /** One of each `rotate` of the plan, in its order. */
  readonly madeKeys: readonly MadeKey[];
}

export function encodeTranscript(transcript: CeremonyTranscript, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.ceremonyTranscript,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'root'],
      [claim.issuedAt, transcript.endedAt],
      [claim.beganAt, transcript.beganAt],
      [claim.plan, transcript.plan],
      [claim.approvals, transcript.approvals],
      [claim.bundleBefore, transcript.bundleBefore],
      [claim.bundleAfter, transcript.bundleAfter],
      [
        claim.madeKeys,
        transcript.madeKeys.map(({ hsm, label, key, proof }) => [
          hsm,
          label,
          encodeCoseKey(key.point),
          proof,
        ]),
      ],
    ]),
  );
}

/** Decodes the transcript and what is in it; that it all fits together is `replayCeremony`'s to check. */
export function decodeTranscript(bytes: Uint8Array): Result<Decoded<CeremonyTranscript>, RecordErrorCode> {
  if (bytes.length > transcriptSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${transcriptSizeLimit} are accepted`);
  return decodeClaims(bytes, recordType.ceremonyTranscript, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'root');
    const approvals = reader.list(claim.approvals, 'approvals');
    if (approvals.length > approverLimit) reader.fail('approvals', `at most ${approverLimit} approvals`);
    return reader.finish({
      beganAt: reader.time(claim.beganAt, 'beganAt'),
      endedAt: reader.time(claim.issuedAt, 'issuedAt'),
      plan: reader.enclosed(reader.take(claim.plan, 'plan'), 'plan', decodePlan),
      approvals: approvals.map((item, index) => reader.enclosed(item, `approvals[${index}]`, decodeApproval)),
      bundleBefore: readBundle(reader, claim.bundleBefore, 'bundleBefore'),
      bundleAfter: readBundle(reader, claim.bundleAfter, 'bundleAfter'),
      madeKeys: reader
        .list(claim.madeKeys, 'madeKeys')
        .map((item, index) => readMadeKey(reader, item, `madeKeys[${index}]`)),
    });
  });
}

function readBundle(reader: ClaimReader, key: number, name: string): Uint8Array {
  return reader.enclosed(reader.take(key, name), name, decodeTrustBundle);
}

function readMadeKey(reader: ClaimReader, item: CborValue, name: string): MadeKey {
  const [hsm, label, key, proof] = reader.listOf(item, name, 4);
  return {
    hsm: reader.textOf(hsm, `${name}.hsm`, namePattern, nameAccepted),
    label: reader.textOf(label, `${name}.label`, namePattern, nameAccepted),
    key: readKey(reader, key, `${name}.key`),
    proof: proof === null ? null : reader.bytesOf(proof, `${name}.proof`, 64),
  };
}
