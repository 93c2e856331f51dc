/** The part of the store on SQLite that is central management's own account, and the changes that it follows. */
import type { ApprovedChange, NewAdoption, NewResolution, NewReturn, Store } from '../store.ts';
import type { CentralTables } from './central-tables.ts';

export abstract class CentralPart
  implements Pick<Store, 'changes' | 'adopt' | 'resolve' | 'resolvedUpTo' | 'bringBack'>
{
  protected abstract readonly central: CentralTables;
  /** A read in its turn. */
  protected abstract run<T>(read: () => T): Promise<T>;
  /** A write, as one transaction. */
  protected abstract transact<T>(write: () => T): Promise<T>;

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

  bringBack(returned: NewReturn): Promise<void> {
    return this.transact(() => this.central.bringBack(returned));
  }
}
