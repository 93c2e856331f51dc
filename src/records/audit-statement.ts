/**
 * The audit statement: an auditor's signature over the report of an audit. It names where each journal ended, so that the next audit can
 * see that the same entries are still there, whatever the systems and their witnesses say.
 */
import { toHex } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type ClaimReader, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { isoTime } from './key-ring.ts';

export interface AuditedJournal {
  readonly role: 'central' | 'issuance' | 'quota';
  /** The issuer's name for issuance, the role's own name for the others. */
  readonly name: string;
  readonly journalId: Uint8Array;
  /** Number of the last entry; 0 where there is none. */
  readonly sequence: number;
  /** Of the last entry, or of the genesis; 32 bytes. */
  readonly hash: Uint8Array;
}

/** Minor units. */
export interface AuditedFigure {
  readonly issuer: string;
  readonly currency: string;
  readonly issued: bigint;
  readonly retired: bigint;
  readonly outstanding: bigint;
}

export interface AuditStatement {
  /** Whose key signs it; who that is, whoever relies on it knows from elsewhere. */
  readonly auditor: string;
  readonly issuedAt: number;
  /** SHA-256 of the report's bytes. */
  readonly reportHash: Uint8Array;
  /** How many findings it has; 0 where it is clean. */
  readonly findings: number;
  readonly journals: readonly AuditedJournal[];
  readonly figures: readonly AuditedFigure[];
}

const roles = ['central', 'issuance', 'quota'] as const;

export function encodeAuditStatement(statement: AuditStatement, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.auditStatement,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'auditor'],
      [claim.subject, statement.auditor],
      [claim.issuedAt, statement.issuedAt],
      [claim.reportHash, statement.reportHash],
      [claim.findings, statement.findings],
      [
        claim.auditedJournals,
        statement.journals.map(({ role, name, journalId, sequence, hash }) => [
          role,
          name,
          journalId,
          sequence,
          hash,
        ]),
      ],
      [
        claim.auditedFigures,
        statement.figures.map(({ issuer, currency, issued, retired, outstanding }) => [
          issuer,
          currency,
          issued,
          retired,
          outstanding,
        ]),
      ],
    ]),
  );
}

export function decodeAuditStatement(bytes: Uint8Array): Result<Decoded<AuditStatement>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.auditStatement, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'auditor');
    return reader.finish({
      auditor: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      reportHash: reader.bytes(claim.reportHash, 'reportHash', 32),
      findings: reader.integer(claim.findings, 'findings'),
      journals: reader
        .list(claim.auditedJournals, 'journals')
        .map((item, index) => readJournal(reader, item, `journals[${index}]`)),
      figures: reader
        .list(claim.auditedFigures, 'figures')
        .map((item, index) => readFigure(reader, item, `figures[${index}]`)),
    });
  });
}

function readJournal(reader: ClaimReader, item: CborValue, field: string): AuditedJournal {
  const [role, name, journalId, sequence, hash] = reader.listOf(item, field, 5);
  const known = roles.find((candidate) => candidate === role);
  if (known === undefined) reader.fail(`${field}.role`, roles.join(', '));
  return {
    role: known ?? 'central',
    name: reader.textOf(name, `${field}.name`, namePattern, nameAccepted),
    journalId: reader.bytesOf(journalId, `${field}.journalId`, 16),
    sequence: reader.integerOf(sequence, `${field}.sequence`),
    hash: reader.bytesOf(hash, `${field}.hash`, 32),
  };
}

function readFigure(reader: ClaimReader, item: CborValue, field: string): AuditedFigure {
  const [issuer, currency, issued, retired, outstanding] = reader.listOf(item, field, 5);
  return {
    issuer: reader.textOf(issuer, `${field}.issuer`, namePattern, nameAccepted),
    currency: reader.currencyCodeOf(currency, `${field}.currency`),
    issued: readSum(reader, issued, `${field}.issued`),
    retired: readSum(reader, retired, `${field}.retired`),
    outstanding: readSum(reader, outstanding, `${field}.outstanding`),
  };
}

/** A sum of many amounts: whatever 64 bits with a sign hold. */
function readSum(reader: ClaimReader, value: CborValue | undefined, field: string): bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return BigInt(value);
  reader.fail(field, 'an integer of minor units');
  return 0n;
}

/** For a person to read. */
export function describeStatement(
  statement: AuditStatement,
): { name: string; value: string; claim: number }[] {
  return [
    { name: 'auditor', value: statement.auditor, claim: claim.subject },
    { name: 'made at', value: isoTime(statement.issuedAt), claim: claim.issuedAt },
    { name: 'SHA-256 of the report', value: toHex(statement.reportHash), claim: claim.reportHash },
    { name: 'findings', value: String(statement.findings), claim: claim.findings },
    ...statement.figures.map(({ issuer, currency, issued, retired, outstanding }) => ({
      name: `${currency} of ${issuer}`,
      value: `${issued} issued - ${retired} retired = ${outstanding} outstanding, minor units`,
      claim: claim.auditedFigures,
    })),
    ...statement.journals.map(({ role, name, sequence, hash }) => ({
      name: `journal of ${role} ${name}`,
      value: `${sequence} entries, the last with the hash ${toHex(hash)}`,
      claim: claim.auditedJournals,
    })),
  ];
}
