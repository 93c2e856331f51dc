/**
 * Signatures over modules, rule sets and programs of rule sets: COSE_Sign1 (RFC 9052 §4.2) without its payload, ES256, one shape of header.
 *
 * ```
 * tag 18 ┌ array(4) ──────────────────────────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: -7, 4: kid (32), 16: 'application/vnd.ringmint.rules+cose' }  │
 *        │ unprotected: {} │ payload: nil │ signature: r ‖ s (64)                              │
 *        └────────────────────────────────────────────────────────────────────────────────────┘
 * to be signed (RFC 9052 §4.4): [ "Signature1", protected, h'', the module's text as UTF-8 ]
 * ```
 * The key is one that the set has of a jurisdiction; the set itself is signed by its publisher, whom the reader knows from elsewhere.
 */
import { equalBytes, toHex } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { attachDetached, decodeSign1, preparePayload, recordType, toBeSigned } from '../../records/cose.ts';
import type { VerificationKey, VerifySignature } from '../../records/signature.ts';
import type { CheckedModule } from '../checker/checked.ts';
import type { RuleSet } from './rule-set.ts';

export type SignatureCode =
  | 'rule_signature_malformed'
  | 'rule_signature_type'
  | 'rule_signature_invalid'
  | 'rule_key_unknown'
  | 'rule_key_missing'
  | 'rule_signature_missing';

export type Signed = 'module' | 'set' | 'programs';
const types = {
  module: recordType.ruleModule,
  set: recordType.ruleSet,
  programs: recordType.rulePrograms,
} as const;

/** What a key signs: of a module its text's bytes, of a set its bundle's payload, of programs their index. */
export function prepareSignature(what: Signed, keyId: Uint8Array, content: Uint8Array): Uint8Array {
  return preparePayload(types[what], keyId, content);
}

/** The file of a signature over what `prepareSignature` gave. */
export function encodeSignature(prepared: Uint8Array, signature: Uint8Array): Uint8Array {
  return attachDetached(prepared, signature);
}

/** Gives the one of `keys` that made the signature; total, for any bytes. */
export function verifyDetached(
  what: Signed,
  { signature, content }: { readonly signature: Uint8Array; readonly content: Uint8Array },
  keys: readonly VerificationKey[],
  verifySignature: VerifySignature,
): Result<VerificationKey, SignatureCode> {
  const decoded = decodeSign1(signature);
  if (!decoded.ok) return refuse('rule_signature_malformed', decoded.message);
  const { type, keyId, protectedHeader, headerClaims, unprotected, payload } = decoded.value;
  if (type !== types[what])
    return refuse('rule_signature_type', `a signature of ${quote(type)}: \`${types[what]}\` is accepted`);
  if (headerClaims !== undefined || unprotected.size > 0 || payload !== undefined)
    return refuse(
      'rule_signature_malformed',
      'a signature without claims, without other headers and without payload is accepted',
    );
  const key = keys.find((candidate) => equalBytes(candidate.keyId, keyId));
  if (key === undefined)
    return refuse(
      'rule_key_unknown',
      `signed by the key \`${toHex(keyId).slice(0, 16)}…\`, which is none of the ${keys.length} trusted`,
    );
  if (!verifySignature(key, toBeSigned(protectedHeader, content), decoded.value.signature))
    return refuse(
      'rule_signature_invalid',
      'the signature is not by the key that it names: what is signed was altered, or it is forged',
    );
  return succeed(key);
}

/** Who has to have signed a module: its own jurisdictions where the set has keys of them, and all of both modules where it has an exception to a rule of another one. */
function signersOf(
  set: Pick<RuleSet, 'modules'>,
  module: CheckedModule,
  keys: ReadonlyMap<string, readonly VerificationKey[]>,
): readonly string[] {
  const needed = new Set(module.jurisdictions.filter((code) => keys.has(code)));
  for (const { exceptionTo } of module.rules) {
    const other = set.modules.find((one) => one !== module && one.rules.some(({ id }) => id === exceptionTo));
    if (other !== undefined)
      for (const code of [...module.jurisdictions, ...other.jurisdictions]) needed.add(code);
  }
  return [...needed].sort();
}

/** What the signatures of a module came to: the key of each jurisdiction that signed it, and every signature that is refused or missing. */
export function verifyModule(
  set: Pick<RuleSet, 'modules'>,
  module: CheckedModule,
  given: {
    readonly content: Uint8Array;
    readonly signatures: readonly Uint8Array[];
    readonly keys: ReadonlyMap<string, readonly VerificationKey[]>;
    readonly verifySignature: VerifySignature;
  },
): {
  readonly signers: ReadonlyMap<string, Uint8Array>;
  readonly refusals: readonly { readonly code: SignatureCode; readonly message: string }[];
} {
  const { content, signatures, keys, verifySignature } = given;
  const signers = new Map<string, Uint8Array>();
  const refusals: { code: SignatureCode; message: string }[] = [];
  for (const signature of signatures) {
    const verified = verifyDetached(
      'module',
      { signature, content },
      [...keys.values()].flat(),
      verifySignature,
    );
    if (!verified.ok) {
      refusals.push({ code: verified.code, message: `${module.name}: ${verified.message}` });
      continue;
    }
    const { keyId } = verified.value;
    for (const [code, own] of keys)
      if (own.some((key) => equalBytes(key.keyId, keyId))) signers.set(code, keyId);
  }
  for (const code of signersOf(set, module, keys)) {
    if (signers.has(code)) continue;
    refusals.push(
      keys.has(code)
        ? {
            code: 'rule_signature_missing',
            message: `${module.name}: ${quote(code)} has not signed it: a signature by one of its keys is accepted, beside the module`,
          }
        : {
            code: 'rule_key_missing',
            message: `${module.name}: it has an exception to a rule of another module, which ${quote(code)} has to sign: \`key ${code} = …\` is accepted in the rule set`,
          },
    );
  }
  return { signers, refusals };
}
