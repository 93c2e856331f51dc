/**
 * `ringmint store propose-anchor` and `ringmint store anchor-anew`: a system goes on whose token was lost, or whose newest ledger is. Of quota
 * control as several processes all journals go on together, by one change: their quotas are one, and what one lacks the others lack.
 *
 * All three systems stand still: their ledgers are opened here, or read from extracts that were made where they are. What two people have approved is carried out in this order:
 *
 * ```
 *   journal entry, with the write-off ── files: epochs, anchors' names ── anchors ── heads at the witnesses released
 *                                     ^                                ^          ^
 *   a crash leaves a system that does not start: an anchor or a witness contradicts its ledger, as before, until the last step is made;
 *   the same command again goes on from where it was
 * ```
 *
 * INVARIANT: nothing that lets the system start is done before the write-off is committed.
 */
import type { AnchoredAnew, AnchorProposal, AssumedIssue } from '../cli/store-administration.ts';
import { toHex } from '../kit/bytes.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import { writtenOff } from '../quota/write-off.ts';
import { checkQuotaQuorum } from '../records/quota-approval.ts';
import { type AnchorAction, changeId, decodeChange } from '../records/quota-change.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { checkAction, goneOnFrom, mayStart } from './anchor-check.ts';
import { followProcesses } from './anchor-configuration.ts';
import { type Evidence, gatherEvidence } from './anchor-evidence.ts';
import { type AnchorSurroundings, type Opened, withOpened } from './anchor-ledgers.ts';
import { releaseGivenUp, setAnchors } from './anchor-setting.ts';
import { homeAt, type Role, roles } from './home.ts';

export interface ProposeAnchorOptions {
  readonly home: string;
  readonly role: Role;
  /** Of each quota that is named; at least what issuance has. */
  readonly assumed: readonly AssumedIssue[];
  /** Extracts of the systems whose ledgers are on other machines. */
  readonly evidence: readonly string[];
}

/** What two people have to approve for the system to go on from the ledger that it has. Changes nothing. */
export async function proposeAnchor(
  options: ProposeAnchorOptions,
  surroundings: AnchorSurroundings,
): Promise<Result<AnchorProposal>> {
  const { role: of, evidence: files } = options;
  return withOpened(homeAt(options.home), { role: of, evidence: files }, surroundings, async (opened) => {
    const { own, role, configuration } = opened;
    const evidence = await gather(opened);
    const { unexplained, older } = evidence;
    if (!older && (await mayStart(opened.journals)))
      return refuse(
        'anchor_in_place',
        `neither the anchor of ${role} nor its witnesses say otherwise than its ledger: start it`,
      );
    const quotas: AnchorAction['quotas'][number][] = [];
    const assumed = new Map(
      options.assumed.map(({ issuer = configuration.issuer, currency, amount }) => [
        accountName(issuer, currency),
        amount,
      ]),
    );
    for (const position of await own.positions(surroundings.clock.nowMs())) {
      const { issuer, currency, version, allocated } = position;
      const name = accountName(issuer, currency);
      const uncertain = unexplained > 0;
      const amount = assumed.get(name) ?? (uncertain ? allocated : (evidence.issued.get(name) ?? 0n));
      assumed.delete(name);
      if (amount === 0n && !uncertain) continue;
      quotas.push({ issuer, currency, version, terms: writtenOff(position, { amount, uncertain }) });
    }
    const [strange] = assumed.keys();
    if (strange !== undefined)
      return refuse(
        'quota_missing',
        `there is no quota \`${strange}\` from which something could be written off`,
      );
    const [first, ...others] = await goneOnFrom(opened, evidence);
    assert(first !== undefined, 'a ledger has a journal');
    const action: AnchorAction = { kind: 'anchor', role, ...first, unexplained, quotas, others };
    return succeed({
      action,
      issuedSince: [...evidence.issued].map(([quota, amount]) => ({ quota, amount })),
    });
  });
}

/** Carries it out, or goes on with it where a crash has cut it short; done once more it changes nothing. */
export async function anchorAnew(
  options: {
    readonly home: string;
    readonly change: Uint8Array;
    readonly approvals: readonly Uint8Array[];
    readonly evidence: readonly string[];
  },
  surroundings: AnchorSurroundings,
): Promise<Result<AnchoredAnew>> {
  const { change, approvals } = options;
  const { clock, progress } = surroundings;
  const decoded = decodeChange(change);
  if (!decoded.ok) return decoded;
  const { action } = decoded.value;
  if (action.kind !== 'anchor')
    return refuse(
      'not_permitted',
      'what `ringmint store propose-anchor` wrote is accepted; for a quota, `ringmint quota apply`',
    );
  const home = homeAt(options.home);
  await followProcesses(home, action);
  const whose = { role: action.role, journal: toHex(action.journalId), evidence: options.evidence };
  return withOpened(home, whose, surroundings, async (opened) => {
    const { own, role, bundle } = opened;
    let sequence = await own.findChange(changeId(change));
    if (sequence === undefined) {
      const approved = checkQuotaQuorum({
        change,
        approvals,
        policy: bundle.approval,
        verifySignature: makeNodeVerifySignature(),
      });
      if (!approved.ok) return approved;
      const checked = await checkAction(opened, action, await gather(opened), clock);
      if (!checked.ok) return checked;
      progress('  writing the journal entry, with what is written off');
      const applied = await own.applyChange({ change, approvals, createdMs: clock.nowMs() });
      if (!applied.ok) return applied;
      sequence = applied.value;
    }
    // A crash here leaves the write-off in force, and a ledger that its anchors or its witnesses contradict.
    const journals = await setAnchors(opened, action, changeId(change), progress);
    if (!journals.ok) return journals;
    // A crash here leaves a system that its witnesses halt, where they hold what was given up; with the first of two released, it starts
    // when that one answers, and is halted when the other one does. What is written off stays so.
    const released: Role[] = [];
    for (const [witness, store] of opened.stores)
      if (
        witness !== role &&
        (await releaseGivenUp(opened, action, store, () =>
          progress(`  releasing what ${witness} holds of what was given up`),
        ))
      )
        released.push(witness);
    const elsewhere = roles.filter((one) => !opened.stores.has(one));
    return succeed({ role, sequence, journals: journals.value, released, elsewhere });
  });
}

function gather(opened: Opened): Promise<Evidence> {
  return gatherEvidence({ ...opened, issuer: opened.configuration.issuer });
}
