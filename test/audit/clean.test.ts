/** What is honest is clean, whatever happened to it; and what an audit reports of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeReport, makeReport } from '../../src/audit/report.ts';
import { csvOfReport, describeReport } from '../../src/audit/report-text.ts';
import { openTrust } from '../../src/audit/trust.ts';
import { genesisHash } from '../../src/journal/chain.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { type ControlBit, decodeControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { releaseContradiction } from '../../src/roles/serial-guard.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { openTokens, type Tokens } from '../roles/authorities.ts';
import { auditBytes, placesOf, putTogether, rechain, takeApart } from './ledgers.ts';
import { type Role, Run, roles, runWorld, signBundle, signedHead, type World } from './world.ts';

let tokens: Tokens;
let world: World;

beforeAll(async () => {
  tokens = await openTokens();
  world = await runWorld(tokens);
});
afterAll(() => tokens.close());

const sorted = (extracts: World['extracts']): Uint8Array[] => roles.map((role) => extracts[role]);

describe('the audit of honest systems', () => {
  it('finds nothing after crashes, denials, stops, changes, rotation, revocation and retirements, and adds up', () => {
    const { findings, unfinished, accounts, days, missing, unproven } = auditBytes(
      world,
      sorted(world.extracts),
      { atRest: true },
    );
    expect(findings.list).toEqual([]);
    expect([missing.count, unproven]).toEqual([0, 0]);
    const counts = Object.fromEntries(unfinished.counted().map(({ kind, count }) => [kind, count]));
    expect(counts).toEqual({
      undecided: 3,
      unused: 2,
      reserved: 0,
      withheld: 2,
      unreceipted: 0,
      'in-flight': 0,
    });
    const [account] = accounts;
    const issued = days.reduce((sum, day) => sum + day.issued, 0n);
    const withheld = days.reduce((sum, day) => sum + day.withheld, 0n);
    expect(account?.taken).toBe(issued + withheld);
    expect(issued).toBeGreaterThan(0n);
    // 2.00 and 0.15 while the terms had it come back, 5.00 when they had not; 1.20 and 1.65 are in accounts.
    expect(account).toMatchObject({ retired: 715n, returned: 215n, credited: 285n });
    expect(days.reduce((sum, day) => sum + day.retired, 0n)).toBe(715n);
  });

  it('gives the same report for the same ledgers, in whatever order they are given', () => {
    const trust = openTrust(world.bundles.map(signBundle), { verifySignature: makeNodeVerifySignature() });
    if (!trust.ok) throw new Error(trust.message);
    const report = (extracts: readonly Uint8Array[]) =>
      makeReport(auditBytes(world, extracts, { atRest: true }), trust.value, { atRest: true });
    const first = report(sorted(world.extracts));
    expect(encodeReport(report(sorted(world.extracts).reverse()))).toEqual(encodeReport(first));
    const [figure] = first.figures;
    expect(BigInt(figure?.outstanding ?? 0)).toBe(BigInt(figure?.issued ?? 0) - BigInt(figure?.retired ?? 0));
    expect(describeReport(first).join('\n')).toMatch(
      /^clean: .*\n\nEUR of demo-issuer\n {2}265\.10 issued - 7\.15 retired = 257\.95 outstanding/,
    );
    expect(csvOfReport(first)).toBe(
      'issuer,currency,day,issued,retired,outstanding,withheld,outside,units\r\ndemo-issuer,EUR,2026-11-20,265.10,7.15,257.95,13.50,0.00,89\r\n',
    );
  });

  it('finds nothing in extracts that were made one after another while the systems ran, in any order', async () => {
    const run = await Run.begin(tokens);
    try {
      await run.issue({ value: 500n, count: 2 });
      let inFlight = 0;
      for (const order of permutations(roles)) {
        const made = {} as Record<Role, Uint8Array>;
        for (const role of order) {
          made[role] = await run.extract(role);
          await run.together([101n, 102n]);
          run.authorities.clock.advanceMs(3_000);
          await run.showHeads();
        }
        const { findings, unfinished } = auditBytes({ bundles: run.bundles }, sorted(made));
        expect(findings.list, order.join(', ')).toEqual([]);
        inFlight += unfinished.counted().find(({ kind }) => kind === 'in-flight')?.count ?? 0;
        run.authorities.clock.advanceMs(120_000);
      }
      expect(inFlight).toBeGreaterThan(0);
    } finally {
      await run.authorities.close();
    }
  });

  it('does not take what is older than a minute for being on its way', async () => {
    const ledger = takeApart(world.extracts.quota);
    ledger.entries.pop();
    ledger.heads = [];
    rechain(ledger);
    const cut = await putTogether(ledger);
    const { findings } = auditBytes(world, [world.extracts.issuance, world.extracts.central, cut]);
    expect(findings.byCode().map(({ code }) => code)).toEqual(['control_bit_missing', 'journal_behind_head']);
  });

  it('finds extracts that were made too far apart', () => {
    const { findings } = auditBytes(world, [
      world.extracts.issuance,
      world.extracts.central,
      world.earlier.quota,
    ]);
    expect(findings.byCode().map(({ code }) => code)).toContain('extracts_apart');
  });
});

describe('an anchor that was set anew', () => {
  it.each([
    [2, []],
    [1, ['change_unproven', 'head_contradicted']],
  ] as const)('with %i approvals: finds %j', async (approvals, found) => {
    const run = await Run.begin(tokens);
    try {
      await run.issue({ value: 500n, count: 2 });
      const { central, quota } = run.authorities.stores;
      const head = await central.head();
      const lost = { sequence: head.sequence + 1, hash: new Uint8Array(32).fill(9) };
      const journalId = await central.journalId();
      const approved = run.approve(
        {
          kind: 'anchor',
          role: 'central',
          journalId,
          head,
          givenUp: [lost],
          unexplained: 0,
          epoch: null,
          quotas: [],
          others: [],
        },
        approvals,
      );
      const applied = await central.applyChange({ ...approved, createdMs: run.now * 1000 });
      expect(applied.ok).toBe(true);
      const shown = await signedHead(tokens, 'central', { issuedAt: run.now, journalId, ...lost });
      await quota.holdHead(shown, run.now * 1000);
      const extracts = Object.values(await run.extracts());
      const { findings } = auditBytes({ bundles: run.bundles }, extracts, { atRest: true });
      expect(findings.byCode().map(({ code }) => code)).toEqual(found);
    } finally {
      await run.authorities.close();
    }
  });

  it.each([
    ['of one journal leaves what is known of the other', 0, ['journal_behind_head']],
    ['of two journals has both given up', 1, []],
    [
      'that names a journal which the ledger does not have is found',
      2,
      ['change_invalid', 'journal_behind_head'],
    ],
  ] as const)('%s', async (_, named, found) => {
    const run = await Run.begin(tokens);
    try {
      const { central, quota } = run.authorities.stores;
      const id = new Uint8Array(16).fill(5);
      const genesis = { sequence: 0, hash: genesisHash('quota', id) };
      const lost = { sequence: 3, hash: new Uint8Array(32).fill(9) };
      const own = { journalId: await quota.journalId(), head: await quota.head(), givenUp: [], epoch: 2 };
      const other = { journalId: id, head: genesis, givenUp: [lost], epoch: 3 };
      const strange = { ...other, journalId: new Uint8Array(16).fill(6), epoch: 4 };
      const approved = run.approve({
        ...{ kind: 'anchor', role: 'quota', ...own, unexplained: 0, quotas: [] },
        others: [other, strange].slice(0, named),
      });
      expect((await quota.applyChange({ ...approved, createdMs: run.now * 1000 })).ok).toBe(true);
      const shown = await signedHead(tokens, 'quota', { issuedAt: run.now, journalId: id, ...lost });
      await central.holdHead(shown, run.now * 1000, [id, own.journalId]);
      const extracts = await run.extracts();
      // The ledger of two processes, the second of which has no entry.
      const { header, ...rest } = takeApart(extracts.quota);
      const journals = [...header.journals, { series: 'second', id }];
      const several = await putTogether({ header: { ...header, journals }, ...rest });
      const { findings } = auditBytes(
        { bundles: run.bundles },
        [several, extracts.central, extracts.issuance],
        { atRest: true },
      );
      expect(findings.byCode().map(({ code }) => code)).toEqual(found);
    } finally {
      await run.authorities.close();
    }
  });
});

describe('what issuance holds against quota control', () => {
  it('is found where two control bits under one serial show it, and a release changes nothing of that', async () => {
    const run = await Run.begin(tokens);
    try {
      await run.issue({ value: 500n, count: 2 });
      const { issuance, quota } = run.authorities.stores;
      const { signed } = (await quota.findSerial(1, 1)) ?? {};
      const decoded = decodeControlBit(signed ?? new Uint8Array());
      if (!decoded.ok) throw new Error(decoded.message);
      const again = async (changed: Partial<ControlBit>): Promise<Uint8Array> => {
        const signer = tokens.of.quota;
        const toBeSigned = encodeControlBit({ ...decoded.value.record, ...changed }, signer.publicKey.keyId);
        return attachSignature(toBeSigned, await signer.sign(toBeSigned));
      };
      const { bytes } = decoded.value;
      const found = async (other: Uint8Array): Promise<unknown> => {
        const id = sha256(other).slice(0, 16);
        const evidence = encodeCbor([bytes, other]);
        await issuance.stop({ id, reason: 'twice', by: 'issuance', createdMs: run.now * 1000, evidence });
        const { findings } = auditBytes({ bundles: run.bundles }, Object.values(await run.extracts()), {
          atRest: true,
        });
        return findings.byCode();
      };
      expect(await found(await again({ reservation: new Uint8Array(16) }))).toEqual([
        { code: 'serial_repeated', count: 1 },
      ]);
      await releaseContradiction(issuance, { reason: 'looked into', clock: run.authorities.clock });
      // The same one under another signature, and one of another serial, show nothing.
      expect(await found(await again({}))).toEqual([
        { code: 'serial_repeated', count: 1 },
        { code: 'stop_invalid', count: 1 },
      ]);
      expect(await found(await again({ sequence: 2 }))).toEqual([
        { code: 'serial_repeated', count: 1 },
        { code: 'stop_invalid', count: 2 },
      ]);
      await releaseContradiction(issuance, { reason: 'looked into', clock: run.authorities.clock });
      // A release of what is not held.
      const ledger = takeApart(await run.extract('issuance'));
      ledger.entries = ledger.entries.toSpliced(placesOf(ledger, 'stop')[0] ?? 0, 1);
      ledger.heads = [];
      rechain(ledger);
      const { central, quota: quotaExtract } = await run.extracts();
      const { findings } = auditBytes(
        { bundles: run.bundles },
        [await putTogether(ledger), central, quotaExtract],
        { atRest: true },
      );
      expect(findings.byCode().map(({ code }) => code)).toContain('change_invalid');
    } finally {
      await run.authorities.close();
    }
  });
});

describe('three systems that lie together', () => {
  it('can go back to an earlier day unseen, but not from what the auditor kept of a later one', () => {
    // Nobody holds a head of them yet.
    const back = sorted(world.earlier);
    expect(auditBytes(world, back, { atRest: true }).findings.list).toEqual([]);
    const kept = auditBytes(world, sorted(world.extracts), { atRest: true }).journals.map(
      ({ system: { role, name }, journalId, sequence, hash }) => ({
        role,
        name,
        journalId,
        sequence,
        hash,
        knownAt: 0,
        from: 'the statement',
        isKept: true,
      }),
    );
    const { findings } = auditBytes(world, back, { atRest: true, kept });
    expect(findings.byCode()).toEqual([{ code: 'journal_behind_head', count: 3 }]);
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}
