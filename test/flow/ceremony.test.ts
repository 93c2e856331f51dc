/** Key ceremonies as their people meet them: who plans, who approves, who holds the root, and who audits; while the systems run. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSigningLog } from '../../hsm/signing-log.ts';
import { type CeremonyPlan, encodePlan } from '../../src/records/ceremony-plan.ts';
import { writeApprovers } from './approvers.ts';
import { makeWorkplace, type Ran, type Systems, type Workplace, waitFor } from './ringmint.ts';

let place: Workplace;
let systems: Systems;
let rootKeyId: string;

interface Key {
  keyId: string;
  role: string;
  state: string;
}

interface Listing {
  rootKeyId: string;
  revocationEpoch: number;
  keys: Key[];
  unpublished: unknown[];
}

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  systems = await place.up();
  rootKeyId = (await list()).rootKeyId;
  writeApprovers(place.folder, 2);
});

afterAll(async () => {
  await systems.stop();
  place.remove();
});

const inFolder = (name: string): string => join(place.folder, name);
const trust = (): Buffer => readFileSync(join(place.home, 'trust.cbor'));
const ceremony = (...words: string[]): Promise<Ran> => place.run('ceremony', ...words, '--json');

async function list(): Promise<Listing> {
  return (await place.run('keys', 'list', '--json')).json() as unknown as Listing;
}

async function currentKey(role: string): Promise<string> {
  return (await list()).keys.find((key) => key.role === role && key.state === 'current')?.keyId ?? '';
}

async function approve(plan: string, ...names: string[]): Promise<string[]> {
  for (const name of names)
    expect(
      (await ceremony('approve', plan, '--key', `${name}.pem`, '--out', `${name}.cose`)).json(),
    ).toMatchObject({ ok: true, approver: name });
  return names.map((name) => `${name}.cose`);
}

function expectRefused(ran: Ran, code: string, exit = 3): void {
  expect([ran.code, ran.json()]).toMatchObject([exit, { ok: false, code }]);
}

/** A plan that `ringmint ceremony plan` would not make. */
function writePlan(name: string, changes: Partial<CeremonyPlan>): void {
  const seconds = Math.floor(Date.now() / 1000);
  const plan = {
    startsFrom: new Uint8Array(createHash('sha256').update(trust()).digest()),
    madeAt: seconds - 10,
    expiresAt: seconds + 600,
    actions: [{ kind: 'approvers', policy: null } as const],
    ...changes,
  };
  writeFileSync(inFolder(name), encodePlan(plan));
}

/** What a ceremony may change: nothing of it where it was refused. */
async function situation(): Promise<string> {
  const inventories = ['central', 'issuance', 'quota'].map((role) =>
    readFileSync(join(place.home, role, 'keys.json'), 'utf8'),
  );
  return JSON.stringify([trust().toString('hex'), inventories, await list()]);
}

