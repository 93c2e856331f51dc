/**
 * Puts a P-256 key pair of its own into a token (SOFTHSM2_CONF is one for a process). Arguments: module, token label, PIN file, key label, and
 * attributes of the private key such as CKA_EXTRACTABLE=true.
 */
import pkcs11js from 'pkcs11js';
import { openBareSession } from './bare-session.ts';

const [modulePath = '', tokenLabel = '', pinFile = '', label = '', ...attributes] = process.argv.slice(2);
const { module, session } = openBareSession({ modulePath, tokenLabel, pinFile });
const known = pkcs11js as unknown as Record<string, number>;
const wanted = new Map<number, boolean>([
  [pkcs11js.CKA_SENSITIVE, true],
  [pkcs11js.CKA_EXTRACTABLE, false],
  [pkcs11js.CKA_SIGN, true],
  // Where nothing is said, SoftHSM allows these.
  [pkcs11js.CKA_DERIVE, false],
  [pkcs11js.CKA_DECRYPT, false],
  [pkcs11js.CKA_UNWRAP, false],
  [pkcs11js.CKA_SIGN_RECOVER, false],
]);
for (const attribute of attributes) {
  const [name = '', value] = attribute.split('=');
  const type = known[name];
  if (type === undefined) throw new Error(`no attribute ${name}`);
  wanted.set(type, value === 'true');
}
const common = [
  { type: pkcs11js.CKA_TOKEN, value: true },
  { type: pkcs11js.CKA_LABEL, value: label },
];
module.C_GenerateKeyPair(
  session,
  { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
  [
    ...common,
    { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from('06082a8648ce3d030107', 'hex') },
    { type: pkcs11js.CKA_ENCRYPT, value: false },
    { type: pkcs11js.CKA_WRAP, value: false },
  ],
  [
    ...common,
    { type: pkcs11js.CKA_PRIVATE, value: true },
    ...[...wanted].map(([type, value]) => ({ type, value })),
  ],
);
module.C_Finalize();
