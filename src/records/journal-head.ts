/**
 * A journal head: how far a system's journal was at a time, signed by the system itself. The other systems hold it as witnesses, so that a
 * database that was put back to an earlier state is known by it. Nobody else can make one: a lying witness can only withhold it.
 */
import { toHex } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { isoTime } from './key-ring.ts';

export interface JournalHeadRecord {
  readonly role: 'central' | 'issuance' | 'quota';
  /** The issuer's name for issuance, the role's own name for the others. */
  readonly name: string;
  readonly issuedAt: number;
  /** Of the journal's genesis, 16 bytes: one database is one journal. */
  readonly journalId: Uint8Array;
  /** Of the control bits that quota control numbers at the time; `null` for the others. */
  readonly epoch: number | null;
  /** Number of the last entry; 0 where there is none. */
  readonly sequence: number;
  /** Of the last entry, or of the genesis; 32 bytes. */
  readonly hash: Uint8Array;
}

const headRoles = ['central', 'issuance', 'quota'] as const;

export function encodeJournalHead(head: JournalHeadRecord, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.journalHead,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, head.role],
      [claim.subject, head.name],
      [claim.issuedAt, head.issuedAt],
      [claim.journalId, head.journalId],
      [claim.epoch, head.epoch],
      [claim.sequence, head.sequence],
      [claim.headHash, head.hash],
    ]),
  );
}

export function decodeJournalHead(bytes: Uint8Array): Result<Decoded<JournalHeadRecord>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.journalHead, (reader) => {
    const role = reader.take(claim.issuer, 'issuer');
    const known = headRoles.find((candidate) => candidate === role);
    if (known === undefined) reader.fail('issuer', headRoles.join(', '));
    const epoch = reader.take(claim.epoch, 'epoch');
    if (known !== 'quota' && epoch !== null) reader.fail('epoch', 'null, but for quota control,');
    return reader.finish({
      role: known ?? 'central',
      name: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      journalId: reader.bytes(claim.journalId, 'journalId', 16),
      epoch: known === 'quota' ? reader.integerOf(epoch, 'epoch', 1) : null,
      sequence: reader.integer(claim.sequence, 'sequence'),
      hash: reader.bytes(claim.headHash, 'headHash', 32),
    });
  });
}

/** For a person to read. */
export function describeHead(head: JournalHeadRecord): { name: string; value: string; claim: number }[] {
  const { epoch } = head;
  return [
    { name: 'role', value: head.role, claim: claim.issuer },
    { name: 'name', value: head.name, claim: claim.subject },
    { name: 'made at', value: isoTime(head.issuedAt), claim: claim.issuedAt },
    { name: 'journal', value: toHex(head.journalId), claim: claim.journalId },
    ...(epoch === null ? [] : [{ name: 'epoch', value: String(epoch), claim: claim.epoch }]),
    { name: 'entries', value: String(head.sequence), claim: claim.sequence },
    { name: 'hash of the last entry', value: toHex(head.hash), claim: claim.headHash },
  ];
}
