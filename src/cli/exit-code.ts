/** Exit codes, the same for every command; docs/OPERATIONS.md has the table. */
export const exitCode = {
  ok: 0,
  /** A bug: please report it. */
  internal: 1,
  /** The command, a file or a field is not as it should be. */
  usage: 2,
  /** Denied by the rules, refused by quota control, or by any other rule of the protocol. */
  refused: 3,
  /** A file that is not authentic. */
  notAuthentic: 4,
  /** The HSM: module, token, PIN, key. */
  device: 5,
  /** A system does not answer, or its database or disk does not work: the same command may be given again. */
  unavailable: 6,
  /** A program of the label machine was stopped by a trap. */
  trapped: 7,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

const classes: readonly (readonly [ExitCode, readonly string[]])[] = [
  [
    exitCode.device,
    [
      'module_missing',
      'module_unusable',
      'token_missing',
      'token_incomplete',
      'pin_missing',
      'pin_incorrect',
      'pin_locked',
      'key_missing',
      'key_ambiguous',
      'point_invalid',
      'mechanism_missing',
      'signature_wrong',
      'signer_crashed',
      'signer_timeout',
      'signer_busy',
      'signer_closed',
      'device_error',
      'key_unavailable',
      'key_unfit',
    ],
  ],
  [
    exitCode.unavailable,
    [
      'peer_unavailable',
      'peer_fault',
      'store_in_use',
      'store_corrupt',
      'store_foreign',
      'store_newer',
      'store_not_durable',
      'store_missing',
      'store_full',
      'store_io',
      'disk_full',
      'port_in_use',
      'keys_in_use',
      'start_failed',
    ],
  ],
  [
    exitCode.usage,
    [
      'usage',
      'file_unreadable',
      'file_empty',
      'file_unknown',
      'file_exists',
      'too_large',
      'home_missing',
      'home_exists',
      'home_unreadable',
      'folder_unwritable',
      'home_incomplete',
      'allocation_refused',
      'file_unwritable',
      'configuration_invalid',
      'trust_bundle_invalid',
      'bundle_superseded',
      'hsm_unknown',
      'root_missing',
      'root_invalid',
      'root_mismatch',
      'draft_empty',
      'draft_not_text',
      'draft_not_json',
      'draft_field_missing',
      'draft_field_unknown',
      'draft_field_repeated',
      'draft_field_invalid',
      'payees_malformed',
      'amount_malformed',
      'amount_not_positive',
      'amount_fraction',
      'amount_out_of_range',
      'denominations_mismatch',
      'too_many_units',
      'currency_unknown',
      'id_missing',
      'owner_not_committed',
      'not_cbor',
      'record_malformed',
      'quota_file_invalid',
      'assembly_malformed',
      'program_unknown',
      'module_malformed',
      'not_expressible',
      'trust_missing',
      'key_malformed',
      'input_malformed',
      'input_unknown',
      'input_repeated',
      'runs_malformed',
      'trace_malformed',
      'trace_foreign',
      'target_unknown',
      'command_unknown',
    ],
  ],
  [exitCode.internal, ['internal_error']],
  [exitCode.trapped, ['trapped']],
];

/** The exit code of a refusal or a fault; what no class names is a rule that refused. */
export function exitCodeOf(code: string): ExitCode {
  return classes.find(([, codes]) => codes.includes(code))?.[0] ?? exitCode.refused;
}
