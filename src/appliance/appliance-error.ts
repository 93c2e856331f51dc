import type { QuorumCode } from '../records/approval-quorum.ts';
import type { OutcomeCode } from '../records/ceremony-outcome.ts';

/** What stops an appliance from being made or started; a stable code and a sentence for the operator. */
export type ApplianceErrorCode =
  | QuorumCode
  | OutcomeCode
  | 'home_missing'
  | 'home_exists'
  | 'home_unreadable'
  | 'folder_unwritable'
  | 'home_incomplete'
  | 'configuration_invalid'
  | 'trust_bundle_invalid'
  | 'allocation_refused'
  | 'token_shared'
  | 'key_unavailable'
  | 'hsm_unknown'
  | 'root_missing'
  | 'root_invalid'
  | 'root_mismatch'
  | 'keys_in_use'
  | 'approval_missing'
  | 'plan_stale'
  | 'plan_early'
  | 'plan_expired'
  | 'plan_foreign'
  | 'file_exists'
  | 'ledger_exists'
  | 'extract_damaged'
  | 'backup_expected'
  | 'file_unwritable'
  | 'bundle_superseded'
  | 'port_in_use'
  | 'process_unknown'
  | 'process_taken_out'
  | 'process_unfinished'
  | 'process_last'
  | 'appliance_in_use'
  | 'rules_unusable'
  | 'start_failed';

export class ApplianceError extends Error {
  readonly code: ApplianceErrorCode;
  constructor(code: ApplianceErrorCode, message: string) {
    super(message);
    this.name = 'ApplianceError';
    this.code = code;
  }
}
