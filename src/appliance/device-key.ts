/** The keys of a system in its secure element: what they may sign, and what an audit reads of them. */
import type { DeviceKey } from '../../firmware-sim/protocol.ts';
import type { AttributeReading } from '../../hsm/attribute-reading.ts';
import { signedModuleType } from '../../vm/signed-module.ts';
import { signedTranslationType } from '../../vm/signed-translation.ts';
import { recordType } from '../records/cose.ts';
import type { Role } from './home.ts';

/** Worth nothing by themselves, and in no journal: what a system says of its journal and of its keys. */
const everyones: readonly string[] = [recordType.journalHead, recordType.keyAudit];

/** Central management's key signs modules, their translations and rules too, by which it decides; people put them in force. */
const centrals = [signedModuleType, signedTranslationType, recordType.ruleModule, recordType.ruleSet];

/**
 * COSE types (RFC 9596) that a signing key of the system signs without a journal entry. What begins with `ringmint.` it signs anyway: canaries and proofs
 * of possession, which are no Sig_structures.
 */
export function freeTypesOf(role: Role): readonly string[] {
  return role === 'central' ? [...everyones, ...centrals] : everyones;
}

/**
 * What the device says of a key, in the words of PKCS#11 where it has words for it. That a key was made in the device and does not leave it is
 * its firmware's doing: no command gives or takes one.
 */
export function readDeviceKey(role: Role, { label, use, anchored, free }: DeviceKey): AttributeReading[] {
  const signs = use === 'sign';
  const accepted = freeTypesOf(role);
  const readings: readonly (readonly [string, boolean, boolean])[] = [
    ['CKA_SIGN', label.startsWith('signing'), signs],
    ['CKA_DERIVE', label.startsWith('agreement'), use === 'agree'],
    ['CKA_EXTRACTABLE', false, false],
    ['CKA_LOCAL', true, true],
    ...(signs
      ? ([
          ['CKA_RINGMINT_ANCHORED', true, anchored],
          ['CKA_RINGMINT_SIGNS_OTHERS', false, free.some((type) => !accepted.includes(type))],
        ] as const)
      : []),
  ];
  return readings.map(([attribute, expected, actual]) => ({ key: label, attribute, expected, actual }));
}
