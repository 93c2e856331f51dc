/** The part of the store on PostgreSQL that reads quotas and the changes of them, and is central management's own account. */
import type { JournalHead } from '../../journal/chain.ts';
import type { QuotaPosition } from '../../quota/bucket.ts';
import { changeOf } from '../row.ts';
import type { ApprovedChange, NewAdoption, NewResolution, Store } from '../store.ts';
import { type AppendEntry, adoptQuotas, readResolvedUpTo, resolveRequests } from './central-statement.ts';
import type { Outcome } from './held-series.ts';
import { findChange, readPositions, readRecentAmounts } from './quota-statement.ts';
import type { Ask } from './session.ts';
import { appendEntry } from './statement.ts';

export abstract class QuotaPart
  implements
    Pick<
      Store,
      | 'position'
      | 'positions'
      | 'recentAmounts'
      | 'findChange'
      | 'changes'
      | 'adopt'
      | 'resolve'
      | 'resolvedUpTo'
    >
{
  /** Of the store, its number. */
  protected abstract readonly seriesNumber: number;
  protected abstract read<T>(work: (ask: Ask) => Promise<T>): Promise<T>;
  protected abstract write<T>(
    work: (ask: Ask, head: Promise<JournalHead>) => Promise<Outcome<T>>,
  ): Promise<T>;
  position(issuer: string, currency: string, nowMs: number): Promise<QuotaPosition | undefined> {
    return this.read(async (ask) => (await readPositions(ask, nowMs, [{ issuer, currency }]))[0]);
  }

  positions(nowMs: number): Promise<readonly QuotaPosition[]> {
    return this.read((ask) => readPositions(ask, nowMs));
  }

  recentAmounts(issuer: string, currency: string, most: number): Promise<readonly bigint[]> {
    return this.read((ask) => readRecentAmounts(ask, { issuer, currency }, most));
  }

  findChange(id: Uint8Array): Promise<number | undefined> {
    return this.read((ask) => findChange(ask, id));
  }

  changes(): Promise<readonly ApprovedChange[]> {
    return this.read(async (ask) => {
      const rows = await ask<{ bytes: Uint8Array }>(
        'SELECT j.bytes FROM quota_change c JOIN journal j USING (ordinal) ORDER BY c.ordinal',
      );
      return rows.map(({ bytes }) => changeOf(bytes));
    });
  }

  adopt(adoptions: readonly NewAdoption[]): Promise<boolean> {
    return this.writeEntries((ask, append) => adoptQuotas(ask, append, adoptions));
  }

  resolve(resolutions: readonly NewResolution[]): Promise<number> {
    return this.writeEntries((ask, append) => resolveRequests(ask, append, resolutions));
  }

  resolvedUpTo(): Promise<number> {
    return this.read((ask) => readResolvedUpTo(ask, this.seriesNumber));
  }

  private writeEntries<T>(work: (ask: Ask, append: AppendEntry) => Promise<T>): Promise<T> {
    return this.write(async (ask, readingHead) => {
      let head = await readingHead;
      const value = await work(ask, async (content) => {
        const appended = await appendEntry(ask, this.seriesNumber, head, content);
        head = appended.head;
        return appended.ordinal;
      });
      return { value, head };
    });
  }
}
