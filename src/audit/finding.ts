/**
 * What an audit finds, by stable codes; docs/AUDIT.md says what each means.
 *
 * src/audit/ may import kit, records, quota, journal and verifier. It trusts no ledger: whatever is in an extract may be forged.
 */

export type FindingCode =
  // A journal by itself.
  | 'journal_gap'
  | 'journal_altered'
  | 'entry_malformed'
  | 'entry_repeated'
  // A journal and what others hold of it.
  | 'head_invalid'
  | 'heads_forked'
  | 'head_contradicted'
  | 'journal_behind_head'
  | 'journal_foreign'
  | 'extracts_apart'
  | 'ledger_missing'
  // A record by itself.
  | 'record_malformed'
  | 'record_differs'
  | 'signature_missing'
  | 'signature_invalid'
  | 'key_unknown'
  | 'key_expired'
  | 'key_revoked'
  | 'key_mismatch'
  // One request at the three systems.
  | 'request_missing'
  | 'request_mismatch'
  | 'order_repeated'
  | 'credential_missing'
  | 'credential_mismatch'
  | 'credential_repeated'
  | 'credential_unproven'
  | 'credential_expired'
  | 'decision_incomplete'
  | 'denial_mismatch'
  | 'control_bit_missing'
  | 'control_bit_mismatch'
  | 'presentation_mismatch'
  | 'units_mismatch'
  | 'serial_mismatch'
  | 'serial_repeated'
  | 'currency_mismatch'
  | 'time_disordered'
  // Quotas, made anew from what was taken.
  | 'quota_missing'
  | 'quota_exceeded'
  | 'limit_exceeded'
  | 'quota_frozen'
  | 'issuance_stopped'
  | 'take_mismatch'
  | 'take_time'
  | 'allocation_unapproved'
  | 'change_invalid'
  | 'change_unproven'
  | 'stop_invalid'
  // The account of central management.
  | 'account_exceeded'
  | 'account_mismatch'
  | 'resolution_mismatch'
  | 'closing_mismatch'
  // Retirements and accounts.
  | 'settlement_mismatch'
  | 'unit_unknown'
  | 'unit_mismatch'
  | 'unit_spent'
  | 'balance_too_low'
  | 'returned_mismatch'
  // Reservations.
  | 'reservation_mismatch'
  | 'reservation_exceeded'
  | 'reservation_ended';

export interface Finding {
  readonly code: FindingCode;
  /** Whose ledger it is in, such as `quota` or `issuance demo-issuer`. */
  readonly system: string;
  /** Number of the journal's entry; `null` where it is of no one entry. */
  readonly entry: number | null;
  readonly found: string;
  readonly expected: string;
}

/** The most findings that are listed one by one; the others are counted. */
const listLimit = 1_000;

/** All findings, counted; the first thousand one by one. */
export class Findings {
  readonly list: Finding[] = [];
  private readonly counts = new Map<FindingCode, number>();
  private total = 0;

  add(finding: Finding): void {
    this.total++;
    this.counts.set(finding.code, (this.counts.get(finding.code) ?? 0) + 1);
    if (this.list.length < listLimit) this.list.push(finding);
  }

  get count(): number {
    return this.total;
  }

  /** By code, in the alphabet's order. */
  byCode(): readonly { readonly code: FindingCode; readonly count: number }[] {
    return [...this.counts]
      .map(([code, count]) => ({ code, count }))
      .sort((a, b) => (a.code < b.code ? -1 : 1));
  }
}
