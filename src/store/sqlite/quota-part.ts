/** The part of the store on SQLite that reads quotas and the changes of them, and is central management's own account. */
import type { QuotaPosition } from '../../quota/bucket.ts';
import type { ApprovedChange, NewAdoption, NewResolution, Store } from '../store.ts';
import type { CentralTables } from './central-tables.ts';
import type { QuotaTables } from './quota-tables.ts';

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
  protected abstract readonly quotas: QuotaTables;
  protected abstract readonly central: CentralTables;
  /** Several reads, as one transaction. */
  protected abstract read<T>(read: () => T): Promise<T>;
  /** A read in its turn. */
  protected abstract run<T>(read: () => T): Promise<T>;
  /** A write, as one transaction. */
  protected abstract transact<T>(write: () => T): Promise<T>;

  position(issuer: string, currency: string, nowMs: number): Promise<QuotaPosition | undefined> {
    return this.read(() => this.quotas.position(issuer, currency, nowMs));
  }

  positions(nowMs: number): Promise<readonly QuotaPosition[]> {
    return this.read(() => this.quotas.positions(nowMs));
  }

  recentAmounts(issuer: string, currency: string, most: number): Promise<readonly bigint[]> {
    return this.run(() => this.quotas.recentAmounts(issuer, currency, most));
  }

  findChange(id: Uint8Array): Promise<number | undefined> {
    return this.run(() => this.quotas.findChange(id));
  }

  changes(): Promise<readonly ApprovedChange[]> {
    return this.run(() => this.central.changes());
  }

  adopt(adoptions: readonly NewAdoption[]): Promise<boolean> {
    return this.transact(() => this.central.adopt(adoptions));
  }

  resolve(resolutions: readonly NewResolution[]): Promise<number> {
    return this.transact(() => this.central.resolve(resolutions));
  }

  resolvedUpTo(): Promise<number> {
    return this.run(() => this.central.resolvedUpTo());
  }
}
