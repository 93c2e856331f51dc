/** The part of the store on PostgreSQL that is central management's own account, and the changes that it follows. */
import type { EntryContent, JournalHead } from '../../journal/chain.ts';
import { changeOf } from '../row.ts';
import type { ApprovedChange, NewAdoption, NewResolution, NewReturn, Store } from '../store.ts';
import {
  type AppendEntry,
  adoptQuotas,
  bringBack,
  readResolvedUpTo,
  resolveRequests,
} from './central-statement.ts';
import type { Outcome } from './held-series.ts';
import type { Ask } from './session.ts';

export abstract class CentralPart
  implements Pick<Store, 'changes' | 'adopt' | 'resolve' | 'resolvedUpTo' | 'bringBack'>
{
  /** Of the store, its number. */
  protected abstract readonly seriesNumber: number;
  protected abstract read<T>(work: (ask: Ask) => Promise<T>): Promise<T>;
  protected abstract write<T>(
    work: (ask: Ask, head: Promise<JournalHead>) => Promise<Outcome<T>>,
  ): Promise<T>;
  /** Appends an entry that is of no intent; gives its number in the order of all series as well. */
  protected abstract append(
    ask: Ask,
    head: JournalHead,
    content: Omit<EntryContent, 'sequence'>,
  ): Promise<{ head: JournalHead; ordinal: number }>;

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

  bringBack(returned: NewReturn): Promise<void> {
    return this.writeEntries((ask, append) => bringBack(ask, append, returned));
  }

  private writeEntries<T>(work: (ask: Ask, append: AppendEntry) => Promise<T>): Promise<T> {
    return this.write(async (ask, readingHead) => {
      let head = await readingHead;
      const value = await work(ask, async (content) => {
        const appended = await this.append(ask, head, content);
        head = appended.head;
        return appended.ordinal;
      });
      return { value, head };
    });
  }
}
