/**
 * `ringmint store propose-anchor` and `ringmint store anchor-anew`: a system goes on whose token was lost, or whose newest ledger is.
 *
 * All three systems stand still: their ledgers are opened here, or read from extracts that were made where they are. What two people have approved is carried out in this order:
 *
 * ```
 *   journal entry, with the write-off ── config.json: epoch, anchor's name ── anchor ── heads at the witnesses released
 *                                     ^                                    ^         ^
 *   a crash leaves a system that does not start: its anchor or its witnesses contradict its ledger, as before, until the last step is made;
 *   the same command again goes on from where it was
 * ```
 *
 * INVARIANT: nothing that lets the system start is done before the write-off is committed.
 */
import { readFile } from 'node:fs/promises';
import type { AnchoredAnew, AnchorProposal, AssumedIssue } from '../cli/store-administration.ts';
import type { JournalHead } from '../journal/chain.ts';
import { decodeEntry } from '../journal/entry.ts';
import { highestHead, type ReplicatedAnchor, replicateAnchor } from '../journal/replicated-anchor.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import { checkWriteOff, writtenOff } from '../quota/write-off.ts';
import { decodeJournalHead } from '../records/journal-head.ts';
import { checkQuotaQuorum } from '../records/quota-approval.ts';
import { type AnchorAction, changeId, decodeChange, type HeadPlace } from '../records/quota-change.ts';
import type { Store } from '../store/store.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { type Evidence, gatherEvidence } from './anchor-evidence.ts';
import { type AnchorSurroundings, type Opened, withOpened } from './anchor-ledgers.ts';
import { quotaSchema, readConfiguration } from './configuration.ts';
import { homeAt, type Role, roles } from './home.ts';
import { holderOf } from './key-holder.ts';
import { anchorsOf } from './open-keys.ts';
import { writeFileDurably } from './private-file.ts';
import { readQuotaProcesses } from './quota-processes.ts';

export interface ProposeAnchorOptions {
  readonly home: string;
  readonly role: Role;
  /** Of quota control as several processes: whose journal. */
  readonly series?: string;
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
  const { role: of, series, evidence: files } = options;
  const whose = { role: of, series, evidence: files };
  return withOpened(homeAt(options.home), whose, surroundings, async (opened) => {
    const { own, role, configuration } = opened;
    const anchored = await anchorNamed(opened, opened.place.anchor).readAll();
    const evidence = await gather(opened, anchored);
    const { head, beyond, unexplained, older } = evidence;
    if (older && opened.series !== null) return refuseOlder(opened.series);
    if (!older && (await mayStart(own, highestHead(anchored))))
      return refuse(
        'anchor_in_place',
        `the ledger of ${role} ends at entry ${head.sequence}, and neither its anchor nor its witnesses say otherwise: start it`,
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
    const action: AnchorAction = {
      kind: 'anchor',
      role,
      journalId: await own.journalId(),
      head,
      givenUp: beyond,
      unexplained,
      epoch: role === 'quota' && older ? (await lastEpoch(opened, evidence)) + 1 : null,
      quotas,
    };
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
  const journal = toHex(action.journalId);
  const series = (await readQuotaProcesses(home)).find((one) => one.journal === journal)?.series;
  const whose = { role: action.role, series, evidence: options.evidence };
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
      const anchored = await anchorNamed(opened, opened.place.anchor).readAll();
      const checked = await checkAction(opened, action, await gather(opened, anchored), clock);
      if (!checked.ok) return checked;
      progress('  writing the journal entry, with what is written off');
      const applied = await own.applyChange({ change, approvals, createdMs: clock.nowMs() });
      if (!applied.ok) return applied;
      sequence = applied.value;
    }
    // A crash here leaves the write-off in force, and a ledger that its anchor or its witnesses contradict.
    // INVARIANT: a journal that went on since is not anchored by this once more; that takes approvals of its own.
    const anchor = (await endsWith(own, changeId(change)))
      ? await setAnchor(opened, action, changeId(change), progress)
      : succeed(opened.place.anchor);
    if (!anchor.ok) return anchor;
    // A crash here leaves a system that its witnesses halt, where they hold what was given up; with the first of two released, it starts
    // when that one answers, and is halted when the other one does. What is written off stays so.
    const released: Role[] = [];
    for (const [witness, store] of opened.stores) {
      if (witness === role || !(await holdsGivenUp(opened, action, store))) continue;
      progress(`  releasing what ${witness} holds of what was given up`);
      const { name } = holderOf(role, opened.configuration.issuer);
      if (await store.releaseHead(role, name)) released.push(witness);
    }
    const elsewhere = roles.filter((one) => !opened.stores.has(one));
    return succeed({ role, sequence, anchor: anchor.value, epoch: action.epoch, released, elsewhere });
  });
}