describe('before anybody has to approve', () => {
  it('a plan is carried out by whoever has the root, and refuses what no appliance should do', async () => {
    const before = await situation();
    writePlan('foreign.cbor', {
      actions: [
        {
          kind: 'rotate',
          role: 'issuance',
          name: 'other-issuer',
          hsm: 'softhsm',
          replaced: null,
          delaySeconds: 0,
          overlapSeconds: 0,
        },
      ],
    });
    expectRefused(await ceremony('run', 'foreign.cbor', '--out', 'never.cose'), 'plan_foreign');
    writePlan('early.cbor', { madeAt: Math.floor(Date.now() / 1000) + 300 });
    expectRefused(await ceremony('run', 'early.cbor', '--out', 'never.cose'), 'plan_early');
    writePlan('late.cbor', { madeAt: 1, expiresAt: 2 });
    expectRefused(await ceremony('run', 'late.cbor', '--out', 'never.cose'), 'plan_expired');
    writePlan('unknown.cbor', { actions: [{ kind: 'revoke', keyId: new Uint8Array(32), since: 1 }] });
    expectRefused(await ceremony('run', 'unknown.cbor', '--out', 'never.cose'), 'key_unknown');
    expectRefused(await ceremony('run', 'approvers.json', '--out', 'never.cose'), 'not_cbor', 2);
    expect(await situation()).toBe(before);
  });

  it('a plan names what is there, or is none', async () => {
    expectRefused(await ceremony('plan', '--rotate', 'quota', '--hsm', 'vault'), 'hsm_unknown', 2);
    expectRefused(await ceremony('plan', '--revoke', '00000000'), 'key_unknown');
    expectRefused(await ceremony('plan', '--rotate', 'quota', '--rotate', 'quota'), 'record_malformed', 2);
    const key = await currentKey('quota');
    expectRefused(await ceremony('plan', '--revoke', `${key}@2999-01-01T00:00:00Z`), 'record_malformed', 2);
    expectRefused(await ceremony('plan', '--revoke', key, '--revoke', key), 'key_revoked');
    expectRefused(await ceremony('plan', '--no-approvers', '--home', 'nowhere'), 'home_missing', 2);
    expect(existsSync(inFolder('plan.cbor'))).toBe(false);
  });

  it('the first plan names the approvers', async () => {
    expect(
      (await ceremony('plan', '--approvers', 'approvers.json', '--out', 'first.cbor')).json(),
    ).toMatchObject({
      ok: true,
      threshold: 0,
      actions: [expect.stringContaining('needs 2 of alice')],
    });
    expect((await ceremony('run', 'first.cbor', '--out', 'first.cose')).json()).toMatchObject({
      ok: true,
      approvedBy: [],
      madeKeys: [],
    });
    expect((await ceremony('verify', 'first.cose', '--root', rootKeyId)).json()).toMatchObject({
      authentic: true,
      pinned: true,
    });
  });
});

