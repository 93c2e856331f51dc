/** The process of one role: started with its SOFTHSM2_CONF, it answers one request over IPC, and ends. */
import pkcs11js from 'pkcs11js';
import { auditKey, generateKey } from './key-generation.js';
import { listMechanisms } from './mechanism-list.js';
import { readPublicKey } from './public-key.js';
import { SetupError } from './setup-error.js';
import { tryKey } from './smoke-test.js';
import { isSecret } from './template.js';
import { describeModule, initialiseToken, loadModule, openToken } from './token.js';

/** @typedef {import('./role-call.js').RoleRequest} RoleRequest */
/** @typedef {import('./role-call.js').CheckedKey} CheckedKey */
/** @typedef {import('./token.js').Module} Module */

/**
 * @param {Module} module
 * @param {RoleRequest} request
 */
function answer(module, request) {
  const softhsm = describeModule(module);
  assertAccepted(softhsm, request.accept);
  if (request.action === 'mechanisms') {
    const [slot] = module.C_GetSlotList(true);
    if (slot === undefined) throw new SetupError('token_failed', 'SoftHSM shows no slot');
    return { softhsm, mechanisms: listMechanisms(module, slot) };
  }
  if (request.action === 'provision') {
    const serial = initialiseToken(module, request.role);
    const token = openToken(module, { ...request.role, serial });
    for (const key of request.role.keys) generateKey(token, key);
    return { softhsm, serial };
  }
  const { serial } = request.role;
  if (serial === undefined) throw new TypeError('a token is checked by its serial number');
  const token = openToken(module, { ...request.role, serial });
  /** @type {CheckedKey[]} */
  const keys = request.role.keys.map((key) => {
    const attributes = auditKey(token, key);
    const publicKey = isSecret(key.type) ? undefined : readPublicKey(token, key);
    const pem = publicKey?.export({ type: 'spki', format: 'pem' }).toString() ?? null;
    return { name: key.name, publicKey: pem, attributes, smoke: tryKey(token, key, publicKey) };
  });
  return { softhsm, keys };
}

/**
 * @param {{ manufacturer: string, version: string }} softhsm
 * @param {readonly string[]} accept
 */
function assertAccepted({ manufacturer, version }, accept) {
  if (!/softhsm/i.test(manufacturer))
    throw new SetupError('softhsm_unusable', `the module is by \`${manufacturer}\`: SoftHSM's is accepted`);
  if (!accept.includes('any') && !accept.includes(version))
    throw new SetupError(
      'softhsm_version',
      `SoftHSM ${version} is not accepted: ${accept.join(', ')} is; --accept-version ${version} takes it all the same`,
    );
}

/**
 * @param {unknown} thrown
 * @param {RoleRequest} request
 */
function refusal(thrown, request) {
  if (thrown instanceof SetupError) return { code: thrown.code, message: thrown.message };
  if (thrown instanceof pkcs11js.Pkcs11Error) {
    if (thrown.code === pkcs11js.CKR_PIN_INCORRECT && request.action !== 'mechanisms')
      return { code: 'token_lost', message: `the token refuses the PIN in \`${request.role.pinFile}\`` };
    // pkcs11js has the CKR name in the message, and not always the function in `method`.
    const asked = thrown.method === '' ? '' : ` to ${thrown.method}`;
    return { code: 'token_failed', message: `the token answered ${thrown.message}${asked}` };
  }
  return { code: 'token_failed', message: String(/** @type {Error} */ (thrown)?.message ?? thrown) };
}

/** @param {RoleRequest} request */
function handle(request) {
  try {
    const module = loadModule(request.module);
    try {
      return { ok: true, value: answer(module, request) };
    } finally {
      module.C_Finalize();
    }
  } catch (error) {
    return { ok: false, ...refusal(error, request) };
  }
}

// Ctrl-C reaches the whole process group; it is the parent that ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
// Without its parent it would only be in the way.
process.on('disconnect', () => process.exit());
process.once('message', (/** @type {RoleRequest} */ request) => {
  process.send?.(handle(request), undefined, undefined, () => process.disconnect());
});
