/**
 * Central management's own account made anew from the first allocation on: whether each credential fitted when it was granted, and whether
 * what was freed of one was freed by issuance's word, once.
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { type CentralEvent, type CentralSums, followEvent } from '../quota/central-account.ts';
import { accountName, isCountedAnew, writeOffEvent } from '../quota/history.ts';
import { type TermsAction, termsActionsOf } from '../records/quota-change.ts';
import { encodeTerms, type QuotaTerms } from '../records/quota-terms.ts';
import { checkChangeEntry } from './change-entry-check.ts';
import type {
  AdoptionEntry,
  AllocationEntry,
  ChangeEntry,
  IntentEntry,
  ResolutionEntry,
  ReturnEntry,
} from './entry.ts';
import type { FindingCode } from './finding.ts';
import type { ReplayedAccount } from './quota-replay.ts';
import { type AuditContext, report, type System } from './system.ts';

interface Account extends CentralSums {
  /** Of the entry that began it. */
  readonly sequence: number;
  readonly first: QuotaTerms;
  readonly isAdopted: boolean;
  readonly version: number;
  readonly terms: QuotaTerms;
}

export class AccountReplay {
  private readonly context: AuditContext;
  private readonly system: System;
  private readonly accounts = new Map<string, Account>();
  private readonly changes = new Set<string>();
  /** Requests, by id in hex: of most there is no resolution. */
  private readonly resolved = new Set<string>();
  /** Quotas are allocated before anything else. */
  private isOpen = true;

  constructor(context: AuditContext, system: System) {
    this.context = context;
    this.system = system;
  }

  allocate({ account: name, terms, sequence }: AllocationEntry): void {
    if (!this.isOpen || this.accounts.has(name)) this.findUnapproved(sequence, name);
    this.begin(name, { sequence, terms, version: 1, isAdopted: false });
  }

  adopt({ account: name, terms, version, counted, sequence }: AdoptionEntry): void {
    // What came before it was granted without an account: from the first one on there is one.
    if ([...this.accounts.values()].some(({ isAdopted }) => !isAdopted) || this.accounts.has(name))
      this.findUnapproved(sequence, name);
    this.begin(name, { sequence, terms, version, isAdopted: true });
    this.apply(name, sequence, { kind: 'counted', amount: counted });
  }

  private begin(
    name: string,
    { terms, ...rest }: Pick<Account, 'sequence' | 'terms' | 'version' | 'isAdopted'>,
  ): void {
    if (this.accounts.has(name)) return;
    this.accounts.set(name, { ...rest, terms, first: terms, issued: 0n, voided: 0n, returned: 0n });
  }

  /** A credential, as its entry counts it. */
  approve({ sequence, issuer, approves }: IntentEntry): void {
    this.isOpen = false;
    if (approves === null) {
      if (this.accounts.size > 0)
        this.find(
          sequence,
          'account_mismatch',
          'a credential that counts nothing in the account',
          'the sum that it approves, from the first account on',
        );
      return;
    }
    const name = accountName(issuer, approves.currency);
    const account = this.accounts.get(name);
    if (account === undefined) {
      this.find(sequence, 'quota_missing', `it approves of a quota ${name}`, 'a quota in its account');
      return;
    }
    if (account.terms.frozen)
      this.find(sequence, 'quota_frozen', `it approves of ${name}, which is frozen`, 'nothing while it is');
    const available = account.terms.allocated - account.issued + account.voided + account.returned;
    if (approves.amount > available)
      this.find(
        sequence,
        'account_exceeded',
        `${approves.amount} minor units of ${name} are approved, where ${available} were left`,
        'at most what was left in its own account',
      );
    this.accounts.set(name, { ...account, issued: account.issued + approves.amount });
  }

  /** That it follows from issuance's word, the check of the request looks at; here that it is one. */
  resolve({ id, sequence, issuer, currency, freed }: ResolutionEntry): void {
    const name = accountName(issuer, currency);
    const request = toHex(id);
    if (this.resolved.has(request))
      this.find(sequence, 'entry_repeated', `request ${request} was resolved before`, 'each request once');
    this.resolved.add(request);
    this.apply(name, sequence, { kind: 'freed', amount: freed });
  }

  /** A settlement that it has followed; that it is one of quota control's is looked at with those. */
  settle({ sequence, issuer, settles }: IntentEntry): void {
    if (settles === null) return;
    const name = accountName(issuer, settles.currency);
    const account = this.accounts.get(name);
    if (settles.returned > 0n && account?.terms.returns === false)
      this.find(
        sequence,
        'returned_mismatch',
        `what is retired of ${name} comes back`,
        'nothing, by the terms of the quota',
      );
    const total = (account?.returned ?? 0n) + settles.returned;
    this.apply(name, sequence, { kind: 'returned', total });
  }

