/**
 * A real run for the audit: three systems with real tokens and SQLite ledgers, in which everything happens that may happen to honest ones
 * (denials, crashes, restarts, retries, stops, changes, rotation and revocation of keys, other approvers), and the extracts of their ledgers.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { encodeExtract, type LedgerContent } from '../../src/journal/extract.ts';
import { concatBytes } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import type { Result } from '../../src/kit/result.ts';
import type { ApprovalPolicy } from '../../src/records/approval-policy.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeJournalHead, type JournalHeadRecord } from '../../src/records/journal-head.ts';
import { addKey, changeApproval, revokeKey } from '../../src/records/key-set.ts';
import { encodeChange, type QuotaAction } from '../../src/records/quota-change.ts';
import { encodeStop } from '../../src/records/quota-stop.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import { verificationKey } from '../../src/records/signature.ts';
import { encodeTrustBundle, type TrustBundle } from '../../src/records/trust-bundle.ts';
import type { IssuancePeers } from '../../src/roles/issuance.ts';
import { makeQuotaChanges, type QuotaChanges } from '../../src/roles/quota-changes.ts';
import { readSqliteLedger } from '../../src/store/sqlite/extract.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { pointOf } from '../hsm/temporary-token.ts';
import { approveChange, keys, policy, signed, type TestKey } from '../records/samples.ts';
import {
  type Authorities,
  draft,
  issuer,
  makeAuthorities,
  otherIssuer,
  type Tokens,
} from '../roles/authorities.ts';
import {
  ann,
  ben,
  issueOwned,
  type OwnedCurrency,
  retirementOf,
  transferOf,
} from '../roles/owned-currency.ts';

export type Role = 'central' | 'issuance' | 'quota';
export const roles: readonly Role[] = ['issuance', 'central', 'quota'];
export const nameOf = (role: Role): string => (role === 'issuance' ? issuer : role);

export interface World {
  /** Oldest first. */
  readonly bundles: readonly TrustBundle[];
  readonly extracts: Readonly<Record<Role, Uint8Array>>;
  /** Of a moment in the middle of the run. */
  readonly earlier: Readonly<Record<Role, Uint8Array>>;
  readonly tokens: Tokens;
}

export function signBundle(bundle: TrustBundle): Uint8Array {
  return signed(encodeTrustBundle(bundle, keys.root.key.keyId), keys.root);
}

export async function extractBytes(
  about: Parameters<typeof encodeExtract>[0],
  content: LedgerContent,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of encodeExtract(about, content)) parts.push(part);
  return concatBytes(...parts);
}

async function extractOf(authorities: Authorities, role: Role): Promise<Uint8Array> {
  const about = { role, name: nameOf(role), madeMs: authorities.clock.nowMs() };
  return readSqliteLedger({ path: join(authorities.folder, `${role}.db`), role }, (content) =>
    extractBytes(about, content),
  );
}

export async function extractsOf(authorities: Authorities): Promise<Record<Role, Uint8Array>> {
  const [issuance, central, quota] = await Promise.all(roles.map((role) => extractOf(authorities, role)));
  return { issuance, central, quota } as Record<Role, Uint8Array>;
}

/** The bundle of the tokens with approvers, signed by a root of the test's; one issuance key is kept for later. */
function firstBundle(tokens: Tokens): TrustBundle {
  return {
    ...tokens.bundle,
    rootKey: keys.root.key,
    keys: tokens.bundle.keys.filter(({ name }) => name !== otherIssuer),
    approval: policy,
  };
}

const wide: QuotaTerms = {
  allocated: 3_000_000n,
  frozen: false,
  returns: true,
  limits: [
    {
      name: 'day',
      counts: 'amount',
      window: { kind: 'day', timeZone: 'Europe/Berlin' },
      maximum: 2_000_000n,
    },
    { name: 'hour', counts: 'amount', window: { kind: 'rolling', seconds: 3600 }, maximum: 900_000n },
    { name: 'burst', counts: 'orders', window: { kind: 'rolling', seconds: 60 }, maximum: 40n },
  ],
};

