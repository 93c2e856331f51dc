/**
 * PKCS#11 return values (v3.1 §5.1.1; numbers of pkcs11t.h): what each means for a signer, and what is done about it. One table;
 * docs/HSM.md is generated from it.
 */
import type { SignerErrorCode } from './signer.ts';

/** What is broken. */
export type FailureClass =
  /** Nothing: what was asked for is wrong, or the token cannot do it. */
  | 'request'
  /** The session, or the operation in it. */
  | 'session'
  /** The login, and with it all sessions. */
  | 'login'
  /** The handle of a key: the key has gone, or all handles have. */
  | 'key'
  /** Too much at once for the token. */
  | 'capacity'
  /** The token: it is out, or not what it was. */
  | 'token'
  /** The module or the device. */
  | 'module'
  /** The PIN. */
  | 'pin';

/**
 * What is done, least first:
 *
 * - `refuse`: what is asked for was checked before, so the module may be at fault: as `session`, and then the caller is told.
 * - `session`: the session is thrown away, and the call made once more in a new one.
 * - `reopen`: all sessions are closed; log in, look for the keys, once more. In the same process.
 * - `replace`: the process is ended, and the call made once more in a new one, which loads the module anew.
 * - `stop`: where C_Login answers so, nothing is tried again until an operator has opened the signer anew: a PIN locks itself. From
 *   any other call as `replace`.
 */
export type Recovery = 'refuse' | 'session' | 'reopen' | 'replace' | 'stop';

export interface ReturnValue {
  readonly value: number;
  readonly name: string;
  readonly failure: FailureClass;
  readonly recovery: Recovery;
  readonly code: SignerErrorCode;
}

const recoveryOf: Readonly<Record<FailureClass, Recovery>> = {
  request: 'refuse',
  session: 'session',
  login: 'reopen',
  key: 'reopen',
  capacity: 'session',
  token: 'replace',
  module: 'replace',
  pin: 'stop',
};

const codeOf: Readonly<Record<FailureClass, SignerErrorCode>> = {
  request: 'request_refused',
  session: 'device_error',
  login: 'login_lost',
  key: 'token_missing',
  capacity: 'device_busy',
  token: 'token_missing',
  module: 'device_error',
  pin: 'pin_incorrect',
};

type Row = readonly [value: number, name: string, failure: FailureClass, code?: SignerErrorCode];

