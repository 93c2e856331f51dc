/** An anchor in memory, as strict as a device: for tests that are about what is done with an anchor. */
import type { Anchor } from '../../src/journal/anchor.ts';
import type { JournalHead } from '../../src/journal/chain.ts';

export interface MemoryAnchor extends Anchor {
  head: JournalHead | undefined;
  /** Thrown by every call while it is set; `afterwards` lets an advance arrive first. */
  failure: { readonly error: Error; readonly afterwards: boolean } | undefined;
  advances: number;
}

export function makeMemoryAnchor(head?: JournalHead): MemoryAnchor {
  const isSame = (a: JournalHead | undefined, b: JournalHead | undefined): boolean =>
    a?.sequence === b?.sequence && Buffer.compare(a?.hash ?? Buffer.of(), b?.hash ?? Buffer.of()) === 0;
  return {
    head,
    failure: undefined,
    advances: 0,
    async read() {
      if (this.failure !== undefined) throw this.failure.error;
      return this.head;
    },
    async advance(from, to) {
      if (this.failure?.afterwards === false) throw this.failure.error;
      if (!isSame(this.head, to)) {
        if (!isSame(this.head, from)) throw Object.assign(new Error('moved'), { code: 'anchor_moved' });
        if (from !== undefined && to.sequence <= from.sequence) throw new RangeError('an anchor goes up');
        this.head = to;
        this.advances++;
      }
      if (this.failure !== undefined) throw this.failure.error;
    },
  };
}