export class Run {
  authorities: Authorities;
  tokens: Tokens;
  bundles: TrustBundle[];
  private approvers: readonly (readonly [string, TestKey])[] = [
    ['alice', keys.alice],
    ['bob', keys.bob],
  ];
  private version = 1;
  private owned: OwnedCurrency | undefined;

  private constructor(authorities: Authorities, tokens: Tokens) {
    this.authorities = authorities;
    this.tokens = tokens;
    this.bundles = [tokens.bundle];
  }

  static async begin(tokens: Tokens): Promise<Run> {
    const bundle = firstBundle(tokens);
    const own = { ...tokens, bundle, bundleBytes: signBundle(bundle) };
    return new Run(
      await makeAuthorities(own, {
        limits: { requestMaximum: 200_000n, ceiling: 60_000n, frequencyCap: 50 },
      }),
      own,
    );
  }

  get now(): number {
    return this.authorities.clock.nowSeconds();
  }

  async issue(...lots: { value: bigint; count: number }[]): Promise<void> {
    const asked = draft(lots, this.authorities.clock);
    const outcome = await this.authorities.issuance.issue(asked);
    if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
    // The same again is the same.
    await this.authorities.issuance.issue(asked);
  }

  /** Orders that share requests, with amounts of which some are denied. */
  async together(amounts: readonly bigint[]): Promise<void> {
    const outcomes = await Promise.all(
      amounts.map((value) =>
        this.authorities.issuance.issue(draft([{ value, count: 1 }], this.authorities.clock)),
      ),
    );
    for (const outcome of outcomes) if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
  }

  /** Asks, and does not get to an end: gives what was asked. */
  async fail(value: bigint): Promise<Uint8Array> {
    const asked = draft([{ value, count: 3 }], this.authorities.clock);
    const outcome = await this.authorities.issuance
      .issue(asked)
      .catch((error: Error) => ({ ok: false, error }));
    if (outcome.ok) throw new Error('it was to fail');
    return asked;
  }

  async restart(changed: Parameters<Authorities['restart']>[0] = {}): Promise<void> {
    this.authorities = await this.authorities.restart({
      tokens: this.tokens,
      limits: { requestMaximum: 200_000n, ceiling: 60_000n, frequencyCap: 50 },
      ...changed,
    });
    const { central, issuance, quotaControl } = this.authorities;
    for (const role of [central, issuance, quotaControl]) await role.finishUnsigned();
  }

  /** Issuance sees the other two through this from now on. */
  cut(peers: (honest: IssuancePeers) => IssuancePeers): Promise<void> {
    return this.restart({ peers });
  }

  get changes(): QuotaChanges {
    return makeQuotaChanges({
      ledger: this.authorities.ledgers.quota,
      policy: this.bundles.at(-1)?.approval ?? null,
      verifySignature: makeNodeVerifySignature(),
      resume: () => this.authorities.quotaControl.finishUnsigned(),
      clock: this.authorities.clock,
    });
  }

  /** A change with the approvals of as many as are there, or fewer. */
  approve(
    action: QuotaAction,
    most = this.approvers.length,
  ): { readonly change: Uint8Array; readonly approvals: readonly Uint8Array[] } {
    const bytes = encodeChange({
      madeAt: this.now,
      expiresAt: this.now + 600,
      reason: 'of the test',
      action,
    });
    const approvals = this.approvers
      .slice(0, most)
      .map(([approver, key]) => approveChange(bytes, approver, key, this.now));
    return { change: bytes, approvals };
  }

  async change(action: QuotaAction): Promise<void> {
    const { change, approvals } = this.approve(action);
    const applied = await this.changes.apply(change, approvals);
    if (!applied.ok) throw new Error(applied.message);
  }

  async terms(terms: QuotaTerms, clock: number | null = null): Promise<void> {
    await this.change({ kind: 'terms', issuer, currency: 'EUR', version: this.version, terms, clock });
    this.version++;
  }

