/** Names of PKCS#11's numbers: those that pkcs11js has, and those of v3.0 and later that it has not. */
import pkcs11js from 'pkcs11js';

const newer: Readonly<Record<number, string>> = {
  4181: 'CKM_EC_EDWARDS_KEY_PAIR_GEN',
  4182: 'CKM_EC_MONTGOMERY_KEY_PAIR_GEN',
  4183: 'CKM_EDDSA',
  5131: 'CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS',
  4234: 'CKM_AES_CMAC',
  4233: 'CKM_AES_CTS',
  688: 'CKM_SHA3_256',
};

/** Some numbers have an old and a new name: the new one counts. */
const preferred = new Set(['CKM_EC_KEY_PAIR_GEN']);

const mechanismNames = new Map<number, string>();
for (const [name, value] of Object.entries(pkcs11js)) {
  if (!name.startsWith('CKM_') || typeof value !== 'number') continue;
  if (!mechanismNames.has(value) || preferred.has(name)) mechanismNames.set(value, name);
}

/** The name of a mechanism; the number, in hexadecimal, of one that has none here. */
export function mechanismName(mechanism: number): string {
  return mechanismNames.get(mechanism) ?? newer[mechanism] ?? `0x${mechanism.toString(16)}`;
}

const flagSets = {
  slot: ['CKF_TOKEN_PRESENT', 'CKF_REMOVABLE_DEVICE', 'CKF_HW_SLOT'],
  token: [
    'CKF_RNG',
    'CKF_WRITE_PROTECTED',
    'CKF_LOGIN_REQUIRED',
    'CKF_USER_PIN_INITIALIZED',
    'CKF_RESTORE_KEY_NOT_NEEDED',
    'CKF_CLOCK_ON_TOKEN',
    'CKF_PROTECTED_AUTHENTICATION_PATH',
    'CKF_DUAL_CRYPTO_OPERATIONS',
    'CKF_TOKEN_INITIALIZED',
    'CKF_SECONDARY_AUTHENTICATION',
    'CKF_USER_PIN_COUNT_LOW',
    'CKF_USER_PIN_FINAL_TRY',
    'CKF_USER_PIN_LOCKED',
    'CKF_USER_PIN_TO_BE_CHANGED',
    'CKF_SO_PIN_COUNT_LOW',
    'CKF_SO_PIN_FINAL_TRY',
    'CKF_SO_PIN_LOCKED',
    'CKF_SO_PIN_TO_BE_CHANGED',
    'CKF_ERROR_STATE',
  ],
  mechanism: [
    'CKF_HW',
    'CKF_ENCRYPT',
    'CKF_DECRYPT',
    'CKF_DIGEST',
    'CKF_SIGN',
    'CKF_SIGN_RECOVER',
    'CKF_VERIFY',
    'CKF_VERIFY_RECOVER',
    'CKF_GENERATE',
    'CKF_GENERATE_KEY_PAIR',
    'CKF_WRAP',
    'CKF_UNWRAP',
    'CKF_DERIVE',
    'CKF_EC_F_P',
    'CKF_EC_F_2M',
    'CKF_EC_ECPARAMETERS',
    'CKF_EC_NAMEDCURVE',
    'CKF_EC_UNCOMPRESS',
    'CKF_EC_COMPRESS',
    'CKF_EXTENSION',
  ],
} as const;

const flagValues = new Map(
  Object.entries(pkcs11js).flatMap(([name, value]) =>
    name.startsWith('CKF_') && typeof value === 'number' ? [[name, value] as const] : [],
  ),
);

/** The names of the flags that are set; a flag without a name as a number. */
export function flagNames(of: keyof typeof flagSets, flags: number): string[] {
  let rest = flags >>> 0;
  const names: string[] = [];
  for (const name of flagSets[of]) {
    const value = flagValues.get(name);
    if (value === undefined) throw new Error(`pkcs11js has no ${name}`);
    const bit = value >>> 0;
    if ((rest & bit) === 0) continue;
    names.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  return rest === 0 ? names : [...names, `0x${rest.toString(16)}`];
}
