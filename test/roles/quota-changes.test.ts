/** What people decide of quotas: with real records and a real store; approvers' keys are those of the samples. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedClock } from '../../src/kit/clock.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import type { ApprovalPolicy } from '../../src/records/approval-policy.ts';
import { encodeApproval } from '../../src/records/ceremony-approval.ts';
import {
  changeId,
  encodeChange,
  type QuotaAction,
  type QuotaChange,
} from '../../src/records/quota-change.ts';
import { encodeStop } from '../../src/records/quota-stop.ts';
import type { Ledger } from '../../src/roles/ledger.ts';
import { makeQuotaChanges, type QuotaChanges } from '../../src/roles/quota-changes.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { approveChange as approve, keys, now, policy, signed, type TestKey } from '../records/samples.ts';
import { allocated, bytes, commitOne, issuer, newIntent, terms } from '../store/intents.ts';
import { openUnanchored } from './authorities.ts';

let folder: string;
let store: Store;
let ledger: Ledger;
let clock: ReturnType<typeof fixedClock>;
let resumed: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint-quota-changes-'));
  store = openSqliteStore({
    path: join(folder, 'ledger.db'),
    role: 'quota',
    create: true,
    random: randomBytes,
  });
  await allocated(store);
  ledger = await openUnanchored(store);
  clock = fixedClock(now * 1000);
  resumed = 0;
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function changesUnder(approvers: ApprovalPolicy | null = policy): QuotaChanges {
  const resume = (): Promise<void> => Promise.resolve().then(() => void resumed++);
  return makeQuotaChanges({
    ledger,
    policy: approvers,
    verifySignature: makeNodeVerifySignature(),
    resume,
    clock,
  });
}

const double: QuotaAction = {
  kind: 'terms',
  issuer,
  currency: 'EUR',
  version: 1,
  terms: terms(2_000n, 600n),
  clock: null,
};

function change(action: QuotaAction = double, changed: Partial<QuotaChange> = {}): Uint8Array {
  return encodeChange({ madeAt: now - 10, expiresAt: now + 600, reason: 'because', action, ...changed });
}

const { alice, bob, carol, stranger } = keys;
const both = (of: Uint8Array): Uint8Array[] => [approve(of, 'alice', alice), approve(of, 'bob', bob)];

async function expectNothing(): Promise<void> {
  expect((await store.head()).sequence).toBe(1);
  expect(await store.position(issuer, 'EUR', clock.nowMs())).toMatchObject({ version: 1, allocated: 1_000n });
}

describe('a change of a quota', () => {
  it('is carried out with the approval of two, up to its last second, and is in the journal with them', async () => {
    clock.advanceMs(600_000);
    const bytesOfChange = change();
    expect(await changesUnder().apply(bytesOfChange, both(bytesOfChange))).toEqual({
      ok: true,
      value: { sequence: 2 },
    });
    const [entry] = await store.journal(2, 1);
    const journal = Buffer.from(entry?.bytes ?? []);
    for (const part of [bytesOfChange, ...both(bytesOfChange).map((one) => one.slice(0, -64))])
      expect(journal.includes(Buffer.from(part))).toBe(true);
    expect(await store.position(issuer, 'EUR', clock.nowMs())).toMatchObject({
      version: 2,
      allocated: 2_000n,
    });
    expect(resumed).toBe(0);
  });

  it('that was carried out is answered the same for ever, with whatever approvals, and whoever approves by then', async () => {
    const bytesOfChange = change();
    const first = await changesUnder().apply(bytesOfChange, both(bytesOfChange));
    clock.advanceMs(10 ** 9);
    expect(await changesUnder(null).apply(bytesOfChange, [])).toEqual(first);
    expect((await store.head()).sequence).toBe(2);
  });

  const other = change(double, { reason: 'another' });
  const flipped = (record: Uint8Array): Uint8Array =>
    record.with(record.length - 1, (record.at(-1) ?? 0) ^ 1);
  const cases: [string, string, (of: Uint8Array) => Uint8Array[]][] = [
    ['by nobody', 'approvals_too_few', () => []],
    ['by one', 'approvals_too_few', (of) => [approve(of, 'alice', alice)]],
    [
      'by one twice',
      'approval_repeated',
      (of) => [approve(of, 'alice', alice), approve(of, 'alice', alice, now - 1)],
    ],
    [
      'by one under two names',
      'approver_unknown',
      (of) => [approve(of, 'alice', alice), approve(of, 'bob', alice)],
    ],
    ['by two and a stranger', 'approver_unknown', (of) => [...both(of), approve(of, 'stranger', stranger)]],
    [
      'with an altered signature',
      'approval_invalid',
      (of) => [approve(of, 'alice', alice), flipped(approve(of, 'bob', bob))],
    ],
    [
      'with an approval of another',
      'approval_mismatch',
      (of) => [approve(of, 'alice', alice), approve(other, 'bob', bob)],
    ],
    [
      'with one from before it',
      'approval_early',
      (of) => [approve(of, 'alice', alice), approve(of, 'bob', bob, now - 11)],
    ],
    [
      'with one from after it',
      'approval_late',
      (of) => [approve(of, 'alice', alice), approve(of, 'bob', bob, now + 601)],
    ],
    [
      'with an approval of a key ceremony',
      'record_type_mismatch',
      (of) => [
        approve(of, 'alice', alice),
        signed(encodeApproval({ approver: 'bob', planId: changeId(of), issuedAt: now }, bob.key.keyId), bob),
      ],
    ],
    ['with what is no record', 'record_malformed', (of) => [approve(of, 'alice', alice), Uint8Array.of(1)]],
  ];
  it.each(cases)('approved %s is refused as %s', async (_title, code, approvals) => {
    const bytesOfChange = change();
    expect(await changesUnder().apply(bytesOfChange, approvals(bytesOfChange))).toMatchObject({
      ok: false,
      code,
    });
    await expectNothing();
  });

  it('needs two also where the policy asks for one, and is refused where it has one or none', async () => {
    const bytesOfChange = change();
    const lax = { ...policy, threshold: 1 };
    const one = [approve(bytesOfChange, 'alice', alice)];
    expect(await changesUnder(lax).apply(bytesOfChange, one)).toMatchObject({ code: 'approvals_too_few' });
    const lonely = { threshold: 1, approvers: policy.approvers.slice(0, 1) };
    for (const none of [lonely, null])
      expect(await changesUnder(none).apply(bytesOfChange, one)).toMatchObject({
        code: 'approval_policy_missing',
        message: expect.stringContaining('ringmint ceremony plan --approvers'),
      });
    await expectNothing();
    const three = { ...policy, threshold: 3 };
    expect(await changesUnder(three).apply(bytesOfChange, both(bytesOfChange))).toMatchObject({
      code: 'approvals_too_few',
    });
    const all = [...both(bytesOfChange), approve(bytesOfChange, 'carol', carol)];
    expect(await changesUnder(three).apply(bytesOfChange, all)).toMatchObject({ ok: true });
  });

  it('is refused when it is late, when it is early, and when it can not be read', async () => {
    const bytesOfChange = change();
    clock.advanceMs(601_000);
    expect(await changesUnder().apply(bytesOfChange, both(bytesOfChange))).toMatchObject({
      code: 'change_expired',
    });
    clock.advanceMs(-612_000);
    expect(await changesUnder().apply(bytesOfChange, both(bytesOfChange))).toMatchObject({
      code: 'change_early',
    });
    const nine = terms(1n, 1n).limits.flatMap((limit) =>
      Array.from({ length: 9 }, (_, index) => ({ ...limit, name: `limit-${index}` })),
    );
    for (const wrong of [
      change({ ...double, terms: { ...double.terms, allocated: 10n ** 15n + 1n } }),
      change({ ...double, terms: { ...double.terms, limits: nine } }),
      change({
        ...double,
        terms: { ...double.terms, limits: [...double.terms.limits, ...double.terms.limits] },
      }),
      change({ ...double, currency: 'euro' }),
      change({ ...double, version: 0 }),
      change(double, { reason: '' }),
      change(double, { reason: 'a\u001b[2J' }),
      change(double, { expiresAt: now - 10 }),
    ])
      expect(await changesUnder().apply(wrong, both(wrong))).toMatchObject({ code: 'record_malformed' });
    expect(await changesUnder().apply(new Uint8Array(20_000), [])).toMatchObject({ code: 'too_large' });
    await expectNothing();
  });
});

describe('the stop', () => {
  const signedStop = (approver: string, signer: TestKey, reason = 'fire'): Uint8Array =>
    signed(encodeStop({ id: bytes(16, reason), approver, reason, issuedAt: now }, signer.key.keyId), signer);
  const order = (reason: string): Uint8Array => encodeCbor([bytes(16, reason), reason]);

  it("is an approver's right alone, whoever brings it, and the operator's", async () => {
    const changes = changesUnder();
    expect(await changes.stop(signedStop('carol', carol), undefined)).toMatchObject({
      ok: true,
      value: { by: 'approver carol', reason: 'fire', sequence: 2 },
    });
    expect(await changes.stop(order('smoke'), 'operator operator')).toMatchObject({
      ok: true,
      value: { by: 'operator operator', sequence: 3 },
    });
    expect((await changes.stopped())?.sequence).toBe(3);
    const take = { issuer, currency: 'EUR', amount: 1n, orders: 1, atMs: now * 1000 };
    expect(await commitOne(store, newIntent(1, { take }))).toMatchObject({ code: 'issuance_stopped' });
  });

  it("is nobody else's: no other peer's, no stranger's, and not forged", async () => {
    const changes = changesUnder();
    expect(await changes.stop(order('smoke'), undefined)).toMatchObject({ code: 'not_permitted' });
    expect(await changes.stop(signedStop('stranger', stranger), undefined)).toMatchObject({
      code: 'approver_unknown',
    });
    expect(await changes.stop(signedStop('alice', carol), undefined)).toMatchObject({
      code: 'approver_unknown',
    });
    const forged = signedStop('carol', carol);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(await changes.stop(forged, 'operator operator')).toMatchObject({ code: 'signature_invalid' });
    expect(await changes.stop(encodeCbor([bytes(16, 'x'), '']), 'operator operator')).toMatchObject({
      code: 'record_malformed',
    });
    expect(await changesUnder(null).stop(signedStop('carol', carol), undefined)).toMatchObject({
      code: 'approver_unknown',
    });
    await expectNothing();
  });

  it('is lifted by two, after which what waits is signed, and an old stop is told that it is', async () => {
    const changes = changesUnder();
    await changes.stop(order('smoke'), 'operator operator');
    const start = change({ kind: 'start', stop: 2 });
    expect(await changes.apply(start, [approve(start, 'alice', alice)])).toMatchObject({
      code: 'approvals_too_few',
    });
    expect(resumed).toBe(0);
    expect(await changes.apply(start, both(start))).toEqual({ ok: true, value: { sequence: 3 } });
    expect(resumed).toBe(1);
    expect(await changes.stopped()).toBeUndefined();
    expect(await changes.stop(order('smoke'), 'operator operator')).toMatchObject({ code: 'stop_lifted' });
    expect(await changes.stopped()).toBeUndefined();
  });
});
