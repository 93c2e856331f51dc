/**
 * The codes of problems with their status: the only table that knows a status code.
 *
 * Every code that a system can answer with is in the table on purpose. `test/api/problem.test.ts` holds it against the codes in the
 * sources of the roles, of the store and of hsm/signer.ts.
 */

/** What any resource may answer, whatever was asked. */
export const commonProblems = [
  'http_malformed',
  'parameter_invalid',
  'not_permitted',
  'not_acceptable',
  'request_timeout',
  'rate_limited',
  'headers_too_large',
  'internal_error',
  'server_stopping',
] as const satisfies readonly ProblemCode[];

/** What a resource that takes a body may answer besides. */
export const bodyProblems = [
  'body_missing',
  'too_large',
  'media_type_unsupported',
] as const satisfies readonly ProblemCode[];

/** What a resource may answer that takes a draft, as JSON, with an amount. */
export const draftProblems = [
  'draft_not_text',
  'draft_not_json',
  'draft_field_missing',
  'draft_field_unknown',
  'draft_field_repeated',
  'draft_field_invalid',
  'amount_malformed',
  'amount_not_positive',
  'amount_fraction',
] as const satisfies readonly ProblemCode[];

/** 503, of a broken HSM (`SignerErrorCode`): nothing was decided, and the same call may be made again (RFC 9110 §15.6.4). */
export const deviceProblems = [
  'module_missing',
  'module_unusable',
  'token_missing',
  'token_ambiguous',
  'token_incomplete',
  'uri_malformed',
  'pin_missing',
  'pin_exposed',
  'pin_incorrect',
  'pin_locked',
  'pin_expired',
  'key_missing',
  'key_ambiguous',
  'key_unfit',
  'mechanism_missing',
  'point_invalid',
  'signature_wrong',
  'secret_wrong',
  'signer_crashed',
  'signer_timeout',
  'signer_busy',
  'signer_closed',
  'limit_reached',
  'log_broken',
  'log_unwritable',
  'request_refused',
  'login_lost',
  'device_busy',
  'device_error',
  'device_missing',
  'device_failed',
  'device_zeroised',
  'not_anchored',
  'anchor_unreadable',
  'anchor_moved',
  'anchor_unsupported',
] as const;

/** 503, of a broken ledger (`StoreErrorCode`) or a full disk. */
export const storeProblems = [
  'store_in_use',
  'store_corrupt',
  'store_foreign',
  'store_newer',
  'store_not_durable',
  'store_missing',
  'store_full',
  'store_io',
  'store_older',
  'store_unreachable',
  'store_denied',
  'store_read_only',
  'store_busy',
  'store_rewound',
  'store_unsupported',
  'store_several_series',
  'store_address_invalid',
  // Two processes are configured with one epoch.
  'epoch_in_use',
  // Of what another process of the system has taken on.
  'in_progress',
  // Of a signature that a stop overtook.
  'issuance_stopped',
  'disk_full',
] as const;

/** 503, of what the other systems hold of a journal (`WitnessErrorCode`): nothing was decided. */
export const witnessProblems = ['witness_unavailable', 'journal_behind_witness', 'journal_forked'] as const;

/** Of another system: it does not answer, or not as it should. */
export const peerProblems = ['peer_unavailable', 'peer_fault'] as const satisfies readonly ProblemCode[];

/** What a message of deterministic CBOR and COSE may be refused for, before any rule is asked. */
export const recordProblems = [
  'not_cbor',
  'too_large',
  'record_malformed',
  'record_type_mismatch',
  'algorithm_unsupported',
  'denominations_mismatch',
  'too_many_units',
  'amount_out_of_range',
  'currency_unknown',
  'key_unknown',
  'key_expired',
  'key_revoked',
  'key_mismatch',
  'signature_invalid',
] as const satisfies readonly ProblemCode[];

