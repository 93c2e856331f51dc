/** What an audit reads of a key's attributes. */
import { SignerError } from './signer.ts';

export interface AttributeReading {
  /** The label of the key pair. */
  readonly key: string;
  /** Such as `CKA_EXTRACTABLE`. */
  readonly attribute: string;
  readonly expected: boolean;
  /** `undefined` where the token does not tell. */
  readonly actual: boolean | undefined;
}

/** Whether the attribute is not as it has to be. What a token does not know of, it does not let a key do. */
export function isFinding({ expected, actual }: AttributeReading): boolean {
  return actual !== expected && !(actual === undefined && !expected);
}

/** The findings in one sentence. */
export function showFindings(findings: readonly AttributeReading[]): string {
  return findings
    .map(
      ({ key, attribute, expected, actual }) =>
        `\`${key}\` has ${attribute} ${actual === undefined ? 'untold' : actual}, where ${expected} is accepted`,
    )
    .join('; ');
}

/** Throws `key_unfit` where an attribute is not what an issuing key has to have. */
export function assertKeyFit(readings: readonly AttributeReading[]): void {
  const findings = readings.filter(isFinding);
  if (findings.length > 0)
    throw new SignerError('key_unfit', `this key may not sign: ${showFindings(findings)}`);
}
