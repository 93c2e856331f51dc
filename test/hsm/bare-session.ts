/** A session with a token without hsm/ in between, for processes of their own: SOFTHSM2_CONF is one for a process. */
import { readFileSync } from 'node:fs';
import pkcs11js, { type Handle, type PKCS11 } from 'pkcs11js';

export interface BareSession {
  readonly module: PKCS11;
  readonly session: Handle;
}

/** Loads the module and opens a session that is logged in; the process ends it with C_Finalize. */
export function openBareSession(token: {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pinFile: string;
}): BareSession {
  const module = new pkcs11js.PKCS11();
  module.load(token.modulePath);
  module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  const slot = module
    .C_GetSlotList(true)
    .find((candidate) => module.C_GetTokenInfo(candidate).label.trim() === token.tokenLabel);
  if (slot === undefined) throw new Error(`no token \`${token.tokenLabel}\``);
  const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  module.C_Login(session, pkcs11js.CKU_USER, readFileSync(token.pinFile, 'utf8').trim());
  return { module, session };
}
