/** Whose a key of the trust bundle is, in an appliance of one issuer. */
import type { KeyHolder } from '../records/key-ring.ts';
import type { KeyRole } from '../records/trust-bundle.ts';
import type { Role } from './home.ts';

/** The name under which a role's keys are in the trust bundle. */
export function holderOf(role: KeyRole, issuer: string): KeyHolder {
  return { role, name: role === 'issuance' ? issuer : role === 'quota-agreement' ? 'quota' : role };
}

/** The system whose HSMs have the keys of this role. */
export function systemOf(role: KeyRole): Role {
  return role === 'quota-agreement' ? 'quota' : role;
}
