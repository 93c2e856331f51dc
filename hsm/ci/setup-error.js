/** What can go wrong, by code; each code has one exit status, and every message says what would be accepted. */

/** Exit statuses of the subcommands. `run` gives the command's own, and 125 to 127 for what is not the command's. */
export const exitStatus = Object.freeze({ ok: 0, failed: 1, usage: 2, softhsm: 3, directory: 4 });

/** Every code, with the exit status of a subcommand that ends with it. */
export const errorCodes = Object.freeze({
  /** An argument, or an environment variable that stands for one. */
  usage_invalid: exitStatus.usage,
  template_unreadable: exitStatus.usage,
  template_invalid: exitStatus.usage,
  /** SoftHSM is not there, and could not be installed. */
  softhsm_missing: exitStatus.softhsm,
  softhsm_unusable: exitStatus.softhsm,
  softhsm_version: exitStatus.softhsm,
  mechanism_missing: exitStatus.softhsm,
  directory_unusable: exitStatus.directory,
  /** The directory holds something that was not made here. */
  directory_foreign: exitStatus.directory,
  /** Tokens were made there for other roles or keys. */
  directory_differs: exitStatus.directory,
  directory_missing: exitStatus.directory,
  token_lost: exitStatus.directory,
  /** The token gave another answer than it may. */
  audit_failed: exitStatus.failed,
  smoke_failed: exitStatus.failed,
  token_failed: exitStatus.failed,
  token_timeout: exitStatus.failed,
  command_not_found: exitStatus.failed,
  command_not_executable: exitStatus.failed,
  interrupted: exitStatus.failed,
});

/** @typedef {keyof typeof errorCodes} SetupErrorCode */

/** An expected refusal; anything else that is thrown is a bug. */
export class SetupError extends Error {
  /**
   * @param {SetupErrorCode} code
   * @param {string} message lower case, the offending value in backticks, and what would be accepted
   */
  constructor(code, message) {
    super(message);
    this.name = 'SetupError';
    this.code = code;
  }
}
