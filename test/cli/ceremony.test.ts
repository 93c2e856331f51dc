/** The commands of a ceremony that need no appliance, and what each of them refuses. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256, toHex } from '../../src/kit/bytes.ts';
import { decodeApproval } from '../../src/records/ceremony-approval.ts';
import { type CeremonyPlan, encodePlan, planId } from '../../src/records/ceremony-plan.ts';
import type { TrustBundle } from '../../src/records/trust-bundle.ts';
import { signBundle } from '../records/batches.ts';
import { makeTranscript } from '../records/ceremonies.ts';
import { accepted, keys, policy, type TestKey, trustBundle } from '../records/samples.ts';
import { ringmint } from './session.ts';

// The commands read the clock of this machine.
const now = Math.floor(Date.now() / 1000);
const governed: TrustBundle = {
  ...trustBundle,
  issuedAt: now - 60,
  expiresAt: now + 3600,
  approval: policy,
};
let folder: string;
const inFolder = (name: string): string => join(folder, name);

function privatePem({ key, secret }: TestKey): string {
  const word = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const [x, y, d] = [word(key.point.slice(1, 33)), word(key.point.slice(33)), word(secret)] as const;
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d }, format: 'jwk' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function publicPem(): string {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return publicKey.export({ format: 'pem', type: 'spki' }).toString();
}

function writePlan(name: string, changes: Partial<CeremonyPlan>): Uint8Array {
  const plan = encodePlan({
    startsFrom: sha256(readFileSync(inFolder('trust.cbor'))),
    madeAt: now - 30,
    expiresAt: now + 3600,
    actions: [{ kind: 'revoke', keyId: keys.quota.key.keyId, since: now - 7200 }],
    ...changes,
  });
  writeFileSync(inFolder(name), plan);
  return plan;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint ceremony-'));
  writeFileSync(inFolder('trust.cbor'), signBundle(governed));
  writeFileSync(inFolder('lax.cbor'), signBundle({ ...governed, approval: null }));
  for (const name of ['alice', 'stranger'] as const)
    writeFileSync(inFolder(`${name}.pem`), privatePem(keys[name]), { mode: 0o600 });
  writePlan('plan.cbor', {});
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function approve(changes: Readonly<Record<string, string>> = {}): ReturnType<typeof ringmint> {
  const { plan = 'plan.cbor', key = 'alice.pem', trust = 'trust.cbor', out = 'out.cose', root } = changes;
  return ringmint([
    'ceremony',
    'approve',
    inFolder(plan),
    '--key',
    inFolder(key),
    '--trust',
    inFolder(trust),
    '--out',
    inFolder(out),
    ...(root === undefined ? [] : ['--root', root]),
    '--json',
  ]);
}

describe('ringmint ceremony approve', () => {
  it('tells what is approved, and signs just this plan in the name that the trust bundle has', async () => {
    const said = await approve({ root: toHex(keys.root.key.keyId) });
    const id = planId(readFileSync(inFolder('plan.cbor')));
    expect([said.code, said.json()]).toMatchObject([
      0,
      { ok: true, approver: 'alice', planId: toHex(id), actions: [expect.stringMatching(/^revoke the key/)] },
    ]);
    const { record, keyId } = accepted(decodeApproval(new Uint8Array(readFileSync(inFolder('out.cose')))));
    expect(record).toMatchObject({ approver: 'alice', planId: id });
    expect(toHex(keyId)).toBe(toHex(keys.alice.key.keyId));
    expect(statSync(inFolder('out.cose')).mode & 0o777).toBe(0o600);
  });

  it.each([0o644, 0o640, 0o606, 0o610])('refuses a key that others can use: mode %o', async (mode) => {
    writeFileSync(inFolder('open.pem'), privatePem(keys.alice));
    chmodSync(inFolder('open.pem'), mode);
    const said = await approve({ key: 'open.pem' });
    expect([said.code, said.json()]).toMatchObject([2, { code: 'key_exposed' }]);
  });

  it('takes a key that not even its owner may write', async () => {
    writeFileSync(inFolder('locked.pem'), privatePem(keys.alice), { mode: 0o400 });
    expect((await approve({ key: 'locked.pem' })).code).toBe(0);
  });

  it("refuses a key that is no approver's, and any key where nobody has to approve", async () => {
    const stranger = await approve({ key: 'stranger.pem', out: 'never.cose' });
    expect([stranger.code, stranger.json()]).toMatchObject([3, { code: 'approver_unknown' }]);
    writePlan('lax-plan.cbor', { startsFrom: sha256(readFileSync(inFolder('lax.cbor'))) });
    const lax = await approve({ plan: 'lax-plan.cbor', trust: 'lax.cbor', out: 'never.cose' });
    expect([lax.code, lax.json()]).toMatchObject([3, { code: 'approver_unknown' }]);
    expect(() => statSync(inFolder('never.cose'))).toThrow('ENOENT');
  });

  it('refuses files that are no private key on P-256', async () => {
    const pem = (namedCurve: string): string =>
      generateKeyPairSync('ec', { namedCurve })
        .privateKey.export({ format: 'pem', type: 'pkcs8' })
        .toString();
    const ed = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const locked = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' },
      publicKeyEncoding: { format: 'pem', type: 'spki' },
    }).privateKey;
    for (const text of ['hello', publicPem(), pem('P-384'), pem('secp256k1'), ed, locked]) {
      writeFileSync(inFolder('bad.pem'), text, { mode: 0o600 });
      const said = await approve({ key: 'bad.pem' });
      expect([said.code, said.json()], text.slice(0, 40)).toMatchObject([2, { code: 'key_malformed' }]);
    }
  });

  it('refuses a plan that is not for this bundle, not of this time, or none', async () => {
    writePlan('foreign.cbor', { startsFrom: new Uint8Array(32) });
    writePlan('early.cbor', { madeAt: now + 1800 });
    writePlan('expired.cbor', { madeAt: now - 3600, expiresAt: now - 1800 });
    writeFileSync(inFolder('empty.cbor'), '');
    writeFileSync(inFolder('large.cbor'), new Uint8Array(64 * 1024 + 1));
    for (const [plan, code, exit] of [
      ['foreign.cbor', 'plan_stale', 3],
      ['early.cbor', 'plan_early', 3],
      ['expired.cbor', 'plan_expired', 3],
      ['empty.cbor', 'file_empty', 2],
      ['large.cbor', 'too_large', 2],
      ['nowhere.cbor', 'file_unreadable', 2],
      ['alice.pem', 'not_cbor', 2],
      ['trust.cbor', 'not_cbor', 2],
    ] as const) {
      const said = await approve({ plan });
      expect([said.code, said.json()], plan).toMatchObject([exit, { ok: false, code }]);
    }
  });

  it('refuses a trust bundle of another root, altered, or none, and a root that is no id', async () => {
    const altered = Uint8Array.from(readFileSync(inFolder('trust.cbor')));
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    writeFileSync(inFolder('altered.cbor'), altered);
    for (const [changes, code] of [
      [{ root: '00'.repeat(32) }, 'trust_bundle_invalid'],
      [{ trust: 'altered.cbor' }, 'trust_bundle_invalid'],
      [{ trust: 'plan.cbor' }, 'trust_bundle_invalid'],
      [{ trust: 'nowhere.cbor' }, 'file_unreadable'],
      [{ root: '00' }, 'usage'],
    ] as const) {
      const said = await approve(changes);
      expect([said.code, said.json()]).toMatchObject([2, { ok: false, code }]);
    }
  });
});

describe('ringmint ceremony plan', () => {
  const plan = (...words: string[]): ReturnType<typeof ringmint> =>
    ringmint(['ceremony', 'plan', ...words, '--out', inFolder('never.cbor'), '--json']);

  it.each([
    [[]],
    [['--rotate', 'central', '--delay', '-1']],
    [['--rotate', 'central', '--delay', '1.5']],
    [['--rotate', 'central', '--overlap', 'hour']],
    [['--rotate', 'central', '--valid', '0']],
    [['--rotate', 'central', '--valid', '1000000000']],
    [['--revoke', '1234567']],
    [['--revoke', 'g2345678']],
    [['--revoke', '12345678@yesterday']],
    [['--revoke', '12345678@2026-11-20T00:00:00Z@']],
    [['--revoke', '12345678@1969-01-01T00:00:00Z']],
    [['--rotate', 'root']],
    [['--rotate']],
    [['--approvers']],
    [['--force']],
  ])('refuses %j as it is given', async (words) => {
    const said = await plan(...words);
    expect(said.code).toBe(2);
    expect(() => statSync(inFolder('never.cbor'))).toThrow('ENOENT');
  });

  const member = (name: unknown, publicKey: unknown = publicPem()): unknown => ({ name, publicKey });
  const same = publicPem();
  it.each<readonly [string, unknown, string | undefined]>([
    ['text', 'alice', undefined],
    ['a list', [], undefined],
    ['no approvers', { threshold: 1, approvers: [] }, 'approvers'],
    ['a further field', { threshold: 1, approvers: [member('alice')], quorum: 1 }, undefined],
    ['a threshold of none', { threshold: 0, approvers: [member('alice')] }, 'threshold'],
    ['a threshold above their number', { threshold: 2, approvers: [member('alice')] }, 'threshold'],
    ['half a threshold', { threshold: 0.5, approvers: [member('alice')] }, 'threshold'],
    ['a threshold that is text', { threshold: '1', approvers: [member('alice')] }, 'threshold'],
    ['a name twice', { threshold: 1, approvers: [member('alice'), member('alice')] }, 'approvers'],
    ['a key twice', { threshold: 1, approvers: [member('alice', same), member('bob', same)] }, 'approvers'],
    ['a name with a space', { threshold: 1, approvers: [member('al ice')] }, 'approvers[0].name'],
    ['no name', { threshold: 1, approvers: [member(undefined)] }, 'approvers[0]'],
    ['a key that is none', { threshold: 1, approvers: [member('alice', 'key')] }, 'approvers[0].publicKey'],
    [
      'a private key',
      { threshold: 1, approvers: [member('alice', privatePem(keys.alice))] },
      'approvers[0].publicKey',
    ],
  ])('refuses approvers with %s', async (_title, content, field) => {
    writeFileSync(inFolder('approvers.json'), JSON.stringify(content));
    const said = await plan('--approvers', inFolder('approvers.json'));
    expect([said.code, said.json()]).toMatchObject([
      2,
      { code: 'approvers_malformed', ...(field === undefined ? {} : { field }) },
    ]);
  });

  it('refuses approvers in a file that is no JSON, no text, or not there', async () => {
    writeFileSync(inFolder('approvers.json'), '{');
    expect((await plan('--approvers', inFolder('approvers.json'))).json()).toMatchObject({
      code: 'approvers_malformed',
    });
    writeFileSync(inFolder('approvers.json'), Uint8Array.of(0xff));
    expect((await plan('--approvers', inFolder('approvers.json'))).json()).toMatchObject({
      code: 'approvers_malformed',
    });
    expect((await plan('--approvers', inFolder('nobody.json'))).json()).toMatchObject({
      code: 'file_unreadable',
    });
  });
});

describe('ringmint ceremony run', () => {
  it('refuses files that are not there, empty or too large, before it reaches for the appliance', async () => {
    writeFileSync(inFolder('empty.cose'), '');
    writeFileSync(inFolder('large.cose'), new Uint8Array(4097));
    for (const [words, code] of [
      [['nowhere.cbor'], 'file_unreadable'],
      [['plan.cbor', 'nowhere.cose'], 'file_unreadable'],
      [['plan.cbor', 'empty.cose'], 'file_empty'],
      [['plan.cbor', 'large.cose'], 'too_large'],
    ] as const) {
      const said = await ringmint(['ceremony', 'run', ...words.map(inFolder), '--json']);
      expect([said.code, said.json()]).toMatchObject([2, { code }]);
    }
  });
});

describe('ringmint ceremony verify', () => {
  const verify = (file: string, ...words: string[]): ReturnType<typeof ringmint> =>
    ringmint(['ceremony', 'verify', inFolder(file), ...words]);

  it('replays a transcript, says each check, and whether the root was pinned', async () => {
    writeFileSync(inFolder('transcript.cose'), makeTranscript());
    const root = toHex(keys.root.key.keyId);
    const json = (await verify('transcript.cose', '--root', root, '--json')).json();
    expect(json).toMatchObject({
      ok: true,
      authentic: true,
      approvedBy: ['alice', 'carol'],
      threshold: 2,
      madeKeys: [{ proven: true }, { proven: false }],
      revocationEpoch: 1,
      rootKeyId: root,
      pinned: true,
    });
    const said = await verify('transcript.cose');
    expect(said.code).toBe(0);
    for (const check of json['checks'] as string[]) expect(said.out).toContain(check);
    expect(said.out).toContain('the root key was not pinned');
  });

  it('says of any other file that it is not authentic', async () => {
    writeFileSync(inFolder('forged.cose'), makeTranscript({ signer: keys.stranger }));
    for (const [file, code] of [
      ['forged.cose', 'transcript_invalid'],
      ['trust.cbor', 'record_type_mismatch'],
      ['plan.cbor', 'record_malformed'],
    ] as const) {
      const said = await verify(file, '--json');
      expect([said.code, said.json()]).toMatchObject([4, { ok: false, authentic: false, code }]);
    }
    const other = await verify('transcript.cose', '--root', '00'.repeat(32), '--json');
    expect([other.code, other.json()]).toMatchObject([4, { code: 'root_mismatch' }]);
  });

  it('refuses a file that cannot be read, and a root that is no id', async () => {
    expect((await verify('nowhere.cose')).code).toBe(2);
    expect((await verify('transcript.cose', '--root', 'abc')).code).toBe(2);
  });
});

describe('ringmint ceremony', () => {
  it.each(['plan', 'approve', 'run', 'verify'])('explains %s, with an example', async (name) => {
    const said = await ringmint(['ceremony', name, '--help']);
    expect([said.code, said.out]).toMatchObject([
      0,
      expect.stringMatching(new RegExp(`--json[^]*\\$ ringmint ceremony ${name} `)),
    ]);
  });
});