/** Gives the anchor's name. */
async function setAnchor(
  opened: Opened,
  action: AnchorAction,
  id: Uint8Array,
  progress: (line: string) => void,
): Promise<Result<string>> {
  const chosen = await chooseAnchor(opened, action, id);
  if (!chosen.ok) return chosen;
  const { epoch } = action;
  progress(
    `  naming the anchor ${chosen.value}${epoch === null ? '' : `, and epoch ${epoch}`} in config.json`,
  );
  await configure(opened, { anchor: chosen.value, epoch });
  // A crash here leaves a system whose anchor is missing, or behind.
  progress('  anchoring the journal');
  const anchor = anchorNamed(opened, chosen.value);
  const before = highestHead(await anchor.readAll());
  const head = await opened.own.head();
  if (before === undefined || before.sequence < head.sequence) await anchor.advance(before, head);
  return chosen;
}

/** Whether the journal's last entry is that of the change. */
async function endsWith(own: Store, id: Uint8Array): Promise<boolean> {
  const { sequence } = await own.head();
  const [last] = await own.journal(sequence, 1);
  const decoded = last === undefined ? undefined : decodeEntry(last.bytes);
  if (decoded?.ok !== true) return false;
  const { subject } = decoded.value;
  return subject instanceof Uint8Array && equalBytes(subject, id);
}

/** Whether a start on it would go on: what was anchored is in it, and all that comes after is unsigned. */
async function mayStart(own: Store, anchored: JournalHead | undefined): Promise<boolean> {
  const head = await own.head();
  if (anchored === undefined) return head.sequence === 0;
  return (await own.firstSignedAfter(anchored.sequence)) === undefined;
}

async function checkAction(
  opened: Opened,
  action: AnchorAction,
  evidence: Evidence,
  clock: Clock,
): Promise<Result<null>> {
  const { own, role } = opened;
  const { head, beyond, unexplained, older } = evidence;
  if (older && opened.series !== null) return refuseOlder(opened.series);
  if (!equalBytes(action.journalId, await own.journalId()))
    return refuse(
      'change_stale',
      `it is for the journal ${toHex(action.journalId)}, and the ledger of ${role} has another`,
    );
  if (!isSamePlace(action.head, head))
    return refuse(
      'change_stale',
      `it goes on from entry ${action.head.sequence}, and the ledger of ${role} ends at entry ${head.sequence}, or at another one of that number: a new proposal is accepted`,
    );
  const lastOf = (heads: readonly HeadPlace[]): number => heads.at(-1)?.sequence ?? head.sequence;
  const sameHeads =
    beyond.length === action.givenUp.length &&
    beyond.every((one, index) => isSamePlace(one, action.givenUp[index]));
  if (!sameHeads || action.unexplained !== unexplained)
    return refuse(
      'change_stale',
      `it gives up what is known up to entry ${lastOf(action.givenUp)}, ${action.unexplained} of it unexplained, and now entry ${lastOf(beyond)} is known, ${unexplained} unexplained: a new proposal is accepted`,
    );
  if (role === 'issuance') return succeed(null);
  if (
    role === 'quota' &&
    older &&
    (action.epoch === null || action.epoch <= (await lastEpoch(opened, evidence)))
  )
    return refuse(
      'change_stale',
      'it names an epoch in which serials may have been used: a new proposal is accepted',
    );
  for (const position of await own.positions(clock.nowMs())) {
    const { issuer, currency } = position;
    const given = action.quotas.find((quota) => quota.issuer === issuer && quota.currency === currency);
    const lost = {
      amount: evidence.issued.get(accountName(issuer, currency)) ?? 0n,
      uncertain: unexplained > 0,
    };
    const enough = checkWriteOff(position, given?.terms ?? position, lost);
    if (!enough.ok) return enough;
  }
  return succeed(null);
}

