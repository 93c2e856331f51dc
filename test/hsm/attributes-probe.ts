/**
 * A process of its own (SOFTHSM2_CONF is one for a process) that reads a token without hsm/: prints, as JSON,
 * a key's attributes and what the module answers to a request for its private value.
 *
 * Arguments: module, token label, PIN file, key label.
 */
import pkcs11js from 'pkcs11js';
import { openBareSession } from './bare-session.ts';

const [modulePath = '', tokenLabel = '', pinFile = '', keyLabel = ''] = process.argv.slice(2);
const { module, session } = openBareSession({ modulePath, tokenLabel, pinFile });
module.C_FindObjectsInit(session, [
  { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
  { type: pkcs11js.CKA_LABEL, value: keyLabel },
]);
const keys = module.C_FindObjects(session, 10);
module.C_FindObjectsFinal(session);
const [key] = keys;
if (key === undefined) throw new Error(`no key \`${keyLabel}\``);

const names = [
  'CKA_TOKEN',
  'CKA_PRIVATE',
  'CKA_SENSITIVE',
  'CKA_ALWAYS_SENSITIVE',
  'CKA_EXTRACTABLE',
  'CKA_NEVER_EXTRACTABLE',
  'CKA_LOCAL',
  'CKA_SIGN',
  'CKA_DERIVE',
  'CKA_DECRYPT',
  'CKA_UNWRAP',
  'CKA_SIGN_RECOVER',
] as const;
const attributes = Object.fromEntries(
  names.map((name) => [
    name,
    module.C_GetAttributeValue(session, key, [{ type: pkcs11js[name] }])[0]?.value[0] === 1,
  ]),
);
const id = module.C_GetAttributeValue(session, key, [{ type: pkcs11js.CKA_ID }])[0]?.value.toString('hex');
let privateValue = 'given out';
try {
  module.C_GetAttributeValue(session, key, [{ type: pkcs11js.CKA_VALUE }]);
} catch (error) {
  privateValue = (error as Error).message;
}
process.stdout.write(JSON.stringify({ count: keys.length, attributes, id, privateValue }));
module.C_Finalize();
