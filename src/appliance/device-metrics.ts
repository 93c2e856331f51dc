/** What a system signs with, where its keys are and the anchor of its journal, for Prometheus: text exposition, version 0.0.4. */
import { showFigures, showHealth } from '../../hsm/signing-metrics.ts';
import type { RoleDevices } from '../roles/status.ts';
import type { Role } from './home.ts';
import type { RoleToken } from './role-token.ts';

export function showToken(role: Role, { signer, health, devices }: RoleToken): string {
  return showFigures(role, signer.figures) + showHealth(role, health) + showDevices(role, devices);
}

function showDevices(role: Role, { anchor, keys }: RoleDevices): string {
  const lines = [
    "# HELP ringmint_anchor_info What holds the anchor of the system's journal, and whether it is a simulator.",
    '# TYPE ringmint_anchor_info gauge',
    `ringmint_anchor_info{role="${role}",kind="${anchor.kind}",simulator="${anchor.simulator}"} 1`,
    "# HELP ringmint_keys_info Where the system's keys are, and whether it is a simulator.",
    '# TYPE ringmint_keys_info gauge',
    ...keys.kinds.map(
      (kind) => `ringmint_keys_info{role="${role}",kind="${kind}",simulator="${kind === 'firmware-sim'}"} 1`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
