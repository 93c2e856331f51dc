/** What stops an appliance from being made or started; a stable code and a sentence for the operator. */
export type ApplianceErrorCode =
  | 'home_missing'
  | 'home_exists'
  | 'home_incomplete'
  | 'configuration_invalid'
  | 'trust_bundle_invalid'
  | 'key_mismatch'
  | 'module_missing'
  | 'allocation_refused'
  | 'port_in_use'
  | 'start_failed'
  | 'already_running'
  | 'disk_full';

export class ApplianceError extends Error {
  readonly code: ApplianceErrorCode;
  constructor(code: ApplianceErrorCode, message: string) {
    super(message);
    this.name = 'ApplianceError';
    this.code = code;
  }
}