  async stop(by?: TestKey): Promise<number> {
    const id = new Uint8Array(randomBytes(16));
    const order =
      by === undefined
        ? encodeCbor([id, 'to see'])
        : signed(
            encodeStop({ id, approver: 'alice', reason: 'to see', issuedAt: this.now }, by.key.keyId),
            by,
          );
    const stopped = await this.changes.stop(order, 'operator');
    if (!stopped.ok) throw new Error(stopped.message);
    return stopped.value.sequence;
  }

  /** Units of two owners: some retired for good, some into accounts, and those moved and retired. */
  async settle(): Promise<void> {
    this.owned = await issueOwned(this.authorities, [
      { owner: ann, value: 100n, count: 6 },
      { owner: ben, value: 250n, count: 4 },
    ]);
    const { authorities, owned } = this;
    const { settlements } = authorities;
    const done = async (settled: Promise<Result<Uint8Array>>): Promise<void> => {
      const outcome = await settled;
      if (!outcome.ok) throw new Error(outcome.message);
    };
    await done(settlements.retire(retirementOf(authorities, ann, owned, [0, 1]), 'operator'));
    const file = retirementOf(authorities, ann, owned, [2, 3, 4], {
      record: { creditTo: ben.key.keyId },
    });
    await done(settlements.retire(file, 'operator'));
    // The same again is the same.
    await done(settlements.retire(file, 'operator'));
    await done(settlements.transfer(transferOf(authorities, ben, 120n, ann), 'operator'));
    await done(settlements.transfer(transferOf(authorities, ben, 15n, null), 'operator'));
  }

  /** Retired while the terms let nothing come back. */
  async retireLast(): Promise<void> {
    const { authorities, owned } = this;
    if (owned === undefined) throw new Error('nothing is owned');
    const retired = await authorities.settlements.retire(
      retirementOf(authorities, ben, owned, [6, 7]),
      'operator',
    );
    if (!retired.ok) throw new Error(retired.message);
  }

  /** Another bundle from now on; the systems are started anew with it. */
  async publish(bundle: TrustBundle, of: Tokens['of'] = this.tokens.of): Promise<void> {
    this.bundles.push(bundle);
    this.tokens = { ...this.tokens, of, bundle, bundleBytes: signBundle(bundle) };
    await this.restart();
  }

  /** The approvers are others from now on. */
  async appoint(approvers: readonly (readonly [string, TestKey])[]): Promise<void> {
    this.approvers = approvers;
    const appointed: ApprovalPolicy = {
      threshold: 2,
      approvers: approvers.map(([name, { key }]) => ({ name, key })),
    };
    await this.publish(changeApproval(this.tokens.bundle, appointed, this.now));
  }

  /** Each system shows its head to the other two. */
  async showHeads(): Promise<void> {
    for (const role of roles) {
      const { stores, clock } = this.authorities;
      const { sequence, hash } = await stores[role].head();
      const journalId = await stores[role].journalId();
      const said = { issuedAt: this.now, journalId, sequence, hash };
      const bytes = await signedHead(this.tokens, role, said);
      for (const witness of roles) if (witness !== role) await stores[witness].holdHead(bytes, clock.nowMs());
    }
  }

  extract(role: Role): Promise<Uint8Array> {
    return extractOf(this.authorities, role);
  }

  extracts(): Promise<Record<Role, Uint8Array>> {
    return extractsOf(this.authorities);
  }
}

export async function signedHead(
  tokens: Tokens,
  role: Role,
  said: Pick<JournalHeadRecord, 'issuedAt' | 'journalId' | 'sequence' | 'hash'>,
): Promise<Uint8Array> {
  const signer = tokens.of[role];
  const record = { role, name: nameOf(role), epoch: role === 'quota' ? 1 : null, ...said };
  const toBeSigned = encodeJournalHead(record, signer.publicKey.keyId);
  return attachSignature(toBeSigned, await signer.sign(toBeSigned));
}

