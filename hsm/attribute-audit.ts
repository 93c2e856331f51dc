/**
 * What a key pair in a token may be and do: made there, there for ever, and for one use. SoftHSM and others store these
 * attributes; a token that cannot tell one is taken to lack it.
 */
import pkcs11js, { type Handle, type PKCS11 } from 'pkcs11js';
import type { AttributeReading } from './attribute-reading.ts';

export type KeyKind = 'signing' | 'agreement';

type Expected = readonly [name: keyof typeof pkcs11js & `CKA_${string}`, value: boolean];

/** PKCS#11 v3.1 §4.9 and §4.8. */
function privateKeyRules(kind: KeyKind): readonly Expected[] {
  return [
    ['CKA_TOKEN', true],
    ['CKA_PRIVATE', true],
    ['CKA_SENSITIVE', true],
    ['CKA_ALWAYS_SENSITIVE', true],
    ['CKA_EXTRACTABLE', false],
    ['CKA_NEVER_EXTRACTABLE', true],
    ['CKA_LOCAL', true],
    ['CKA_SIGN', kind === 'signing'],
    ['CKA_DERIVE', kind === 'agreement'],
    ['CKA_DECRYPT', false],
    ['CKA_UNWRAP', false],
    ['CKA_SIGN_RECOVER', false],
  ];
}

/** Not CKA_ENCRYPT, which tpm2-pkcs11 has of every signing key: nobody can decrypt what would be encrypted with it. */
const publicKeyRules: readonly Expected[] = [['CKA_WRAP', false]];

/** Every attribute of the pair that says whether it may sign money. */
export function auditKeyPair(
  module: PKCS11,
  session: Handle,
  {
    label,
    kind,
    privateKey,
    publicKey,
  }: { label: string; kind: KeyKind; privateKey: Handle; publicKey: Handle },
): AttributeReading[] {
  return [
    ...auditObject(module, session, privateKey, label, privateKeyRules(kind)),
    ...auditObject(module, session, publicKey, label, publicKeyRules),
  ];
}

function auditObject(
  module: PKCS11,
  session: Handle,
  object: Handle,
  key: string,
  rules: readonly Expected[],
): AttributeReading[] {
  return rules.map(([attribute, expected]) => ({
    key,
    attribute,
    expected,
    actual: readFlag(module, session, object, pkcs11js[attribute] as number),
  }));
}

function readFlag(module: PKCS11, session: Handle, object: Handle, type: number): boolean | undefined {
  try {
    const [read] = module.C_GetAttributeValue(session, object, [{ type }]);
    return read?.value instanceof Buffer && read.value.length > 0 ? read.value[0] !== 0 : undefined;
  } catch (error) {
    if (error instanceof pkcs11js.Pkcs11Error && error.code === pkcs11js.CKR_ATTRIBUTE_TYPE_INVALID)
      return undefined;
    throw error;
  }
}
