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
  0x02: { name: 'CKR_HOST_MEMORY', code: 'device_error', recovery: 'process' },
  0x03: { name: 'CKR_SLOT_ID_INVALID', code: 'token_missing', recovery: 'process' },
  0x05: { name: 'CKR_GENERAL_ERROR', code: 'device_error', recovery: 'process' },
  0x06: { name: 'CKR_FUNCTION_FAILED', code: 'device_error', recovery: 'session' },
  0x07: { name: 'CKR_ARGUMENTS_BAD', code: 'device_error', recovery: 'session' },
  0x30: { name: 'CKR_DEVICE_ERROR', code: 'device_error', recovery: 'process' },
  0x31: { name: 'CKR_DEVICE_MEMORY', code: 'device_error', recovery: 'process' },
  0x32: { name: 'CKR_DEVICE_REMOVED', code: 'token_missing', recovery: 'process' },
  0x60: { name: 'CKR_KEY_HANDLE_INVALID', code: 'token_missing', recovery: 'process' },
  0x70: { name: 'CKR_MECHANISM_INVALID', code: 'mechanism_missing', recovery: 'session' },
  // SoftHSM gives this when the token's directory has gone, while C_GetSessionInfo still succeeds.
  0x82: { name: 'CKR_OBJECT_HANDLE_INVALID', code: 'token_missing', recovery: 'process' },
  0x90: { name: 'CKR_OPERATION_ACTIVE', code: 'device_error', recovery: 'session' },
  0xa0: { name: 'CKR_PIN_INCORRECT', code: 'pin_incorrect', recovery: 'none' },
  0xa1: { name: 'CKR_PIN_INVALID', code: 'pin_incorrect', recovery: 'none' },
  0xa2: { name: 'CKR_PIN_LEN_RANGE', code: 'pin_incorrect', recovery: 'none' },
  0xa4: { name: 'CKR_PIN_LOCKED', code: 'pin_locked', recovery: 'none' },
  0xb0: { name: 'CKR_SESSION_CLOSED', code: 'device_error', recovery: 'process' },
  0xb3: { name: 'CKR_SESSION_HANDLE_INVALID', code: 'device_error', recovery: 'process' },
  0xe0: { name: 'CKR_TOKEN_NOT_PRESENT', code: 'token_missing', recovery: 'process' },
  0xe1: { name: 'CKR_TOKEN_NOT_RECOGNIZED', code: 'token_missing', recovery: 'process' },
  // The token came back after it had gone: the login did not.
  0x101: { name: 'CKR_USER_NOT_LOGGED_IN', code: 'device_error', recovery: 'process' },
  0x102: { name: 'CKR_USER_PIN_NOT_INITIALIZED', code: 'token_missing', recovery: 'none' },
  0x150: { name: 'CKR_BUFFER_TOO_SMALL', code: 'device_error', recovery: 'session' },
  0x190: { name: 'CKR_CRYPTOKI_NOT_INITIALIZED', code: 'module_unusable', recovery: 'process' },
};

/** The meaning of a return value; one that is not in the table costs the process, which is always safe. */
export function returnValue(code: number): ReturnValue {
  return table[code] ?? { name: `CKR 0x${code.toString(16)}`, code: 'device_error', recovery: 'process' };
}
