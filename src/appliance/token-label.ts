/** The labels by which a role's token and its keys are found: slot numbers change, labels do not. */
import type { Role } from './home.ts';

export const signingKeyLabel = 'signing';
export const agreementKeyLabel = 'agreement';

/** The name of the HSM in the appliance's own folder. */
export const ownHsm = 'softhsm';

export function tokenLabel(role: Role): string {
  return `ringmint-${role}`;
}
