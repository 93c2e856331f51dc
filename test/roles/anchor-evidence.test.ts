/** What is found out of a ledger of quota control that was put back: how much it lacks, and what of that was issued. */

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Evidence, gatherEvidence, type OwnJournal } from '../../src/appliance/anchor-evidence.ts';
import { ledgerOfStore, openEvidenceFile } from '../../src/appliance/other-ledger.ts';
import { genesisHash, type JournalHead } from '../../src/journal/chain.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { readSqliteLedger } from '../../src/store/sqlite/extract.ts';
import { copyLedger } from '../../src/store/sqlite/ledger-file.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { extractBytes } from '../audit/world.ts';
import { bytes } from '../store/intents.ts';
import { type Authorities, draft, issuer, makeAuthorities, openTokens, type Tokens } from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;
/** While it is set, issuance does not get the control bits that quota control makes. */
let repliesLost = false;
beforeAll(async () => {
  tokens = await openTokens();
  authorities = await makeAuthorities(tokens, {
    peers: (honest) => ({
      ...honest,
      async redeemCredential(presentation) {
        const redeemed = await honest.redeemCredential(presentation);
        return repliesLost ? { ok: false, code: 'peer_unavailable', message: 'the reply is lost' } : redeemed;
      },
    }),
  });
  await issue(100n);
  copy('older');
  await issue(20n);
  copy('middle');
  await issue(3n);
  copy('newest');
}, 60_000);
afterAll(async () => {
  await authorities.close();
  await tokens.close();
});

async function issue(value: bigint): Promise<boolean> {
  return (await authorities.issuance.issue(draft([{ value, count: 1 }], authorities.clock))).ok;
}

function copy(name: string): void {
  for (const role of ['issuance', 'quota'])
    copyLedger(join(authorities.folder, `${role}.db`), join(authorities.folder, `${role}-${name}.db`));
}

function open(role: 'issuance' | 'quota', name: string): Store {
  const path = join(authorities.folder, `${role}-${name}.db`);
  return openSqliteStore({ path, role, create: false, random: randomBytes });
}

/** `others`: of a ledger with several journals; its own process numbers epoch 1 then. */
async function gather(
  quota: string,
  issuance: string,
  anchored: readonly JournalHead[],
  {
    others: more = [],
    epoch = more.length > 0 ? 1 : null,
  }: { others?: OwnJournal[]; epoch?: number | null } = {},
): Promise<Evidence> {
  const own = open('quota', quota);
  const other = open('issuance', issuance);
  try {
    const sources = {
      role: 'quota',
      issuer,
      own,
      journals: [...(await own.journals()).map((journal) => ({ ...journal, anchored, epoch })), ...more],
      keys: makeKeyRing(tokens.bundle, makeNodeVerifySignature()),
    } as const;
    const gathered = await gatherEvidence({
      ...sources,
      others: new Map([['issuance', ledgerOfStore(other)]]),
    });
    // Its extract, made where it is, shows the same.
    const path = join(authorities.folder, `issuance-${issuance}.db`);
    const about = { role: 'issuance', name: issuer, madeMs: 1 } as const;
    const bytes = await readSqliteLedger({ path, role: 'issuance' }, (content) =>
      extractBytes(about, content),
    );
    const file = join(authorities.folder, 'issuance.extract');
    writeFileSync(file, bytes);
    const read = openEvidenceFile(file, issuer);
    try {
      const others = new Map([[read.role, read.ledger]]);
      expect(await gatherEvidence({ ...sources, others })).toEqual(gathered);
    } finally {
      read.close();
    }
    writeFileSync(file, bytes.with(bytes.length - 9, (bytes.at(-9) ?? 0) ^ 1));
    expect(() => openEvidenceFile(file, issuer)).toThrow(
      expect.objectContaining({ code: 'extract_damaged' }),
    );
    return gathered;
  } finally {
    await own.close();
    await other.close();
  }
}

const anchored = (): readonly JournalHead[] => {
  const { head } = authorities.anchors.quota;
  return head === undefined ? [] : [head];
};
const euro = (amount: bigint): ReadonlyMap<string, bigint> => new Map([[`${issuer}/EUR`, amount]]);

