/** The anchor of a system, in the HSM that its configuration names. */
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
  await workplace.init();
  return () => workplace.remove();
}, 60_000);

async function openRole(): Promise<RoleToken> {
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const surroundings = { home, role: 'issuance', configuration, projectFolder: project } as const;
  const token = await openRoleToken(surroundings, await readTrustBundle(home), () => undefined);
  onTestFinished(() => token.close());
  return token;
}

test('is there for the next start of the system, and beside its signatures', async () => {
  const role = await openRole();
  const anchor = role.anchorIn('softhsm');
  expect(await anchor.read()).toBeUndefined();
  await anchor.advance(undefined, headAt(0));
  await anchor.advance(headAt(0), headAt(1));
  await role.signer.check();
  await role.close();
  expect(await (await openRole()).anchorIn('softhsm').read()).toEqual(headAt(1));
});

test('goes with the token, and not with the configuration: backup and drill leave it as it is', async () => {
  const role = await openRole();
  const anchor = role.anchorIn('softhsm');
  const before = await anchor.read();
  const next = headAt((before?.sequence ?? -1) + 1);
  await anchor.advance(before, next);
  const folder = join(workplace.folder, 'backup');
  expect(await workplace.run('keys', 'backup', 'issuance', '--out', folder)).toMatchObject({ code: 0 });
  expect(await workplace.run('keys', 'restore-drill', folder)).toMatchObject({ code: 0 });
  expect(await workplace.run('keys', 'list')).toMatchObject({ code: 0 });
  expect(await anchor.read()).toEqual(next);
});

test('is refused in an HSM that the configuration does not have, and in one that did not open', async () => {
  const path = home.config('issuance');
  const text = readFileSync(path, 'utf8');
  onTestFinished(() => writeFileSync(path, text));
  const config = JSON.parse(text) as { signing: { hsms: object[] } };
  config.signing.hsms.push({
    name: 'other',
    kind: 'pkcs11',
    module: '/nowhere/module.so',
    uri: 'pkcs11:token=other',
    pin: `file:${join(home.token('issuance'), 'pin')}`,
    environment: {},
  });
  writeFileSync(path, JSON.stringify(config));
  const role = await openRole();
  const codeOf = (hsm: string): unknown => {
    try {
      return role.anchorIn(hsm);
    } catch (error) {
      return (error as { code: unknown }).code;
    }
  };
  expect(codeOf('elsewhere')).toBe('hsm_unknown');
  expect(codeOf('other')).toBe('anchor_unavailable');
  expect(codeOf('softhsm')).toBeTypeOf('object');
});