/** The whole run. */
export async function runWorld(tokens: Tokens): Promise<World> {
  const run = await Run.begin(tokens);
  const minutes = (count: number): void => run.authorities.clock.advanceMs(count * 60_000);
  try {
    await run.issue({ value: 500n, count: 7 }, { value: 1_999n, count: 2 });
    minutes(2);
    await run.together([100n, 70_000n, 300n, 400n]);
    await run.issue({ value: 61_000n, count: 1 });
    minutes(2);

    // Issuance ends before it hears of the control bit; the retry gets it.
    await run.cut((honest) => ({
      ...honest,
      async redeemCredential(presentation) {
        await honest.redeemCredential(presentation);
        throw new Error('cut after the control bit');
      },
    }));
    const again = await run.fail(200n);
    await run.restart();
    const retried = await run.authorities.issuance.issue(again);
    if (!retried.ok) throw new Error(retried.message);
    // These nobody asks for again: a credential that is not used, and a control bit without currency.
    await run.cut((honest) => ({
      ...honest,
      redeemCredential: () => Promise.reject(new Error('cut before')),
    }));
    await run.fail(210n);
    await run.cut((honest) => ({
      ...honest,
      async redeemCredential(presentation) {
        await honest.redeemCredential(presentation);
        throw new Error('cut after');
      },
    }));
    await run.fail(220n);
    minutes(2);

    // An HSM that fails between commit and signature: the next start signs.
    for (const broken of ['quota', 'central', 'issuance'] as const) {
      await run.restart({
        wrapSigner: (signer, role) =>
          role === broken
            ? {
                ...signer,
                publicKey: signer.publicKey,
                holds: (id) => signer.holds(id),
                sign: () => Promise.reject(new Error('gone')),
              }
            : signer,
      });
      await run.fail(230n);
      await run.restart();
      minutes(2);
    }
    const earlier = await run.extracts();

    await run.terms(wide);
    await run.together(Array.from({ length: 12 }, (_, index) => BigInt(1_000 + index)));
    const stop = await run.stop(keys.alice);
    await run.fail(240n);
    minutes(2);
    await run.change({ kind: 'start', stop });
    const second = await run.stop();
    await run.change({ kind: 'start', stop: second });
    await run.issue({ value: 25n, count: 40 });
    await run.settle();
    await run.terms({ ...wide, frozen: true, returns: false });
    await run.fail(250n);
    await run.terms({ ...wide, allocated: 2_500_000n, returns: false });
    minutes(3);

    // The key of issuance is replaced, and the old one revoked a while later.
    const newKey = verificationKey(pointOf(tokens.of.other));
    const oldKey = tokens.of.issuance.publicKey.keyId;
    const joined = addKey(
      run.tokens.bundle,
      { role: 'issuance', name: issuer, key: newKey, notBefore: run.now },
      { keyId: oldKey, overlapSeconds: 3600 },
      run.now,
    );
    if (!joined.ok) throw new Error(joined.message);
    await run.publish(joined.value, { ...tokens.of, issuance: tokens.of.other });
    await run.issue({ value: 300n, count: 3 });
    minutes(2);
    const revoked = revokeKey(run.tokens.bundle, oldKey, run.now, run.now);
    if (!revoked.ok) throw new Error(revoked.message);
    await run.publish(revoked.value);
    await run.issue({ value: 310n, count: 3 });
    minutes(2);
    await run.appoint([
      ['bob', keys.bob],
      ['carol', keys.carol],
    ]);
    minutes(2);
    // The clock was ahead for an hour; two people put the quota's right.
    run.authorities.clock.advanceMs(120_000);
    await run.terms({ ...wide, allocated: 2_600_000n, returns: false }, run.now - 60);
    await run.issue({ value: 320n, count: 3 });
    await run.retireLast();
    await run.together([51n, 52n, 61_000n, 53n]);
    minutes(10);
    // What nobody asked for again is freed, by closings.
    const round = await run.authorities.resolution.run();
    if (!round.ok || round.value === 0) throw new Error('something was to be freed');
    await run.showHeads();
    minutes(10);
    return { bundles: run.bundles, extracts: await run.extracts(), earlier, tokens: run.tokens };
  } finally {
    await run.authorities.close();
  }
}