  bringBack({ account: name, total, sequence }: ReturnEntry): void {
    const before = this.accounts.get(name);
    if (before !== undefined && total <= before.returned)
      this.find(
        sequence,
        'account_mismatch',
        `${total} minor units of ${name} came back, where ${before.returned} had`,
        'more than before',
      );
    // Of a quota that was taken over it is what came back before, by whatever terms.
    if (before !== undefined && !before.isAdopted && !before.terms.returns)
      this.find(
        sequence,
        'returned_mismatch',
        `what is retired of ${name} comes back`,
        'nothing, by the terms of the quota',
      );
    this.apply(name, sequence, { kind: 'returned', total });
  }

  change(entry: ChangeEntry): void {
    const { sequence } = entry;
    this.isOpen = false;
    // Of its own ledger's anchor the approvals are looked at with the anchor.
    const checked = checkChangeEntry(
      this.context,
      this.system,
      entry,
      this.changes,
      (of) => of.kind === 'anchor' && of.role === 'central',
    );
    if (checked === undefined) return;
    const { action } = checked.change;
    if (action.kind === 'start')
      this.find(sequence, 'change_invalid', 'a start', 'changes of quotas, which its account follows');
    for (const one of termsActionsOf(action)) {
      const name = accountName(one.issuer, one.currency);
      const account = this.accounts.get(name);
      if (account === undefined || account.version !== one.version) {
        this.find(
          sequence,
          'change_invalid',
          `it starts from version ${one.version} of ${name}, which is at version ${account?.version ?? 0}`,
          'a change that fits the quota as it was',
        );
        continue;
      }
      if (action.kind === 'anchor')
        this.apply(name, sequence, writeOffEvent(action, account.terms, one.terms));
      if (checked.approved && !isCountedAnew('central', action)) this.changeTerms(name, one, sequence);
    }
  }

  private changeTerms(name: string, { terms, version }: TermsAction, sequence: number): void {
    const account = this.accounts.get(name);
    if (account === undefined) return;
    const { issued, voided, returned } = account;
    if (issued - voided - returned > terms.allocated)
      this.find(
        sequence,
        'change_invalid',
        `it allocates ${terms.allocated} to ${name}, of which ${issued - voided - returned} are approved`,
        'as much as is approved, at least',
      );
    this.accounts.set(name, { ...account, terms, version: version + 1 });
  }

  private apply(name: string, sequence: number, event: CentralEvent): void {
    const account = this.accounts.get(name);
    if (account === undefined) {
      this.find(sequence, 'quota_missing', `it is of a quota ${name}`, 'a quota in its account');
      return;
    }
    const after = followEvent(account, event);
    this.accounts.set(name, after);
    if (after.voided > after.issued)
      this.find(
        sequence,
        'account_mismatch',
        `${after.voided} minor units of ${name} are void, where ${after.issued} were approved`,
        'at most what was approved',
      );
  }

  /** Against quota control's journal: its account begins with the same terms, follows the same changes, and counts no more than came back. */
  finish(quotas: readonly ReplayedAccount[]): void {
    for (const quota of quotas) {
      const name = accountName(quota.issuer, quota.currency);
      const account = this.accounts.get(name);
      // Made before there was an account, and not served since.
      if (account === undefined) continue;
      const { sequence } = account;
      if (!account.isAdopted && account.first.allocated !== quota.first)
        this.find(
          sequence,
          'account_mismatch',
          `${account.first.allocated} minor units are allocated to ${name} at first`,
          `${quota.first}, as in the journal of quota control`,
        );
      if (account.version === quota.version && !sameTerms(account.terms, quota.terms))
        this.find(
          sequence,
          'account_mismatch',
          `in version ${account.version} ${name} has other terms than at quota control`,
          'the same, since both follow the same changes',
        );
      if (account.returned > quota.returned)
        this.find(
          sequence,
          'account_mismatch',
          `${account.returned} minor units of ${name} came back`,
          `at most ${quota.returned}, as in the journal of quota control`,
        );
    }
  }

  private findUnapproved(sequence: number, name: string): void {
    this.find(
      sequence,
      'allocation_unapproved',
      `a quota ${name} is taken into the account with nobody's approval, after the system was made`,
      'allocations when the system is made, and changes that two people approve from then on',
    );
  }

  private find(sequence: number, code: FindingCode, found: string, expected: string): void {
    report(this.context, this.system, sequence, code, found, expected);
  }
}

function sameTerms(a: QuotaTerms, b: QuotaTerms): boolean {
  return equalBytes(encodeCbor(encodeTerms(a)), encodeCbor(encodeTerms(b)));
}
