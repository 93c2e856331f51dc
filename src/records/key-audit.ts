/**
 * The key audit: what a role's HSMs say of its keys, attribute by attribute, signed by the role's current key. It tells what the role
 * says of itself at a time; that the key could sign the report is all that it proves by itself.
 */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type ClaimReader, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';

export interface AuditedAttribute {
  /** Such as `CKA_EXTRACTABLE` (PKCS#11 v3.1 §4). */
  readonly attribute: string;
  readonly expected: boolean;
  /** `null` where the token does not tell. */
  readonly actual: boolean | null;
}

export interface AuditedKey {
  /** RFC 9679 thumbprint, 32 bytes. */
  readonly keyId: Uint8Array;
  /** Name of the HSM in the system's configuration, and the key's label in it. */
  readonly hsm: string;
  readonly label: string;
  /** What the token says of itself: CK_TOKEN_INFO (PKCS#11 v3.1 §3.3). */
  readonly token: {
    readonly label: string;
    readonly serial: string;
    readonly manufacturer: string;
    readonly model: string;
  };
  readonly attributes: readonly AuditedAttribute[];
  /** Labels of other tokens that the key's process could reach. */
  readonly others: readonly string[];
}

export interface KeyAudit {
  readonly role: 'central' | 'issuance' | 'quota';
  /** The issuer's name for issuance, the role's own name for the others. */
  readonly name: string;
  readonly issuedAt: number;
  readonly keys: readonly AuditedKey[];
}

const auditRoles = ['central', 'issuance', 'quota'] as const;

/** Whether the attribute is not as it has to be. What a token does not know of, it does not let a key do. */
export function isFinding({ expected, actual }: AuditedAttribute): boolean {
  return actual !== expected && !(actual === null && !expected);
}

export function encodeKeyAudit(audit: KeyAudit, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.keyAudit,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, audit.role],
      [claim.subject, audit.name],
      [claim.issuedAt, audit.issuedAt],
      [
        claim.auditedKeys,
        audit.keys.map(({ keyId: audited, hsm, label, token, attributes, others }) => [
          audited,
          hsm,
          label,
          [token.label, token.serial, token.manufacturer, token.model],
          attributes.map(({ attribute, expected, actual }) => [attribute, expected, actual]),
          others,
        ]),
      ],
    ]),
  );
}

export function decodeKeyAudit(bytes: Uint8Array): Result<Decoded<KeyAudit>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.keyAudit, (reader) => {
    const role = reader.take(claim.issuer, 'issuer');
    const known = auditRoles.find((candidate) => candidate === role);
    if (known === undefined) reader.fail('issuer', auditRoles.join(', '));
    return reader.finish({
      role: known ?? 'central',
      name: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      keys: reader
        .list(claim.auditedKeys, 'keys')
        .map((item, index) => readAuditedKey(reader, item, `keys[${index}]`)),
    });
  });
}

function readAuditedKey(reader: ClaimReader, item: CborValue, name: string): AuditedKey {
  const [keyId, hsm, label, token, attributes, others] = reader.listOf(item, name, 6);
  const [tokenLabel, serial, manufacturer, model] = reader.listOf(token, `${name}.token`, 4);
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32)
    reader.fail(`${name}.keyId`, 'a byte string of 32 bytes');
  const text = (value: CborValue | undefined, field: string): string => {
    if (typeof value === 'string') return value;
    reader.fail(`${name}.${field}`, 'text');
    return '';
  };
  return {
    keyId: keyId instanceof Uint8Array ? keyId : new Uint8Array(32),
    hsm: text(hsm, 'hsm'),
    label: text(label, 'label'),
    token: {
      label: text(tokenLabel, 'token.label'),
      serial: text(serial, 'token.serial'),
      manufacturer: text(manufacturer, 'token.manufacturer'),
      model: text(model, 'token.model'),
    },
    attributes: reader.listOf(attributes, `${name}.attributes`).map((entry, index) => {
      const field = `${name}.attributes[${index}]`;
      const [attribute, expected, actual] = reader.listOf(entry, field, 3);
      if (typeof attribute !== 'string' || !/^CKA_[A-Z_]{1,40}$/.test(attribute))
        reader.fail(`${field}.attribute`, 'the name of an attribute, such as `CKA_EXTRACTABLE`,');
      if (typeof expected !== 'boolean') reader.fail(`${field}.expected`, 'true or false');
      if (typeof actual !== 'boolean' && actual !== null)
        reader.fail(`${field}.actual`, 'true, false or null');
      return {
        attribute: typeof attribute === 'string' ? attribute : '',
        expected: expected === true,
        actual: typeof actual === 'boolean' ? actual : null,
      };
    }),
    others: reader.listOf(others, `${name}.others`).map((other) => text(other, 'others')),
  };
}