const statusOfCode = {
  // 400: not what HTTP, or the media type, asks for.
  http_malformed: 400,
  parameter_invalid: 400,
  body_missing: 400,
  cursor_invalid: 400,
  not_cbor: 400,
  draft_empty: 400,
  draft_not_text: 400,
  draft_not_json: 400,
  not_permitted: 403,
  issuer_mismatch: 403,
  head_foreign: 403,
  journal_unknown: 403,
  not_found: 404,
  settlement_unknown: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  request_timeout: 408,
  request_id_conflict: 409,
  credential_spent: 409,
  change_stale: 409,
  unit_spent: 409,
  stop_lifted: 409,
  request_closed: 409,
  // Of one of many requests in a list: the call itself succeeds.
  request_underway: 409,
  request_unknown: 404,
  reservation_expired: 409,
  reservation_released: 409,
  too_large: 413,
  media_type_unsupported: 415,
  // 422: the message was understood, and a rule forbids it (RFC 9110 §15.5.21).
  record_malformed: 422,
  record_type_mismatch: 422,
  algorithm_unsupported: 422,
  denominations_mismatch: 422,
  too_many_units: 422,
  key_unknown: 422,
  key_expired: 422,
  key_revoked: 422,
  key_mismatch: 422,
  signature_invalid: 422,
  decryption_failed: 422,
  amount_malformed: 422,
  amount_not_positive: 422,
  amount_fraction: 422,
  amount_out_of_range: 422,
  currency_unknown: 422,
  draft_field_missing: 422,
  draft_field_unknown: 422,
  draft_field_repeated: 422,
  draft_field_invalid: 422,
  id_missing: 422,
  idempotency_key_mismatch: 422,
  owner_not_committed: 422,
  request_not_yet_valid: 422,
  request_expired: 422,
  credential_expired: 422,
  request_abandoned: 422,
  credential_not_yet_valid: 422,
  credential_request_mismatch: 422,
  quota_missing: 422,
  quota_exceeded: 422,
  daily_limit: 422,
  rolling_limit: 422,
  frequency_limit: 429,
  quota_frozen: 422,
  reservation_unknown: 422,
  reservation_exceeded: 422,
  reservations_too_many: 422,
  reservation_time_invalid: 422,
  change_early: 422,
  change_expired: 422,
  allocation_below_issued: 422,
  time_zone_unknown: 422,
  issuance_not_stopped: 422,
  file_empty: 422,
  file_not_verifiable: 422,
  proof_mismatch: 422,
  merkle_root_mismatch: 422,
  control_bit_mismatch: 422,
  issuance_key_mismatch: 422,
  unit_mismatch: 422,
  unit_expired: 422,
  total_mismatch: 422,
  retirement_mismatch: 422,
  owner_mismatch: 422,
  unit_unknown: 422,
  balance_too_low: 422,
  outstanding_exceeded: 422,
  approval_policy_missing: 422,
  approvals_too_few: 422,
  approver_unknown: 422,
  approval_invalid: 422,
  approval_mismatch: 422,
  approval_early: 422,
  approval_late: 422,
  approval_repeated: 422,
  rate_limited: 429,
  streams_exhausted: 429,
  headers_too_large: 431,
  internal_error: 500,
  // The rules themselves stopped: no other request is known to help.
  // 502: another authority's answer does not fit what it was asked.
  peer_fault: 502,
  decision_incomplete: 502,
  denial_request_mismatch: 502,
  control_bit_request_mismatch: 502,
  control_bit_order_denied: 502,
  control_bit_serial_used: 502,
  control_bit_root_mismatch: 502,
  control_bit_key_mismatch: 502,
  peer_unavailable: 503,
  server_stopping: 503,
  // Of this system's own trust bundle: a newer one is what helps.
  bundle_not_yet_valid: 503,
  bundle_expired: 503,
} as const;

export type ProblemCode =
  | keyof typeof statusOfCode
  | (typeof deviceProblems)[number]
  | (typeof storeProblems)[number]
  | (typeof witnessProblems)[number];

/** Every code that any system can answer with. */
export const allCodes: readonly ProblemCode[] = [
  ...(Object.keys(statusOfCode) as (keyof typeof statusOfCode)[]),
  ...deviceProblems,
  ...storeProblems,
  ...witnessProblems,
];

const unavailable = new Set<string>([...deviceProblems, ...storeProblems, ...witnessProblems]);

/** The status of a problem; `undefined` for a code that no system of this version gives. */
export function statusOf(code: string): number | undefined {
  if (unavailable.has(code)) return 503;
  return Object.hasOwn(statusOfCode, code) ? statusOfCode[code as keyof typeof statusOfCode] : undefined;
}
