/** One process of several on one PostgreSQL ledger, shown what is known of the journals of the others. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Signer } from '../../hsm/signer.ts';
import { holdOtherAnchors } from '../../src/appliance/other-anchors.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeJournalHead, type JournalHeadRecord } from '../../src/records/journal-head.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { checkAbandoned } from '../../src/roles/abandoned.ts';
import { checkShownHead } from '../../src/roles/shown-head.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { allocated, bytes, commitOne, newIntent, recordOne, take } from '../store/intents.ts';
import { describePostgres } from '../store/postgres-suite.ts';
import { openTokens, openUnanchored, type Tokens } from './authorities.ts';
import { ownerOf } from './witnesses.ts';

describePostgres('one process of several', (suite) => {
  let tokens: Tokens;
  beforeAll(async () => {
    tokens = await openTokens();
  });
  afterAll(() => tokens.close());

  const begin = async (): Promise<{ a: Store; b: Store }> => {
    const a = await allocated(await suite.open({ series: 'a' }));
    const b = await suite.open({ series: 'b' });
    for (const i of [1, 2, 3]) await commitOne(b, newIntent(i));
    return { a, b };
  };

  async function headOf(store: Store, changed: Partial<JournalHeadRecord> = {}): Promise<Uint8Array> {
    const signer: Signer = tokens.of.quota;
    const { keyId } = signer.publicKey;
    const head = { journalId: await store.journalId(), ...(await store.head()) };
    const record = { role: 'quota', name: 'quota', issuedAt: 1_000, epoch: 2, ...head, ...changed } as const;
    const toBeSigned = encodeJournalHead(record, keyId);
    const request = { purpose: 'journal-head', intent: 'test', keyId };
    return attachSignature(toBeSigned, await signer.sign(toBeSigned, request));
  }

  const judge = async (head: Uint8Array, store: Store) => {
    const keys = makeKeyRing(tokens.bundle, makeNodeVerifySignature());
    const checked = await checkShownHead(head, { owner: ownerOf('quota'), keys, store });
    return checked.ok ? 'ok' : checked.code;
  };

  it('is halted where the ledger lacks what another one signed, and not where the other is forked', async () => {
    const { a, b } = await begin();
    const other = bytes(32, 'other');
    expect(await judge(await headOf(b), a)).toBe('ok');
    expect(await judge(await headOf(b, { sequence: 0, hash: other }), a)).toBe('ok');
    expect(await judge(await headOf(b, { sequence: 4, hash: other }), a)).toBe('journal_behind_witness');
    expect(await judge(await headOf(b, { sequence: 2, hash: other }), a)).toBe('series_forked');
    expect(await judge(await headOf(b, { sequence: 2, hash: other }), b)).toBe('journal_forked');
    // A journal that is in no series of this ledger: it is another database.
    expect(await judge(await headOf(b, { journalId: bytes(16, 'gone') }), a)).toBe('journal_forked');
  });

  it('starts on no ledger that lacks what another one has anchored, of one that was taken out too', async () => {
    const { a, b } = await begin();
    const processOf = async (store: Store, series: string, state: 'serving' | 'taken-out') => ({
      series,
      epoch: 1,
      anchor: series,
      port: 0,
      journal: toHex(await store.journalId()),
      state,
    });
    const own = await processOf(a, 'a', 'serving');
    const head = await b.head();
    for (const state of ['serving', 'taken-out'] as const) {
      const processes = [own, await processOf(b, 'b', state)];
      const reports: string[] = [];
      const hold = (anchor: ReturnType<typeof makeMemoryAnchor>): Promise<void> =>
        holdOtherAnchors(a, { anchorNamed: () => replicateAnchor([anchor]) }, processes, {
          own,
          report: (line) => reports.push(line),
        });
      await hold(makeMemoryAnchor(undefined));
      await hold(makeMemoryAnchor(head));
      // Forked is for the other one to find.
      await hold(makeMemoryAnchor({ ...head, hash: bytes(32, 'other') }));
      const ahead = hold(makeMemoryAnchor({ ...head, sequence: head.sequence + 1 }));
      await expect(ahead).rejects.toMatchObject({ code: 'journal_behind_anchor' });
      expect(reports).toEqual([]);
      const broken = makeMemoryAnchor(head);
      broken.failure = {
        error: Object.assign(new Error('torn'), { code: 'anchor_unreadable' }),
        afterwards: false,
      };
      await hold(broken);
      expect(reports).toHaveLength(1);
    }
  });

  it('says of what another one took on that it is in progress, or abandoned where that never comes back', async () => {
    const { a, b } = await begin();
    const taken = newIntent('taken', take(10n));
    await commitOne(b, taken);
    const ledger = await openUnanchored(a);
    const look = async (abandoned: readonly string[]) => {
      const intent = await a.findIntent(taken.kind, taken.id);
      if (intent === undefined) throw new Error('it is there');
      const checked = await checkAbandoned(ledger, intent, async (series) => abandoned.includes(series));
      return checked.ok ? 'ok' : checked.code;
    };
    expect(await a.seriesOf(taken.kind, taken.id)).toBe('b');
    expect(await a.seriesOf(taken.kind, randomBytes(16))).toBeUndefined();
    expect(await look([])).toBe('ok');
    expect(await look(['a'])).toBe('ok');
    expect(await look(['b'])).toBe('request_abandoned');
    // What was signed is handed out by all, whatever became of its process.
    await recordOne(b, taken.id, bytes(64, 1));
    expect(await look(['b'])).toBe('ok');
    expect((await a.journals()).map(({ series, head }) => [series, head.sequence])).toEqual([
      ['a', 1],
      ['b', 4],
    ]);
  });
});