describe('where two of three have to approve', () => {
  it('one person alone neither rotates nor revokes a key', async () => {
    const before = await situation();
    const rotated = await place.run('keys', 'rotate', 'issuance', '--json');
    expectRefused(rotated, 'approval_missing');
    expect(rotated.json()['message']).toContain('ringmint ceremony plan --rotate issuance');
    expectRefused(await place.run('keys', 'revoke', await currentKey('quota'), '--json'), 'approval_missing');
    expect(await situation()).toBe(before);
  });

  it('a plan with too few approvals, or with others than those, is refused and nothing is made', async () => {
    const before = await situation();
    const old = await currentKey('issuance');
    const planned = await ceremony(
      'plan',
      ...['--rotate', 'issuance', '--rotate', 'quota-agreement', '--revoke', old],
      ...['--delay', '0', '--out', 'second.cbor'],
    );
    expect(planned.json()).toMatchObject({ ok: true, threshold: 2, standstills: [] });
    const [alice = '', bob = ''] = await approve('second.cbor', 'alice', 'bob');
    copyFileSync(inFolder(alice), inFolder('alice-again.cose'));
    await ceremony('plan', '--no-approvers', '--out', 'other.cbor');
    expect((await ceremony('approve', 'other.cbor', '--key', 'carol.pem', '--out', 'other.cose')).code).toBe(
      0,
    );
    const forged = Uint8Array.from(readFileSync(inFolder(bob)));
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    writeFileSync(inFolder('forged.cose'), forged);
    for (const [files, code, exit] of [
      [[], 'approvals_too_few', 3],
      [[alice], 'approvals_too_few', 3],
      [[alice, 'alice-again.cose'], 'approval_repeated', 3],
      [[alice, 'other.cose'], 'approval_mismatch', 3],
      [[alice, 'forged.cose'], 'approval_invalid', 3],
      [[alice, 'first.cose'], 'record_type_mismatch', 2],
      [[alice, 'approvers.json'], 'record_malformed', 2],
    ] as const)
      expectRefused(await ceremony('run', 'second.cbor', ...files, '--out', 'never.cose'), code, exit);
    expectRefused(await ceremony('approve', 'second.cbor', '--key', 'stranger.pem'), 'approver_unknown');
    expectRefused(
      await ceremony('run', 'second.cbor', alice, bob, '--out', 'nowhere/second.cose'),
      'folder_unwritable',
      2,
    );
    expectRefused(await ceremony('run', 'second.cbor', alice, bob, '--out', 'alice.pem'), 'file_exists', 2);
    mkdirSync(inFolder('empty'));
    expectRefused(
      await ceremony('run', 'second.cbor', alice, bob, '--root-folder', 'empty', '--out', 'never.cose'),
      'root_missing',
      2,
    );
    expect(existsSync(inFolder('never.cose'))).toBe(false);
    expect(await situation()).toBe(before);
  });

  it('two approvals are enough: new keys while the systems run, currency by them, and a transcript that is replayed', async () => {
    const old = await currentKey('issuance');
    copyFileSync(join(place.home, 'trust.cbor'), inFolder('before.cbor'));
    const ran = (
      await ceremony('run', 'second.cbor', 'alice.cose', 'bob.cose', '--out', 'second.cose')
    ).json();
    expect(ran).toMatchObject({
      ok: true,
      resumed: false,
      approvedBy: ['alice', 'bob'],
      revocationEpoch: 1,
      madeKeys: [
        { role: 'issuance', hsm: 'softhsm' },
        { role: 'quota-agreement', hsm: 'softhsm' },
      ],
    });
    const [made] = ran['madeKeys'] as Key[];
    const listing = await list();
    expect(listing.unpublished).toEqual([]);
    expect(listing.keys.find(({ keyId }) => keyId === old)?.state).toBe('revoked');
    expect(await currentKey('issuance')).toBe(made?.keyId);

    const log = readFileSync(join(place.home, 'issuance/commands.log'), 'utf8');
    expect([...readSigningLog(log)]).toMatchObject([
      { key: made?.keyId, purpose: 'possession-proof', outcome: 'signed' },
    ]);

    const draft = {
      currency: 'EUR',
      total: '250.00',
      denominations: [{ value: '250.00', count: 1 }],
      owner: 'Alice',
      purpose: 'test',
      origin: 'DE',
      destination: 'FR',
    };
    writeFileSync(inFolder('draft.json'), JSON.stringify(draft));
    expect((await place.run('request', 'draft.json', '--out', 'request.cbor')).code).toBe(0);
    let issued: Ran | undefined;
    await waitFor('the systems to issue with the new keys', async () => {
      issued = await place.run('issue', 'request.cbor', '--json');
      return issued.code === 0;
    });
    const steps = issued?.json()['steps'] as { name: string; signedBy: string | null }[];
    expect(steps.at(-1)?.signedBy).toBe(made?.keyId);
    expect(
      (await place.run('verify', 'issued/currency.cbor', '--revocation-epoch', '1', '--json')).json(),
    ).toMatchObject({ authentic: true });

    const verified = (await ceremony('verify', 'second.cose', '--root', rootKeyId)).json();
    expect(verified).toMatchObject({
      authentic: true,
      approvedBy: ['alice', 'bob'],
      threshold: 2,
      madeKeys: [{ proven: true }, { proven: false }],
      bundleBefore: createHash('sha256')
        .update(readFileSync(inFolder('before.cbor')))
        .digest('hex'),
      bundleAfter: createHash('sha256').update(trust()).digest('hex'),
    });
  });

  it('a transcript with a bit turned is not authentic', async () => {
    const altered = Uint8Array.from(readFileSync(inFolder('second.cose')));
    altered[700] = (altered[700] ?? 0) ^ 1;
    writeFileSync(inFolder('altered.cose'), altered);
    expect((await ceremony('verify', 'altered.cose')).code).toBe(4);
  });

  it('a plan is carried out once', async () => {
    expectRefused(
      await ceremony('run', 'second.cbor', 'alice.cose', 'bob.cose', '--out', 'again.cose'),
      'plan_stale',
    );
    expectRefused(await ceremony('approve', 'second.cbor', '--key', 'carol.pem'), 'plan_stale');
    expect(existsSync(inFolder('again.cose'))).toBe(false);
  });

  it('every file of a ceremony is explained by inspect', async () => {
    for (const [file, kind] of [
      ['second.cbor', 'ceremony plan'],
      ['alice.cose', 'ceremony approval'],
      ['second.cose', 'ceremony transcript'],
    ] as const)
      expect((await place.run('inspect', file, '--json')).json()).toMatchObject({ ok: true, kind });
  });

  it('a run that ended before it published the bundle is finished by the same command, with the same outcome', async () => {
    await systems.stop();
    const published = trust();
    copyFileSync(inFolder('before.cbor'), join(place.home, 'trust.cbor'));
    const again = await ceremony('run', 'second.cbor', 'alice.cose', 'bob.cose', '--out', 'second.cose');
    expect(again.json()).toMatchObject({ ok: true, resumed: true, approvedBy: ['alice', 'bob'] });
    expect(trust().equals(published)).toBe(true);
  });

  it('a role that would be left without a key is named before it is', async () => {
    const planned = await ceremony('plan', '--revoke', await currentKey('central'), '--out', 'harsh.cbor');
    expect(planned.json()).toMatchObject({ standstills: [{ role: 'central', until: null }] });
    const softer = ['--rotate', 'central', '--delay', '600', '--out', 'soft.cbor'];
    const late = await ceremony('plan', '--revoke', await currentKey('central'), ...softer);
    expect(late.json()).toMatchObject({
      standstills: [{ role: 'central', until: expect.any(Number) as number }],
    });
  });

  it('a run that an HSM ends half-way publishes nothing, and the same command goes through afterwards', async () => {
    await ceremony('plan', '--rotate', 'issuance', '--rotate', 'quota', '--delay', '0', '--out', 'half.cbor');
    const files = await approve('half.cbor', 'alice', 'carol');
    const before = trust();
    const pinFile = join(place.home, 'quota/token/pin');
    const pin = readFileSync(pinFile, 'utf8');
    writeFileSync(pinFile, 'not-the-pin');
    expectRefused(await ceremony('run', 'half.cbor', ...files, '--out', 'half.cose'), 'pin_incorrect', 5);
    expect(trust().equals(before)).toBe(true);
    expect(existsSync(inFolder('half.cose'))).toBe(false);
    expect((await list()).unpublished).toMatchObject([{ role: 'issuance', hsm: 'softhsm' }]);
    writeFileSync(pinFile, pin);
    const ran = await ceremony('run', 'half.cbor', ...files, '--out', 'half.cose');
    expect(ran.json()).toMatchObject({ ok: true, resumed: false, approvedBy: ['alice', 'carol'] });
    expect((await list()).unpublished).toHaveLength(1);
    expect((await ceremony('verify', 'half.cose', '--root', rootKeyId)).code).toBe(0);
  });

  it('the policy is lifted by those whom it names, with the root from another folder, and one person may rotate again', async () => {
    renameSync(join(place.home, 'root'), inFolder('safe'));
    await ceremony('plan', '--no-approvers', '--out', 'third.cbor');
    const files = await approve('third.cbor', 'bob', 'carol');
    expectRefused(await ceremony('run', 'third.cbor', ...files, '--out', 'third.cose'), 'root_missing', 2);
    expect(
      (await ceremony('run', 'third.cbor', ...files, '--root-folder', 'safe', '--out', 'third.cose')).json(),
    ).toMatchObject({ ok: true, approvedBy: ['bob', 'carol'], policy: null });
    expect(
      (await place.run('keys', 'rotate', 'quota', '--root-folder', 'safe', '--json')).json(),
    ).toMatchObject({ ok: true, role: 'quota' });
  });
});
