/** Verifies a key audit offline: who signed it, whether it speaks of all keys of the role, and what it found. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Result, succeed } from '../kit/result.ts';
import { decodeKeyAudit, isFinding, type KeyAudit } from '../records/key-audit.ts';
import { isValid, keysOf, makeKeyRing } from '../records/key-ring.ts';
import { openBundle, type VerificationCode, type VerificationOptions } from './verify.ts';

export interface VerifiedAudit {
  readonly audit: KeyAudit;
  /** Each in a sentence; none where every key may sign money. */
  readonly findings: readonly string[];
}

/** Gives the audit where a key of the role signed it that is trusted now, and was valid when it did. */
export function verifyKeyAudit(
  bytes: Uint8Array,
  options: VerificationOptions,
): Result<VerifiedAudit, VerificationCode> {
  const bundle = openBundle(options);
  if (!bundle.ok) return bundle;
  const decoded = decodeKeyAudit(bytes);
  if (!decoded.ok) return decoded;
  const { role, name, issuedAt, keys } = decoded.value.record;
  const moments = { madeAt: issuedAt, seenAt: options.at };
  const verified = makeKeyRing(bundle.value, options.verifySignature).verify(
    decoded.value,
    { role, name },
    moments,
  );
  if (!verified.ok) return verified;
  const holders = [{ role, name }, ...(role === 'quota' ? [{ role: 'quota-agreement', name } as const] : [])];
  const lacking = holders
    .flatMap((holder) => keysOf(bundle.value, holder))
    .filter(
      (entry) => isValid(entry, issuedAt) && !keys.some(({ keyId }) => equalBytes(keyId, entry.key.keyId)),
    )
    .map(({ key }) => `the key \`${toHex(key.keyId).slice(0, 16)}\` was not audited, and could sign then`);
  return succeed({ audit: verified.value, findings: [...findingsOf(verified.value), ...lacking] });
}

/** What is not as it has to be, each in a sentence. */
export function findingsOf({ keys }: KeyAudit): string[] {
  return keys.flatMap(({ keyId, attributes, others }) => {
    const id = toHex(keyId).slice(0, 16);
    return [
      ...attributes
        .filter(isFinding)
        .map(
          ({ attribute, expected, actual }) =>
            `the key \`${id}\` has ${attribute} ${actual ?? 'untold'}, where ${expected} is accepted`,
        ),
      ...others
        .filter((other) => other.startsWith('ringmint-'))
        .map((other) => `the process of the key \`${id}\` reaches the token \`${other}\` too`),
    ];
  });
}