/**
 * The anchor that is configured, where what is in it is of this journal; where that is given up, one that only this change has the name of.
 * Where it is neither, something was signed since that this change does not give up.
 */
async function chooseAnchor(opened: Opened, action: AnchorAction, id: Uint8Array): Promise<Result<string>> {
  const { own, place } = opened;
  let chosen = place.anchor;
  for (const head of await anchorNamed(opened, place.anchor).readAll()) {
    if (await has(own, head)) continue;
    if (!isGivenUp(action, head))
      return refuse(
        'change_stale',
        `the change was carried out before, and entry ${head.sequence} was anchored since, which it does not give up: a new proposal is accepted`,
      );
    chosen = `anew-${toHex(id).slice(0, 16)}`;
  }
  return succeed(chosen);
}

async function has(own: Store, { sequence, hash }: HeadPlace): Promise<boolean> {
  const there = await own.hashAt(sequence);
  return there !== undefined && equalBytes(there, hash);
}

/** INVARIANT: nobody has approved to forget any other head. */
function isGivenUp({ givenUp }: AnchorAction, head: HeadPlace): boolean {
  return givenUp.some((one) => isSamePlace(one, head));
}

function isSamePlace(a: HeadPlace, b: HeadPlace | undefined): boolean {
  return a.sequence === b?.sequence && equalBytes(a.hash, b.hash);
}

/**
 * Whether it holds a head of the system that the change gives up, alone or with one of the journal that was gone on with: a system that was
 * started before all witnesses had released theirs has shown that.
 */
async function holdsGivenUp(
  { role, configuration, own }: Opened,
  action: AnchorAction,
  store: Store,
): Promise<boolean> {
  const owner = holderOf(role, configuration.issuer);
  for (const { record, contradiction } of await store.heldHeads()) {
    if (record.role !== owner.role || record.name !== owner.name) continue;
    if ((await has(own, record)) || !isGivenUp(action, record)) continue;
    const other = contradiction === null ? undefined : decodeJournalHead(contradiction);
    if (other === undefined || (other.ok && (await has(own, other.value.record)))) return true;
  }
  return false;
}

async function lastEpoch({ home }: Opened, { epoch }: Evidence): Promise<number> {
  return Math.max(epoch, (await readConfiguration(home.config('quota'), quotaSchema)).epoch);
}

/** Both fields at once: a crash leaves the old file or the new one. */
async function configure(
  { home, role, place }: Opened,
  { anchor, epoch }: { readonly anchor: string; readonly epoch: number | null },
): Promise<void> {
  const path = home.config(role);
  const before = JSON.parse(await readFile(path, 'utf8')) as {
    store?: Record<string, unknown>;
    epoch?: number;
  };
  const after = {
    ...before,
    ...(place.anchor === anchor ? {} : { store: { ...(before.store ?? { kind: 'sqlite' }), anchor } }),
    // Never lower: a change that was carried out before may be given again, after a later one.
    ...(epoch === null || epoch <= Number(before.epoch) ? {} : { epoch }),
  };
  if (JSON.stringify(after) === JSON.stringify(before)) return;
  await writeFileDurably(path, `${JSON.stringify(after, null, 2)}\n`, 0o600);
}

function gather(opened: Opened, anchored: readonly JournalHead[]): Promise<Evidence> {
  return gatherEvidence({ ...opened, issuer: opened.configuration.issuer, anchored });
}

function anchorNamed({ hsms }: Opened, name: string): ReplicatedAnchor {
  return replicateAnchor(anchorsOf(hsms, name));
}

/** What one series lacks is missing in the quotas of all: then only the newest database is gone on from. */
function refuseOlder(series: string): Refusal<'store_several_series'> {
  return refuse(
    'store_several_series',
    `the ledger lacks what is known of series ${quote(series)}, or what issuance has: it is an older copy, and one with several series is not gone on from; put the newest database back`,
  );
}
