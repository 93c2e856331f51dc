/** What follows for a signer from the sheets: each sentence is printed only while the sheets bear it out. */
import type { Sheet } from './sheet.ts';
import type { ModuleName } from './started-module.ts';

type Sheets = Readonly<Record<ModuleName, Sheet>>;

const answers = (sheet: Sheet, probe: string, call: string, when: string): string =>
  sheet.probes[probe]?.answers.find((one) => one.call === call && one.when === when)?.answer ?? '';
const broken = (sheet: Sheet, breakage: string, call: string, rest = ''): string =>
  sheet.breakages[breakage]?.answers.find((one) => one.call === call && one.when === `${breakage}${rest}`)
    ?.answer ?? '';
const route = (sheet: Sheet, algorithm: string, name: string): string =>
  sheet.routes.find((one) => one.algorithm === algorithm && one.route === name)?.answer ?? '';
const crashes = (sheet: Sheet, race: string): boolean =>
  Object.keys(sheet.races[race] ?? {}).some((outcome) => outcome.startsWith('crashed'));
const all = (sheets: Sheets): Sheet[] => Object.values(sheets);

const consequences: readonly { readonly text: string; readonly holds: (sheets: Sheets) => boolean }[] = [
  {
    text: 'The mechanism list decides. Only SoftHSM2 has EdDSA; opencryptoki has PS256 alone; SoftHSM2 has no CKM_ECDSA_SHA256. So ES256 goes by CKM_ECDSA over a digest, which all three that have ES256 do.',
    holds: ({ softhsm, tpm2, softokn, opencryptoki }) =>
      [tpm2, softokn, opencryptoki].every((sheet) => route(sheet, 'EdDSA', 'CKM_EDDSA') === 'no key') &&
      [softhsm, tpm2, softokn].every((sheet) => route(sheet, 'ES256', 'CKM_ECDSA') === 'CKR_OK') &&
      route(softhsm, 'ES256', 'CKM_ECDSA_SHA256') === 'CKR_MECHANISM_INVALID',
  },
  {
    text: 'A mechanism list is not enough. tpm2-pkcs11 says CKM_RSA_X_509 signs, and makes PS256 with it, but only with a key that may decrypt too, which the audit refuses: a new key is tried with one signature before it counts.',
    holds: ({ tpm2 }) =>
      route(tpm2, 'PS256', 'CKM_RSA_X_509 over EMSA-PSS') === 'CKR_GENERAL_ERROR' &&
      answers(
        tpm2,
        'permissive-rsa',
        'C_Sign',
        'PS256 by CKM_RSA_X_509 over EMSA-PSS, with an RSA key that may decrypt',
      ) === 'CKR_OK',
  },
  {
    text: 'NSS says CKA_LOCAL false of keys that it generated itself: an audit that demands true refuses them all.',
    holds: ({ softokn }) => softokn.audit.every(({ attributes }) => attributes['CKA_LOCAL'] === false),
  },
  {
    text: 'NSS wraps out a key that it calls sensitive and never extractable, with a key that the caller knows. Its attributes promise nothing against code in the signer process: it is for tests and for a second opinion.',
    holds: ({ softokn }) =>
      answers(
        softokn,
        'extraction',
        'C_WrapKey',
        'the signing key, with an AES key that the caller knows',
      ) === 'CKR_OK',
  },
  {
    text: 'Keys are made with CKA_MODIFIABLE false: otherwise all four let a logged-in user give a signing key CKA_DECRYPT, CKA_DERIVE and CKA_UNWRAP. tpm2-pkcs11 does so even then, and reads out whatever was written: its audit shows a label, and not the TPM.',
    holds: (sheets) =>
      all(sheets).every(
        (sheet) => answers(sheet, 'attributes', 'C_SetAttributeValue', 'CKA_UNWRAP true') === 'CKR_OK',
      ) &&
      all(sheets).every(
        (sheet) =>
          (answers(sheet, 'attributes', 'C_SetAttributeValue', 'CKA_MODIFIABLE false: CKA_UNWRAP true') ===
            'CKR_OK') ===
          (sheet.module === 'tpm2'),
      ),
  },
  {
    text: 'Raw ECDSA takes any length in SoftHSM2 and NSS: the caller holds the digest to the hash. CKM_RSA_PKCS_PSS of NSS does too, and crashes over nothing at all.',
    holds: ({ softhsm, softokn }) =>
      [softhsm, softokn].every(
        (sheet) => answers(sheet, 'ecdsa-lengths', 'C_Sign', 'ES256 by CKM_ECDSA over 1 bytes') === 'CKR_OK',
      ) &&
      answers(softokn, 'pss-lengths', 'C_Sign', 'PS256 by CKM_RSA_PKCS_PSS over 0 bytes').startsWith(
        'crashed',
      ),
  },
  {
    text: 'After CKR_BUFFER_TOO_SMALL the operation stays active in all four: C_SignInit then answers CKR_OPERATION_ACTIVE.',
    holds: (sheets) =>
      all(sheets).every(
        (sheet) =>
          answers(sheet, 'small-buffer', 'C_SignInit', 'after CKR_BUFFER_TOO_SMALL') ===
          'CKR_OPERATION_ACTIVE',
      ),
  },
  {
    text: 'A login that has gone looks different in each: CKR_OBJECT_HANDLE_INVALID (SoftHSM2), CKR_USER_NOT_LOGGED_IN (tpm2-pkcs11), CKR_HOST_MEMORY (NSS), CKR_KEY_HANDLE_INVALID (opencryptoki). After a new login the old handles work in tpm2-pkcs11 and NSS only: keys are looked up again.',
    holds: ({ softhsm, tpm2, softokn, opencryptoki }) => {
      const of = (sheet: Sheet): string =>
        answers(sheet, 'without-login', 'C_SignInit', 'after C_Logout, with the old handle');
      const again = (sheet: Sheet): boolean =>
        answers(sheet, 'without-login', 'C_Sign', 'the old handle after a new login') === 'CKR_OK';
      return (
        of(softhsm) === 'CKR_OBJECT_HANDLE_INVALID' &&
        of(tpm2) === 'CKR_USER_NOT_LOGGED_IN' &&
        of(softokn) === 'CKR_HOST_MEMORY' &&
        of(opencryptoki) === 'CKR_KEY_HANDLE_INVALID' &&
        !again(softhsm) &&
        again(tpm2) &&
        again(softokn) &&
        !again(opencryptoki)
      );
    },
  },
  {
    text: 'A module whose device has gone may answer CKR_GENERAL_ERROR to C_Sign and CKR_OK to C_SignInit, C_GetSessionInfo and C_GetTokenInfo (tpm2-pkcs11), or go on signing from memory (NSS, opencryptoki): only a canary signature tells, and a process started anew may find nothing.',
    holds: ({ tpm2, softokn, opencryptoki }) =>
      broken(tpm2, 'the TPM is killed', 'C_Sign') === 'CKR_GENERAL_ERROR' &&
      broken(tpm2, 'the TPM is killed', 'C_GetTokenInfo') === 'CKR_OK' &&
      broken(softokn, 'its database is moved away', 'C_Sign') === 'CKR_OK' &&
      broken(opencryptoki, "its token's files are moved away", 'C_Sign') === 'CKR_OK',
  },
  {
    text: 'A device that has stopped makes the call hang, without an end (tpm2-pkcs11; opencryptoki at C_Initialize): every call has a deadline, and at it the process is killed.',
    holds: ({ tpm2, opencryptoki }) =>
      broken(tpm2, 'the TPM is stopped', 'C_Sign', ', begun before') === 'hung' &&
      broken(opencryptoki, 'pkcsslotd is stopped', 'C_Initialize', ', in a new process') === 'hung',
  },
  {
    text: 'C_Finalize and C_CloseSession beside an operation in flight crash: SoftHSM2 and opencryptoki now and then, tpm2-pkcs11 mostly. They wait for the operation, or are not called at all.',
    holds: ({ softhsm, tpm2, opencryptoki }) =>
      [softhsm, tpm2, opencryptoki].every((sheet) => crashes(sheet, 'finalise-in-flight')) &&
      crashes(tpm2, 'close-in-flight'),
  },
  {
    text: 'Three wrong PINs lock tpm2-pkcs11 and opencryptoki; in tpm2-pkcs11 this locks the whole TPM, with its security officer. A wrong PIN is never tried again by itself. SoftHSM2 and NSS lock never.',
    holds: ({ softhsm, tpm2, softokn, opencryptoki }) => {
      const of = (sheet: Sheet, when: string): string => answers(sheet, 'worn-out', 'C_Login', when);
      return (
        [tpm2, opencryptoki].every((sheet) => of(sheet, 'wrong PIN number 4') === 'CKR_PIN_LOCKED') &&
        of(tpm2, 'wrong SO PIN number 1') === 'CKR_PIN_LOCKED' &&
        [softhsm, softokn].every((sheet) => of(sheet, 'the right PIN after 12 wrong ones') === 'CKR_OK')
      );
    },
  },
  {
    text: 'tpm2-pkcs11 answers CKR_OK to C_SetPIN with a wrong old PIN: the PIN stays as it was, and the TPM counts a failure. After C_SetPIN a login says whether it was changed.',
    holds: ({ tpm2 }) =>
      answers(tpm2, 'pin-changes', 'C_SetPIN', 'nobody is logged in, the old PIN wrong') === 'CKR_OK' &&
      answers(tpm2, 'pin-changes', 'C_Login', 'the right PIN after that') === 'CKR_OK',
  },
  {
    text: 'NSS empties its database on C_InitToken with any PIN of a security officer, also with a session open.',
    holds: ({ softokn }) =>
      answers(softokn, 'pin-changes', 'C_InitToken', 'with a session open, a wrong SO PIN') === 'CKR_OK',
  },
  {
    text: 'A journal is anchored in the label of a data object: SoftHSM2 lets nothing else of one be changed, tpm2-pkcs11 and opencryptoki let that be changed too, and NSS makes no private data object on a token, so that it can hold no anchor.',
    holds: ({ softhsm, tpm2, softokn, opencryptoki }) => {
      const of = (sheet: Sheet, call: string, when: string): string =>
        answers(sheet, 'data-objects', call, when);
      return (
        [softhsm, tpm2, opencryptoki].every(
          (sheet) => of(sheet, 'C_SetAttributeValue', 'CKA_LABEL, of 200 bytes') === 'CKR_OK',
        ) &&
        ['CKA_VALUE', 'CKA_APPLICATION', 'CKA_OBJECT_ID'].every(
          (name) => of(softhsm, 'C_SetAttributeValue', name) === 'CKR_ATTRIBUTE_READ_ONLY',
        ) &&
        of(softokn, 'C_CreateObject', 'a private data object of the token') === 'CKR_ATTRIBUTE_VALUE_INVALID'
      );
    },
  },
];

/** By whether the sheets bear them out. */
export function consequencesOf(sheets: readonly Sheet[]): {
  readonly hold: string[];
  readonly refuted: string[];
} {
  const byName = Object.fromEntries(sheets.map((sheet) => [sheet.module, sheet])) as Record<
    ModuleName,
    Sheet
  >;
  const hold = consequences.filter(({ holds }) => holds(byName));
  return {
    hold: hold.map(({ text }) => text),
    refuted: consequences.filter((one) => !hold.includes(one)).map(({ text }) => text),
  };
}
