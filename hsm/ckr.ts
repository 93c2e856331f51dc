/**
 * PKCS#11 return values (v3.1 §5.1.1 and pkcs11t.h) that decide what a signer does next. One table: the name, what it means
 * for the caller, and what becomes of the session or the process.
 */
import type { SignerErrorCode } from './signer.ts';

/** What a failed call costs: only the session, or the whole signer process with its login and its module. */
export type Recovery = 'session' | 'process' | 'none';

export interface ReturnValue {
  readonly name: string;
  readonly code: SignerErrorCode;
  readonly recovery: Recovery;
}

const table: Readonly<Record<number, ReturnValue>> = {
  2: { name: 'CKR_HOST_MEMORY', code: 'device_error', recovery: 'process' },
  3: { name: 'CKR_SLOT_ID_INVALID', code: 'token_missing', recovery: 'process' },
  5: { name: 'CKR_GENERAL_ERROR', code: 'device_error', recovery: 'process' },
  6: { name: 'CKR_FUNCTION_FAILED', code: 'device_error', recovery: 'session' },
  7: { name: 'CKR_ARGUMENTS_BAD', code: 'device_error', recovery: 'session' },
  48: { name: 'CKR_DEVICE_ERROR', code: 'device_error', recovery: 'process' },
  49: { name: 'CKR_DEVICE_MEMORY', code: 'device_error', recovery: 'process' },
  50: { name: 'CKR_DEVICE_REMOVED', code: 'token_missing', recovery: 'process' },
  96: { name: 'CKR_KEY_HANDLE_INVALID', code: 'token_missing', recovery: 'process' },
  112: { name: 'CKR_MECHANISM_INVALID', code: 'mechanism_missing', recovery: 'session' },
  // SoftHSM gives this when the token's directory has gone, while C_GetSessionInfo still succeeds.
  130: { name: 'CKR_OBJECT_HANDLE_INVALID', code: 'token_missing', recovery: 'process' },
  144: { name: 'CKR_OPERATION_ACTIVE', code: 'device_error', recovery: 'session' },
  160: { name: 'CKR_PIN_INCORRECT', code: 'pin_incorrect', recovery: 'none' },
  161: { name: 'CKR_PIN_INVALID', code: 'pin_incorrect', recovery: 'none' },
  162: { name: 'CKR_PIN_LEN_RANGE', code: 'pin_incorrect', recovery: 'none' },
  164: { name: 'CKR_PIN_LOCKED', code: 'pin_locked', recovery: 'none' },
  176: { name: 'CKR_SESSION_CLOSED', code: 'device_error', recovery: 'process' },
  179: { name: 'CKR_SESSION_HANDLE_INVALID', code: 'device_error', recovery: 'process' },
  224: { name: 'CKR_TOKEN_NOT_PRESENT', code: 'token_missing', recovery: 'process' },
  225: { name: 'CKR_TOKEN_NOT_RECOGNIZED', code: 'token_missing', recovery: 'process' },
  // The token came back after it had gone: the login did not.
  257: { name: 'CKR_USER_NOT_LOGGED_IN', code: 'device_error', recovery: 'process' },
  258: { name: 'CKR_USER_PIN_NOT_INITIALIZED', code: 'token_missing', recovery: 'none' },
  336: { name: 'CKR_BUFFER_TOO_SMALL', code: 'device_error', recovery: 'session' },
  400: { name: 'CKR_CRYPTOKI_NOT_INITIALIZED', code: 'module_unusable', recovery: 'process' },
};

/** The meaning of a return value; one that is not in the table costs the process, which is always safe. */
export function returnValue(code: number): ReturnValue {
  return table[code] ?? { name: `CKR 0x${code.toString(16)}`, code: 'device_error', recovery: 'process' };
}
