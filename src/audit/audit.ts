/**
 * The audit: rebuilds everything from the ledgers of the three systems and trusts none of them. It reads each extract twice: once from the
 * front to the end, journal by journal, and once request by request, where what the three have of it is held against each other.
 *
 * Memory goes by the number of requests and orders, some hundred bytes each, and not by units or records.
 */
import type { Extract, PlacedEntry } from '../journal/extract.ts';
import { toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { isoTime } from '../records/key-ring.ts';
import type { VerifySignature } from '../records/signature.ts';
import { AccountReplay } from './account-replay.ts';
import { checkAnchorChange } from './anchor-change-check.ts';
import { ContradictionCheck } from './contradiction-check.ts';
import type { Entry, IntentEntry } from './entry.ts';
import { Findings } from './finding.ts';
import { FollowedCheck } from './followed-check.ts';
import { checkForeign, collectHeld, type KnownEntry } from './heads.ts';
import { IdTable } from './id-table.ts';
import { type JournalEnd, readJournals } from './journal-pass.ts';
import { QuotaReplay, type ReplayedAccount } from './quota-replay.ts';
import { orderIdsOf } from './request-case.ts';
import { checkRequest } from './request-check.ts';
import { RequestIndex } from './request-index.ts';
import { checkReservation, InstructionCheck } from './reservation-check.ts';
import { type NumberRun, Serials } from './serials.ts';
import { SettlementCheck } from './settlement-check.ts';
import { type AuditContext, report, type System } from './system.ts';
import { type DaySums, Totals } from './totals.ts';
import type { AuditTrust } from './trust.ts';
import { Unfinished } from './unfinished.ts';

export interface AuditOptions {
  /** One of central management, one of quota control, and one of each issuer's issuance. */
  readonly extracts: readonly Extract[];
  readonly trust: AuditTrust;
  readonly verifySignature: VerifySignature;
  /** What the auditor kept of earlier audits. */
  readonly kept: readonly KnownEntry[];
  readonly atRest: boolean;
  /** How far apart the extracts may have been made, seconds. */
  readonly apartSeconds: number;
  readonly progress: (phase: 'journals' | 'requests', done: number, all: number) => void;
}

export interface Audited {
  readonly findings: Findings;
  readonly unfinished: Unfinished;
  readonly systems: readonly { readonly system: System; readonly entries: number }[];
  readonly journals: readonly JournalEnd[];
  readonly accounts: readonly ReplayedAccount[];
  readonly days: readonly DaySums[];
  readonly requests: number;
  /** Numbers of control bits that no control bit has: unused, or hidden. */
  readonly missing: { readonly count: number; readonly runs: readonly NumberRun[] };
  /** Control bits whose credential quota control did not keep: central management's signature cannot be seen. */
  readonly unproven: number;
}

const missingRuns = 100;
/** Between two calls of `progress`. */
const progressEvery = 1_000;

/** Throws ExtractError where an extract is not whole. */
export function audit(options: AuditOptions): Result<Audited, 'ledger_missing' | 'ledger_repeated'> {
  const systems = readSystems(options.extracts);
  if (!systems.ok) return systems;
  const { bundles, keys } = options.trust;
  const { verifySignature, atRest } = options;
  const findings = new Findings();
  const context = { systems: systems.value, keys, bundles, verifySignature, atRest, findings };
  checkMoments(context, options.apartSeconds);
  const known = [...options.kept, ...collectHeld(context)];
  checkForeign(context, known);

  const totals = new Totals();
  const unfinished = new Unfinished();
  const pass = new FirstPass(context, { totals, unfinished, progress: options.progress });
  for (const system of context.systems) pass.read(system, known);
  const credentials = new IdTable(0);
  const { index, provenFrom } = pass;
  for (let row = 0; row < index.size; row++) {
    checkRequest(context, row, { index, totals, unfinished, credentials, provenFrom });
    if (row % progressEvery === 0) options.progress('requests', row, index.size);
  }
  options.progress('requests', index.size, index.size);
  return succeed({
    findings,
    unfinished,
    systems: pass.counted,
    journals: pass.ends,
    accounts: pass.accounts,
    days: totals.all(),
    requests: index.size,
    missing: pass.serials.missing(missingRuns),
    unproven: pass.unproven,
  });
}

const roleOrder = ['issuance', 'central', 'quota'] as const;

function readSystems(
  extracts: readonly Extract[],
): Result<readonly System[], 'ledger_missing' | 'ledger_repeated'> {
  const sorted = [...extracts].sort(
    ({ header: a }, { header: b }) =>
      roleOrder.indexOf(a.role) - roleOrder.indexOf(b.role) || (a.name < b.name ? -1 : 1),
  );
  const systems = sorted.map((extract, index): System => {
    const { role, name, madeMs } = extract.header;
    return { index, role, name, label: role === 'issuance' ? `${role} ${name}` : role, extract, madeMs };
  });
  for (const role of roleOrder) {
    const found = systems.filter((system) => system.role === role);
    if (found.length === 0)
      return refuse(
        'ledger_missing',
        `no extract of ${role} is given: one of central management, one of quota control and one of each issuer's issuance are accepted`,
      );
    const names = new Set(found.map(({ name }) => name));
    if (names.size < found.length || (role !== 'issuance' && (found.length > 1 || !names.has(role))))
      return refuse(
        'ledger_repeated',
        `two extracts of ${role} are given, or one of another name: one of each system is accepted`,
      );
  }
  return succeed(systems);
}

/** An extract that was made long before the others leaves much that cannot be held against it. */
function checkMoments(context: AuditContext, apartSeconds: number): void {
  if (context.atRest) return;
  const newest = Math.max(...context.systems.map(({ madeMs }) => madeMs));
  for (const system of context.systems) {
    if (newest - system.madeMs <= apartSeconds * 1000) continue;
    report(
      context,
      system,
      null,
      'extracts_apart',
      `its extract is of ${isoTime(Math.floor(system.madeMs / 1000))}, and another of ${isoTime(Math.floor(newest / 1000))}`,
      `extracts that are made within ${apartSeconds} seconds`,
    );
  }
}

/** What follows one system's journal. */
interface Follow {
  readonly instructions: InstructionCheck;
  readonly replay: QuotaReplay;
  readonly orders: IdTable;
  readonly contradictions: ContradictionCheck;
}

/** All journals, each from its front to its end. */
class FirstPass {
  readonly index = new RequestIndex();
  readonly serials = new Serials();
  readonly ends: JournalEnd[] = [];
  readonly counted: { readonly system: System; readonly entries: number }[] = [];
  accounts: readonly ReplayedAccount[] = [];
  provenFrom = Number.POSITIVE_INFINITY;
  unproven = 0;
  private account: AccountReplay | undefined;
  private readonly spent = new IdTable(0);
  private readonly missingIssuers = new Set<string>();
  private readonly context: AuditContext;
  private readonly progress: AuditOptions['progress'];
  private readonly settlements: SettlementCheck;
  private readonly followed: FollowedCheck;
  private readonly unfinished: Unfinished;

  constructor(
    context: AuditContext,
    {
      totals,
      unfinished,
      progress,
    }: { totals: Totals; unfinished: Unfinished; progress: AuditOptions['progress'] },
  ) {
    this.context = context;
    this.progress = progress;
    this.unfinished = unfinished;
    this.followed = new FollowedCheck(context);
    this.settlements = new SettlementCheck(context, { index: this.index, totals, unfinished });
  }

  read(system: System, known: readonly KnownEntry[]): void {
    const replay = new QuotaReplay(this.context, system);
    if (system.role === 'central') this.account = new AccountReplay(this.context, system);
    const contradictions = new ContradictionCheck(this.context, system);
    const orders = new IdTable(0);
    const instructions = new InstructionCheck(this.context);
    const { size } = system.extract;
    let entries = 0;
    const ends = readJournals(this.context, system, known, (entry, placed, journals) => {
      if (entries++ % progressEvery === 0) this.progress('journals', placed.offset, size);
      if (entry.kind === 'quota-change') checkAnchorChange(this.context, system, entry, placed, journals);
      this.take(system, entry, placed, { replay, orders, contradictions, instructions });
    });
    this.ends.push(...ends);
    this.counted.push({ system, entries: ends.reduce((sum, { sequence }) => sum + sequence, 0) });
    if (system.role !== 'quota') return;
    // It is the last one that is read.
    this.accounts = replay.accounts();
    this.account?.finish(this.accounts);
    this.followed.finish();
  }

  private take(
    system: System,
    entry: Entry,
    { offset, ordinal }: PlacedEntry,
    { replay, orders, contradictions, instructions }: Follow,
  ): void {
    switch (entry.kind) {
      case 'allocation':
        if (system.role === 'central') this.account?.allocate(entry);
        else replay.allocate(entry);
        return;
      case 'quota-change':
        // Of issuance it is an anchor that was set anew, or a release, and nothing of a quota.
        if (system.role === 'quota') replay.change(entry, ordinal);
        else if (system.role === 'central') this.account?.change(entry);
        else contradictions.release(entry);
        return;
      case 'adoption':
        this.account?.adopt(entry);
        return;
      case 'return':
        this.account?.bringBack(entry);
        return;
      case 'resolution':
        this.account?.resolve(entry);
        this.index.add(entry.id, 'resolution', { system: system.index, offset });
        return;
      case 'stop':
        if (system.role === 'quota') replay.stopIssuing(entry, ordinal);
        else contradictions.find(entry, ordinal);
        return;
      case 'reservation-end':
        replay.endReservation(entry);
        return;
      case 'reservation':
      case 'release':
        if (system.role === 'quota') {
          replay.reserve(entry);
          checkReservation(this.context, system, entry, offset, this.unfinished);
        } else instructions.check(system, entry, offset);
        this.checkIssuer(system, entry);
        return;
      case 'retirement':
      case 'transfer':
        if (system.role === 'central') {
          this.account?.settle(entry);
          this.followed.follow(system, entry, offset);
        } else {
          replay.settle(entry);
          this.settlements.check(system, entry, offset);
          this.followed.settle(system, entry, offset);
        }
        this.checkIssuer(system, entry);
        return;
      default:
    }
    const part = system.role === 'issuance' && entry.kind === 'denial' ? 'kept-denial' : entry.kind;
    const { row, isNew } = this.index.add(entry.id, part, { system: system.index, offset });
    if (!isNew)
      this.find(
        system,
        entry,
        'entry_repeated',
        `a ${entry.kind} of request ${toHex(entry.id)} is there already`,
      );
    this.checkIssuer(system, entry);
    if (entry.kind === 'credential') this.account?.approve(entry);
    if (entry.kind === 'control-bit') {
      replay.take(entry, ordinal);
      if (isNew) this.settlements.know(entry, row);
      this.takeControlBit(system, entry, ordinal);
    }
    for (const order of orderIdsOf(entry.orders))
      if (!orders.add(order).isNew)
        this.find(
          system,
          entry,
          'order_repeated',
          `order ${toHex(order)} is in a request already: it could be issued twice`,
        );
  }

  private takeControlBit(system: System, entry: IntentEntry, ordinal: number): void {
    if (entry.context.length > 0) this.provenFrom = Math.min(this.provenFrom, ordinal);
    else this.unproven++;
    if (entry.spends !== null && !this.spent.add(entry.spends).isNew)
      this.find(
        system,
        entry,
        'credential_repeated',
        `the credential ${toHex(entry.spends)} was used up before`,
      );
    if (entry.serial !== null && !this.serials.add(entry.serial.epoch, entry.serial.number))
      this.find(
        system,
        entry,
        'serial_repeated',
        `number ${entry.serial.number} of epoch ${entry.serial.epoch} was used before`,
      );
  }

  /** An issuer whose own ledger was not given is found once. */
  private checkIssuer(system: System, { issuer }: IntentEntry): void {
    if (system.role === 'issuance' || this.missingIssuers.has(issuer)) return;
    if (this.context.systems.some(({ role, name }) => role === 'issuance' && name === issuer)) return;
    this.missingIssuers.add(issuer);
    report(
      this.context,
      system,
      null,
      'ledger_missing',
      `it has entries of issuer \`${issuer}\`, whose issuance's extract is not given`,
      "an extract of each issuer's issuance",
    );
  }

  private find(
    system: System,
    { sequence }: IntentEntry,
    code: 'entry_repeated' | 'order_repeated' | 'credential_repeated' | 'serial_repeated',
    found: string,
  ): void {
    report(this.context, system, sequence, code, found, 'each once');
  }
}
