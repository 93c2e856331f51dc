/** The anchor of a system on the tokens of its HSMs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { applianceSchema, readConfiguration } from '../../src/appliance/configuration.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { openRoleToken, type RoleToken } from '../../src/appliance/role-token.ts';
import { readTrustBundle } from '../../src/appliance/trust.ts';
import { makeWorkplace, project } from './ringmint.ts';

const workplace = makeWorkplace();
const home = homeAt(workplace.home);
const headAt = (sequence: number) => ({ sequence, hash: new Uint8Array(32).fill(sequence) });
beforeAll(async () => {
  await workplace.init(undefined, '--anchor', 'tokens');
  return () => workplace.remove();
}, 60_000);

async function openRole(): Promise<RoleToken> {
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const surroundings = { home, role: 'issuance', configuration, projectFolder: project } as const;
  const owner = { anchor: 'journal', signingLog: home.signingLog('issuance') };
  const token = await openRoleToken(surroundings, owner, await readTrustBundle(home), () => undefined);
  onTestFinished(() => token.close());
  return token;
}

test('is there for the next start of the system, and beside its signatures', async () => {
  const role = await openRole();
  const anchor = role.anchor;
  // `ringmint init` anchored the empty journal.
  const first = await anchor.read();
  expect(first?.sequence).toBe(0);
  await anchor.advance(first, headAt(1));
  await role.signer.check();
  await role.close();
  // A configuration of before there was a choice says nothing of it.
  const path = home.config('issuance');
  const { anchor: choice, ...before } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  expect(choice).toEqual({ kind: 'tokens' });
  writeFileSync(path, JSON.stringify(before));
  const again = await openRole();
  expect(await again.anchor.read()).toEqual(headAt(1));
  expect(again.devices).toEqual({
    anchor: { kind: 'tokens', simulator: false },
    keys: { kinds: ['softhsm'], simulator: false },
  });
});

test('goes with the token, and not with the configuration: backup and drill leave it as it is', async () => {
  const role = await openRole();
  const anchor = role.anchor;
  const before = await anchor.read();
  const next = headAt((before?.sequence ?? -1) + 1);
  await anchor.advance(before, next);
  const folder = join(workplace.folder, 'backup');
  expect(await workplace.run('keys', 'backup', 'issuance', '--out', folder)).toMatchObject({ code: 0 });
  expect(await workplace.run('keys', 'restore-drill', folder)).toMatchObject({ code: 0 });
  expect(await workplace.run('keys', 'list')).toMatchObject({ code: 0 });
  expect(await anchor.read()).toEqual(next);
});