it('counts what issuance has control bits for, and finds every lost entry explained', async () => {
  expect(await gather('older', 'newest', anchored())).toMatchObject({
    older: true,
    unexplained: 0,
    issued: euro(23n),
    epoch: 1,
    journals: [{ beyond: anchored() }],
  });
  expect(await gather('middle', 'newest', anchored())).toMatchObject({ unexplained: 0, issued: euro(3n) });
});

it('finds nothing lost of the newest ledger, also where the token is', async () => {
  for (const heads of [anchored(), []])
    expect(await gather('newest', 'newest', heads)).toMatchObject({
      older: false,
      unexplained: 0,
      issued: new Map(),
      journals: [{ beyond: [] }],
    });
});

it('takes nothing for certain where the token is lost too: nobody knows the last entry', async () => {
  expect(await gather('older', 'newest', [])).toMatchObject({
    older: true,
    unexplained: 1,
    issued: euro(23n),
    journals: [{ beyond: [] }],
  });
});

/** A journal of a second process, which ends at its genesis, as far as it was anchored. */
function second(...anchoredAt: readonly number[]): OwnJournal {
  const id = bytes(16, 'second');
  const genesis = genesisHash('quota', id);
  return {
    series: 'second',
    journalId: id,
    head: { sequence: 0, hash: genesis },
    hashAt: async (sequence) => (sequence === 0 ? genesis : undefined),
    firstSignedAfter: async () => undefined,
    anchored: anchoredAt.map((sequence) => ({ sequence, hash: bytes(32, `second ${sequence}`) })),
    epoch: 2,
  };
}

it('counts of several journals what each lacks: what issuance has of one explains nothing of another', async () => {
  expect(await gather('older', 'newest', anchored(), { others: [second()] })).toMatchObject({
    unexplained: 0,
  });
  expect(await gather('older', 'newest', anchored(), { others: [second(2)] })).toMatchObject({
    unexplained: 2,
    issued: euro(23n),
    journals: [{ beyond: anchored() }, { beyond: [{ sequence: 2 }] }],
  });
  // Of the first more is issued than is anchored: its end is not known, and the surplus is none of the second's.
  const own = open('quota', 'middle');
  const stale = await own.head();
  await own.close();
  expect(await gather('older', 'newest', [stale], { others: [second(1)] })).toMatchObject({ unexplained: 2 });
});

it('knows nothing of the entries whose control bits are of an epoch that no process has', async () => {
  const several = { others: [second()], epoch: 9 };
  expect(await gather('older', 'newest', anchored(), several)).toMatchObject({
    unexplained: 2,
    issued: euro(23n),
  });
  const own = open('quota', 'older');
  const stale = await own.head();
  await own.close();
  expect(await gather('older', 'newest', [stale], several)).toMatchObject({ older: true, unexplained: 1 });
});

it('leaves unexplained what issuance does not show, whether it lost it or hides it', async () => {
  expect(await gather('older', 'older', anchored())).toMatchObject({ unexplained: 2, issued: new Map() });
  expect(await gather('older', 'middle', anchored())).toMatchObject({ unexplained: 1, issued: euro(20n) });
  repliesLost = true;
  expect(await issue(7n)).toBe(false);
  repliesLost = false;
  expect(await gather('newest', 'newest', anchored())).toMatchObject({
    older: true,
    unexplained: 1,
    issued: new Map(),
  });
});

it('is gone on from by nobody where it is no copy of what was anchored', async () => {
  const other = { sequence: 2, hash: new Uint8Array(32).fill(9) };
  await expect(gather('newest', 'newest', [other])).rejects.toMatchObject({ code: 'journal_forked' });
  const later = { sequence: 99, hash: new Uint8Array(32).fill(9) };
  const forks = [later, { ...later, hash: new Uint8Array(32).fill(8) }];
  await expect(gather('newest', 'newest', forks)).rejects.toMatchObject({ code: 'journal_forked' });
});
