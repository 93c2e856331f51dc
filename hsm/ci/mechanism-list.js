/** What a token can do, by the names of PKCS#11. */
import pkcs11js from 'pkcs11js';

/** @typedef {{ name: string, number: number, minKeySize: number, maxKeySize: number, flags: string[] }} MechanismEntry */

/** Names of PKCS#11 v3.0 that pkcs11js 2.1.7 does not have. */
const laterNames = new Map([
  [0x1055, 'CKM_EC_EDWARDS_KEY_PAIR_GEN'],
  [0x1056, 'CKM_EC_MONTGOMERY_KEY_PAIR_GEN'],
  [0x1057, 'CKM_EDDSA'],
  [0x108a, 'CKM_AES_CMAC'],
]);

/** CK_MECHANISM_INFO flags (PKCS#11 v3.1 §3.5). */
const flagNames = Object.freeze({
  hardware: 0x1,
  encrypt: 0x100,
  decrypt: 0x200,
  digest: 0x400,
  sign: 0x800,
  sign_recover: 0x1000,
  verify: 0x2000,
  verify_recover: 0x4000,
  generate: 0x8000,
  generate_key_pair: 0x10000,
  wrap: 0x20000,
  unwrap: 0x40000,
  derive: 0x80000,
});

/**
 * The mechanisms of a slot, sorted by number.
 *
 * @param {import('pkcs11js').PKCS11} module
 * @param {import('pkcs11js').Handle} slot
 * @returns {MechanismEntry[]}
 */
export function listMechanisms(module, slot) {
  const names = new Map(laterNames);
  for (const [name, value] of Object.entries(pkcs11js)) {
    if (name.startsWith('CKM_') && typeof value === 'number' && !names.has(value)) names.set(value, name);
  }
  return module
    .C_GetMechanismList(slot)
    .sort((a, b) => a - b)
    .map((number) => {
      const { minKeySize, maxKeySize, flags } = module.C_GetMechanismInfo(slot, number);
      return {
        name: names.get(number) ?? `0x${number.toString(16).padStart(8, '0')}`,
        number,
        minKeySize,
        maxKeySize,
        flags: Object.entries(flagNames).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name])),
      };
    });
}
