/**
 * A system as witness of the others: it holds the highest head of each journal that its owner has shown, as it was signed. Two heads
 * that no one journal has prove that their signer keeps two: both stay, and nothing of that system is worked with from then on.
 */
import type { Clock } from '../kit/clock.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeJournalHead, type JournalHeadRecord } from '../records/journal-head.ts';
import type { KeyRing } from '../records/key-ring.ts';
import type { HeldHead, Store } from '../store/store.ts';

/** Whose journal it is. */
export type JournalOwner = Pick<JournalHeadRecord, 'role' | 'name'>;

export interface WitnessDependencies {
  readonly store: Store;
  readonly keys: KeyRing;
  readonly clock: Clock;
}

export interface Witness {
  /** Holds the head that `owner`, an authenticated peer, shows of its own journal; gives what was held before. */
  hold(head: Uint8Array, owner: JournalOwner): Promise<Result<readonly Uint8Array[]>>;
  /** What is held of the owner's journal, as it was signed: the highest head, and one that contradicts it where there is one. */
  headsOf(owner: JournalOwner): readonly Uint8Array[];
  /** Refuses as `journal_forked` where the owner's heads contradict each other. */
  check(owner: JournalOwner): Result<null, 'journal_forked'>;
  readonly held: readonly HeldHead[];
}

export async function makeWitness({ store, keys, clock }: WitnessDependencies): Promise<Witness> {
  const held = new Map<string, HeldHead>();
  for (const head of await store.heldHeads()) held.set(keyOf(head.record), head);

  function check(owner: JournalOwner): Result<null, 'journal_forked'> {
    const known = held.get(keyOf(owner));
    return known === undefined || known.contradiction === null ? succeed(null) : refuseForked(known.record);
  }

  function headsOf(owner: JournalOwner): readonly Uint8Array[] {
    const known = held.get(keyOf(owner));
    if (known === undefined) return [];
    return known.contradiction === null ? [known.signed] : [known.signed, known.contradiction];
  }

  return {
    check,
    async hold(bytes, owner) {
      const decoded = decodeJournalHead(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      if (keyOf(record) !== keyOf(owner))
        return refuse(
          'head_foreign',
          `the head is of the journal of ${record.role} ${quote(record.name)}: ${owner.role} ${quote(owner.name)} may show its own only`,
        );
      const moments = { madeAt: record.issuedAt, seenAt: clock.nowSeconds() };
      const verified = keys.verify(decoded.value, owner, moments);
      if (!verified.ok) return verified;
      const before = headsOf(owner);
      // A crash before this leaves the head held before, and the owner shows its head again; after it, this one.
      const { standing, held: now } = await store.holdHead(bytes, clock.nowMs());
      held.set(keyOf(owner), now);
      switch (standing) {
        case 'held':
          return succeed(before);
        case 'behind':
          return refuse(
            'journal_behind_witness',
            `head ${record.sequence} was shown, where head ${now.record.sequence} of the same journal is held: the database that it comes from is an older copy`,
          );
        case 'forked':
          return refuseForked(now.record);
      }
    },
    headsOf,
    get held() {
      return [...held.values()];
    },
  };
}

function keyOf({ role, name }: JournalOwner): string {
  return `${role}/${name}`;
}

function refuseForked({ role, name }: JournalOwner): Refusal<'journal_forked'> {
  return refuse(
    'journal_forked',
    `${role} ${quote(name)} has signed two journal heads that no one journal has: nothing of it is worked with until an operator has resolved it (docs/OPERATIONS.md, Witnesses)`,
  );
}
