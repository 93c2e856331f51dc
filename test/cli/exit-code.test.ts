/** Exit codes of what is thrown: a broken device or a wrong set-up must not look like a refusal by the rules. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exitCode, exitCodeOf } from '../../src/cli/exit-code.ts';
import { project } from '../flow/ringmint.ts';

/** Rules that refused: a limit of the key, a key that the operator names, a plan that may not be carried out, and what a device does not do as it is now. */
const refusals = [
  ...['limit_reached', 'key_unknown', 'key_revoked'],
  ...['command_refused', 'key_exists', 'ballot_cast', 'module_refused', 'module_unknown', 'trust_set'],
  ...['approval_missing', 'plan_stale', 'plan_early', 'plan_expired', 'plan_foreign'],
];

it.each([
  ['hsm/signer.ts', 'SignerErrorCode'],
  ['hsm/backup-error.ts', 'BackupErrorCode'],
  ['src/appliance/appliance-error.ts', 'ApplianceErrorCode'],
  ['firmware-sim/protocol.ts', 'DeviceErrorCode'],
  ['firmware-sim/device-folder.ts', 'DeviceFolderCode'],
])('has a class for every code of %s', (file, union) => {
  const text = readFileSync(join(project, file), 'utf8');
  const codes = new RegExp(`type ${union} =([^;]*);`).exec(text)?.[1]?.match(/(?<=')[a-z_]+(?=')/g) ?? [];
  expect(codes.length).toBeGreaterThan(4);
  const refused = codes.filter((code) => exitCodeOf(code) === exitCode.refused);
  expect(refused.filter((code) => !refusals.includes(code))).toEqual([]);
});

it.each([
  ['key_unfit', 5],
  ['token_shared', 5],
  ['backup_altered', 5],
  ['anchor_unreadable', 5],
  ['anchor_moved', 5],
  ['anchor_behind', 6],
  ['journal_behind_anchor', 6],
  ['backup_outdated', 5],
  ['backup_unsupported', 2],
  ['backup_exists', 2],
  ['hsm_unknown', 2],
  ['root_missing', 2],
  ['keys_in_use', 6],
  ['drill_interrupted', 6],
  ['witness_unavailable', 6],
  ['bundle_expired', 6],
  ['openings_malformed', 2],
  ['owner_not_key', 2],
  ['unit_spent', 3],
  ['balance_too_low', 3],
  ['journal_behind_witness', 6],
  ['journal_forked', 6],
  ['limit_reached', 3],
  ['rate_limited', 6],
  ['server_stopping', 6],
])('%s is %i', (code, exit) => {
  expect(exitCodeOf(code)).toBe(exit);
});