const rows: readonly Row[] = [
  [0x001, 'CKR_CANCEL', 'session'],
  [0x002, 'CKR_HOST_MEMORY', 'module'],
  [0x003, 'CKR_SLOT_ID_INVALID', 'token'],
  [0x005, 'CKR_GENERAL_ERROR', 'module'],
  [0x006, 'CKR_FUNCTION_FAILED', 'session'],
  [0x007, 'CKR_ARGUMENTS_BAD', 'request'],
  [0x008, 'CKR_NO_EVENT', 'request'],
  [0x009, 'CKR_NEED_TO_CREATE_THREADS', 'module', 'module_unusable'],
  [0x00a, 'CKR_CANT_LOCK', 'module', 'module_unusable'],
  [0x010, 'CKR_ATTRIBUTE_READ_ONLY', 'request'],
  [0x011, 'CKR_ATTRIBUTE_SENSITIVE', 'request'],
  [0x012, 'CKR_ATTRIBUTE_TYPE_INVALID', 'request'],
  [0x013, 'CKR_ATTRIBUTE_VALUE_INVALID', 'request'],
  [0x01b, 'CKR_ACTION_PROHIBITED', 'request'],
  [0x020, 'CKR_DATA_INVALID', 'request'],
  [0x021, 'CKR_DATA_LEN_RANGE', 'request'],
  [0x030, 'CKR_DEVICE_ERROR', 'module'],
  [0x031, 'CKR_DEVICE_MEMORY', 'capacity'],
  [0x032, 'CKR_DEVICE_REMOVED', 'token'],
  [0x040, 'CKR_ENCRYPTED_DATA_INVALID', 'request'],
  [0x041, 'CKR_ENCRYPTED_DATA_LEN_RANGE', 'request'],
  [0x042, 'CKR_AEAD_DECRYPT_FAILED', 'request'],
  [0x050, 'CKR_FUNCTION_CANCELED', 'session'],
  [0x051, 'CKR_FUNCTION_NOT_PARALLEL', 'request'],
  [0x054, 'CKR_FUNCTION_NOT_SUPPORTED', 'request', 'mechanism_missing'],
  // The handle is of no key any more: a token that was out, or made anew, has other ones.
  [0x060, 'CKR_KEY_HANDLE_INVALID', 'key'],
  [0x062, 'CKR_KEY_SIZE_RANGE', 'request'],
  [0x063, 'CKR_KEY_TYPE_INCONSISTENT', 'request', 'mechanism_missing'],
  [0x064, 'CKR_KEY_NOT_NEEDED', 'request'],
  [0x065, 'CKR_KEY_CHANGED', 'key'],
  [0x066, 'CKR_KEY_NEEDED', 'request'],
  [0x067, 'CKR_KEY_INDIGESTIBLE', 'request'],
  [0x068, 'CKR_KEY_FUNCTION_NOT_PERMITTED', 'request', 'key_unfit'],
  [0x069, 'CKR_KEY_NOT_WRAPPABLE', 'request'],
  [0x06a, 'CKR_KEY_UNEXTRACTABLE', 'request'],
  [0x070, 'CKR_MECHANISM_INVALID', 'request', 'mechanism_missing'],
  [0x071, 'CKR_MECHANISM_PARAM_INVALID', 'request', 'mechanism_missing'],
  // SoftHSM gives this when the token's directory has gone, while C_GetSessionInfo still succeeds.
  [0x082, 'CKR_OBJECT_HANDLE_INVALID', 'key'],
  [0x090, 'CKR_OPERATION_ACTIVE', 'session'],
  [0x091, 'CKR_OPERATION_NOT_INITIALIZED', 'session'],
  [0x0a0, 'CKR_PIN_INCORRECT', 'pin'],
  [0x0a1, 'CKR_PIN_INVALID', 'pin'],
  [0x0a2, 'CKR_PIN_LEN_RANGE', 'pin'],
  [0x0a3, 'CKR_PIN_EXPIRED', 'pin', 'pin_expired'],
  [0x0a4, 'CKR_PIN_LOCKED', 'pin', 'pin_locked'],
  [0x0b0, 'CKR_SESSION_CLOSED', 'login', 'device_error'],
  [0x0b1, 'CKR_SESSION_COUNT', 'capacity'],
  // All handles of sessions are invalid once somebody has closed them all, and then the login is over as well.
  [0x0b3, 'CKR_SESSION_HANDLE_INVALID', 'login', 'device_error'],
  [0x0b4, 'CKR_SESSION_PARALLEL_NOT_SUPPORTED', 'request'],
  [0x0b5, 'CKR_SESSION_READ_ONLY', 'request'],
  [0x0b6, 'CKR_SESSION_EXISTS', 'request'],
  [0x0b7, 'CKR_SESSION_READ_ONLY_EXISTS', 'request'],
  [0x0b8, 'CKR_SESSION_READ_WRITE_SO_EXISTS', 'login'],
  [0x0c0, 'CKR_SIGNATURE_INVALID', 'request'],
  [0x0c1, 'CKR_SIGNATURE_LEN_RANGE', 'request'],
  [0x0d0, 'CKR_TEMPLATE_INCOMPLETE', 'request'],
  [0x0d1, 'CKR_TEMPLATE_INCONSISTENT', 'request'],
  [0x0e0, 'CKR_TOKEN_NOT_PRESENT', 'token'],
  [0x0e1, 'CKR_TOKEN_NOT_RECOGNIZED', 'token'],
  [0x0e2, 'CKR_TOKEN_WRITE_PROTECTED', 'request'],
  [0x0f0, 'CKR_UNWRAPPING_KEY_HANDLE_INVALID', 'request'],
  [0x0f1, 'CKR_UNWRAPPING_KEY_SIZE_RANGE', 'request'],
  [0x0f2, 'CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT', 'request'],
  [0x100, 'CKR_USER_ALREADY_LOGGED_IN', 'login'],
  // The token came back after it had gone: the login did not.
  [0x101, 'CKR_USER_NOT_LOGGED_IN', 'login'],
  [0x102, 'CKR_USER_PIN_NOT_INITIALIZED', 'pin', 'token_missing'],
  [0x103, 'CKR_USER_TYPE_INVALID', 'request'],
  [0x104, 'CKR_USER_ANOTHER_ALREADY_LOGGED_IN', 'login'],
  [0x105, 'CKR_USER_TOO_MANY_TYPES', 'login'],
  [0x110, 'CKR_WRAPPED_KEY_INVALID', 'request'],
  [0x112, 'CKR_WRAPPED_KEY_LEN_RANGE', 'request'],
  [0x113, 'CKR_WRAPPING_KEY_HANDLE_INVALID', 'request'],
  [0x114, 'CKR_WRAPPING_KEY_SIZE_RANGE', 'request'],
  [0x115, 'CKR_WRAPPING_KEY_TYPE_INCONSISTENT', 'request'],
  [0x120, 'CKR_RANDOM_SEED_NOT_SUPPORTED', 'request'],
  [0x121, 'CKR_RANDOM_NO_RNG', 'module'],
  [0x130, 'CKR_DOMAIN_PARAMS_INVALID', 'request'],
  [0x140, 'CKR_CURVE_NOT_SUPPORTED', 'request', 'mechanism_missing'],
  [0x150, 'CKR_BUFFER_TOO_SMALL', 'session'],
  [0x160, 'CKR_SAVED_STATE_INVALID', 'request'],
  [0x170, 'CKR_INFORMATION_SENSITIVE', 'request'],
  [0x180, 'CKR_STATE_UNSAVEABLE', 'request'],
  [0x190, 'CKR_CRYPTOKI_NOT_INITIALIZED', 'module', 'module_unusable'],
  [0x191, 'CKR_CRYPTOKI_ALREADY_INITIALIZED', 'module', 'module_unusable'],
  [0x1a0, 'CKR_MUTEX_BAD', 'module'],
  [0x1a1, 'CKR_MUTEX_NOT_LOCKED', 'module'],
  [0x1b0, 'CKR_NEW_PIN_MODE', 'pin'],
  [0x1b1, 'CKR_NEXT_OTP', 'pin'],
  [0x1b5, 'CKR_EXCEEDED_MAX_ITERATIONS', 'module'],
  [0x1b6, 'CKR_FIPS_SELF_TEST_FAILED', 'module'],
  [0x1b7, 'CKR_LIBRARY_LOAD_FAILED', 'module', 'module_unusable'],
  [0x1b8, 'CKR_PIN_TOO_WEAK', 'pin'],
  [0x1b9, 'CKR_PUBLIC_KEY_INVALID', 'request'],
  [0x200, 'CKR_FUNCTION_REJECTED', 'request'],
  [0x201, 'CKR_TOKEN_RESOURCE_EXCEEDED', 'capacity'],
  [0x202, 'CKR_OPERATION_CANCEL_FAILED', 'session'],
  // A key that may be used so often and no more: nothing mends that but another key.
  [0x203, 'CKR_KEY_EXHAUSTED', 'request', 'key_unfit'],
];

/** All of the table, by value. */
export const returnValues: ReadonlyMap<number, ReturnValue> = new Map(
  rows.map(([value, name, failure, code = codeOf[failure]]) => [
    value,
    { value, name, failure, recovery: recoveryOf[failure], code },
  ]),
);

/** The meaning of a return value; one that is not in the table, such as a vendor's own, costs the process, which is always safe. */
export function returnValue(value: number): ReturnValue {
  return (
    returnValues.get(value) ?? {
      value,
      name: `CKR 0x${value.toString(16)}`,
      failure: 'module',
      recovery: 'replace',
      code: 'device_error',
    }
  );
}
