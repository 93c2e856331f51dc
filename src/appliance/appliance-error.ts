/** What stops an appliance from being made or started; a stable code and a sentence for the operator. */
export type ApplianceErrorCode =
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
  | 'key_unknown'
  | 'key_revoked'
  | 'hsm_unknown'
  | 'root_missing'
  | 'root_invalid'
  | 'root_mismatch'
  | 'keys_in_use'
  | 'bundle_superseded'
  | 'port_in_use'
  | 'start_failed';

export class ApplianceError extends Error {
  readonly code: ApplianceErrorCode;
  constructor(code: ApplianceErrorCode, message: string) {
    super(message);
    this.name = 'ApplianceError';
    this.code = code;
  }
}
