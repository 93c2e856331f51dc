/** What an audit of a key's attributes found. */

/** An attribute that is not as it has to be. */
export interface AuditFinding {
  /** The label of the key pair. */
  readonly key: string;
  /** Such as `CKA_EXTRACTABLE`. */
  readonly attribute: string;
  readonly expected: boolean;
  /** `undefined` where the token does not tell. */
  readonly actual: boolean | undefined;
}

/** The findings in one sentence. */
export function showFindings(findings: readonly AuditFinding[]): string {
  return findings
    .map(
      ({ key, attribute, expected, actual }) =>
        `\`${key}\` has ${attribute} ${actual === undefined ? 'untold' : actual}, where ${expected} is accepted`,
    )
    .join('; ');
}
