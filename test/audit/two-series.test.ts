/** Two issuers at once, and quota control as two processes on one PostgreSQL database: audited together, by the real roles. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../src/audit/audit.ts';
import { openTrust } from '../../src/audit/trust.ts';
import { openExtract } from '../../src/journal/extract.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { succeed } from '../../src/kit/result.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { encodeTrustBundle, keySetId } from '../../src/records/trust-bundle.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import { makeQuotaControl, type QuotaControl } from '../../src/roles/quota-control.ts';
import { readPostgresLedger } from '../../src/store/postgres/extract.ts';
import { addSeries } from '../../src/store/postgres/load.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { readSqliteLedger } from '../../src/store/sqlite/extract.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { drawFrom } from '../crash/draw.ts';
import { makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { asItIs } from '../liars/code.ts';
import { House, type RoleName } from '../liars/house.ts';
import { type LiarKeys, openKeys } from '../liars/keys.ts';
import { approveChange, policy, keys as samples, signed, testKey } from '../records/samples.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { changeOf, stopOf, terms } from '../store/intents.ts';
import { type PostgresServer, skipReason, startPostgres } from '../store/postgres-server.ts';
import { putTogether, sourceOf, takeApart } from './ledgers.ts';
import { extractBytes } from './world.ts';

const title =
  skipReason === undefined
    ? 'two issuers and two series'
    : `two issuers and two series (SKIPPED: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(title, () => {
  let server: PostgresServer;
  let keys: LiarKeys;
  beforeAll(async () => {
    server = startPostgres();
    const opened = await openKeys('memory');
    const bundle = { ...opened.bundle, approval: policy };
    const root = testKey('root');
    keys = { ...opened, bundle, bundleBytes: signed(encodeTrustBundle(bundle, root.key.keyId), root) };
  });
  afterAll(() => server.remove());

  /** What the four ledgers have after orders of both issuers at both series, a stop that one of them made and a start that the other did. */
  async function runAll(): Promise<Uint8Array[]> {
    const url = server.url(server.makeDatabase());
    const draw = drawFrom('two series');
    const house = new House({ code: asItIs, keys, draw, allocated: 100_000n, dayLimit: 100_000n });
    const common = { url, role: 'quota', random: randomBytes };
    const stores: Store[] = [await openPostgresStore({ ...common, series: 'quota-1', create: true })];
    try {
      await addSeries({ ...common, series: 'quota-2' });
      stores.push(await openPostgresStore({ ...common, series: 'quota-2', create: false }));
      const [first, second] = stores as [Store, Store];
      for (const name of [issuer, otherIssuer])
        await first.allocate({
          issuer: name,
          currency: 'EUR',
          terms: terms(100_000n, 100_000n),
          createdMs: house.clock.nowMs(),
        });
      const controls: QuotaControl[] = [];
      for (const [place, store] of stores.entries()) {
        const anchor = makeMemoryAnchor();
        anchor.head = await store.head();
        controls.push(
          makeQuotaControl({
            ledger: await openLedger(store, replicateAnchor([anchor])),
            signer: keys.of.quota,
            agreements: [keys.agreement],
            keys: house.keyRing,
            keySet: keySetId(keys.bundle),
            epoch: place + 1,
            clockSkewSeconds: 60,
            clock: house.clock,
            random: (length) => draw.bytes(length),
          }),
        );
      }
      let turn = 0;
      const either = (): QuotaControl => controls[turn++ % 2] as QuotaControl;
      for (const role of ['central', 'issuance', 'other'] as const) await house.open(role);
      const central = house.makeCentral({
        quotaPositions: async () => succeed(await either().positions()),
        quotaChanges: async () => succeed([]),
        lastWords: async () => succeed([]),
      });
      const issuances = (
        [
          ['issuance', issuer],
          ['other', otherIssuer],
        ] as const
      ).map(([role, name]) =>
        house.makeIssuance(role, {
          submitRequest: (bytes) => central.submit(bytes, name),
          redeemCredential: (bytes) => either().redeem(bytes, name),
        }),
      );
      const order = async (place: number, value: bigint): Promise<string> => {
        house.clock.advanceMs(7);
        const got = await issuances[place % 2]?.issue(
          encodeDraft({
            id: makeRequestId(house.clock, (length) => draw.bytes(length)),
            currency: { code: 'EUR', exponent: 2 },
            total: value,
            lots: [{ value, count: 1, owner: { commitment: draw.bytes(32) } }],
            purpose: 'series',
            origin: 'DE',
            destination: 'DE',
          }),
        );
        return got?.ok === true ? got.value.kind : (got?.code ?? '');
      };
      const outcomes = new Set<string>();
      for (let i = 0; i < 12; i++)
        for (const outcome of await Promise.all([order(2 * i, 10n + BigInt(i)), order(2 * i + 1, 1_500n)]))
          outcomes.add(outcome);
      const stop = await second.stop({ ...stopOf('see'), createdMs: house.clock.nowMs() });
      outcomes.add(await order(0, 5n));
      const lift = changeOf({ kind: 'start', stop: stop.sequence }, house.clock.nowMs());
      const approvals = (['alice', 'bob'] as const).map((name) =>
        approveChange(lift.change, name, samples[name], house.clock.nowSeconds()),
      );
      expect(await first.applyChange({ ...lift, approvals })).toMatchObject({ ok: true });
      outcomes.add(await order(1, 6n));
      expect([...outcomes].sort()).toEqual(['denied', 'issuance_stopped', 'issued']);
      const madeMs = house.clock.nowMs();
      const of = async (at: RoleName, role: 'central' | 'issuance', name: string): Promise<Uint8Array> =>
        readSqliteLedger({ path: house.pathOf(at), role }, (content) =>
          extractBytes({ role, name, madeMs }, content),
        );
      return [
        await of('central', 'central', 'central'),
        await of('issuance', 'issuance', issuer),
        await of('other', 'issuance', otherIssuer),
        await readPostgresLedger({ url, role: 'quota' }, (content) =>
          extractBytes({ role: 'quota', name: 'quota', madeMs }, content),
        ),
      ];
    } finally {
      for (const store of stores) await store.close();
      await house.remove();
    }
  }

  function auditAll(extracts: readonly Uint8Array[]) {
    const verifySignature = makeNodeVerifySignature();
    const trust = openTrust([keys.bundleBytes], { verifySignature });
    if (!trust.ok) throw new Error(trust.message);
    const audited = audit({
      extracts: extracts.map((bytes) => openExtract(sourceOf(bytes))),
      trust: trust.value,
      verifySignature,
      kept: [],
      atRest: true,
      apartSeconds: 600,
      progress: () => undefined,
    });
    if (!audited.ok) throw new Error(audited.message);
    return audited.value;
  }

  it('are clean and add up by issuer, and what is wrong in one series is found', async () => {
    const extracts = await runAll();
    const { findings, accounts, days, journals } = auditAll(extracts);
    expect(findings.list).toEqual([]);
    expect(journals).toHaveLength(5);
    const issuedOf = (name: string): bigint =>
      days.filter((day) => day.issuer === name).reduce((sum, { issued }) => sum + issued, 0n);
    for (const account of accounts) expect(account.taken).toBe(issuedOf(account.issuer));
    expect([issuedOf(issuer), issuedOf(otherIssuer)]).toEqual([186n, 6n]);

    const [quota] = extracts.slice(-1);
    const ledger = takeApart(quota ?? new Uint8Array());
    const ofSecond = ledger.entries.findIndex(({ journal, signed: out }) => journal === 1 && out !== null);
    expect(ofSecond).toBeGreaterThan(0);
    const without = { ...ledger, entries: ledger.entries.toSpliced(ofSecond, 1) };
    const codes = auditAll([...extracts.slice(0, -1), await putTogether(without)]).findings.byCode();
    expect(codes.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['journal_gap', 'control_bit_missing']),
    );
    // Without the other issuer's ledger what is of it cannot be checked, and that is said.
    const alone = auditAll(extracts.toSpliced(2, 1)).findings.byCode();
    expect(alone.map(({ code }) => code)).toContain('ledger_missing');
  });
});
