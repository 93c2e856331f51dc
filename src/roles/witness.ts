/**
 * A system as witness of the others: it holds the highest head of each journal that its owner has shown, as it was signed. Two heads
 * that no one journal has prove that their signer keeps two: both stay, and nothing of that journal is worked with from then on.
 *
 * A system has one journal, or one for each of its processes, which the appliance names: a head of any other journal is a contradiction
 * where one is held, since its owner has exchanged its database.
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
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
  /** Ids of the journals that the owner has at once, as they are named now; none where it has one. */
  readonly several?: (owner: JournalOwner) => Promise<readonly Uint8Array[]>;
}

export interface Witness {
  /** Holds the head that `owner`, an authenticated peer, shows of its own journal; gives what was held before. */
  hold(head: Uint8Array, owner: JournalOwner): Promise<Result<readonly Uint8Array[]>>;
  /** What is held of each of the owner's journals, as it was signed: the highest head, and one that contradicts it where there is one. */
  headsOf(owner: JournalOwner): readonly Uint8Array[];
  /** Refuses as `journal_forked` where heads of the owner contradict each other, and it has no other journal. */
  check(owner: JournalOwner): Result<null, 'journal_forked'>;
  /** The owner's journals whose heads contradict each other: both of each. */
  forkedOf(owner: JournalOwner): readonly JournalHeadRecord[];
  /** Reads what is held now, where other processes of this system hold heads too. */
  refresh(): Promise<void>;
  readonly held: readonly HeldHead[];
}

export async function makeWitness(dependencies: WitnessDependencies): Promise<Witness> {
  const { store, keys, clock } = dependencies;
  let held = new Map<string, HeldHead>();
  await refresh();

  async function refresh(): Promise<void> {
    const heads = await store.heldHeads();
    held = new Map(heads.map((head) => [journalKeyOf(head.record), head]));
  }

  function heldOf(owner: JournalOwner): HeldHead[] {
    return [...held.values()].filter(({ record }) => keyOf(record) === keyOf(owner));
  }

  function check(owner: JournalOwner): Result<null, 'journal_forked'> {
    const [forked] = heldOf(owner).filter(({ contradiction }) => contradiction !== null);
    const isUsable = ({ contradiction }: HeldHead): boolean => contradiction === null;
    return forked === undefined || heldOf(owner).some(isUsable) ? succeed(null) : refuseForked(forked.record);
  }

  function headsOf(owner: JournalOwner): readonly Uint8Array[] {
    return heldOf(owner).flatMap(({ signed, contradiction }) =>
      contradiction === null ? [signed] : [signed, contradiction],
    );
  }

  /** Of a system with several journals another one than these is not held, and no proof: the appliance may know more elsewhere. */
  function checkKnown(
    { role, name, journalId }: JournalHeadRecord,
    several: readonly Uint8Array[],
  ): Result<null, 'journal_unknown'> {
    if (several.length === 0 || several.some((id) => equalBytes(id, journalId))) return succeed(null);
    return refuse(
      'journal_unknown',
      `journal ${toHex(journalId)} is none of those that the appliance has for ${role} ${quote(name)}: bring appliance.json up to date here`,
    );
  }

  return {
    check,
    refresh,
    forkedOf: (owner) =>
      heldOf(owner).flatMap(({ record, contradiction }) => {
        const other = contradiction === null ? undefined : decodeJournalHead(contradiction);
        return other?.ok === true ? [record, other.value.record] : [];
      }),
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
      const several = (await dependencies.several?.(owner)) ?? [];
      const known = checkKnown(record, several);
      if (!known.ok) return known;
      const before = headsOf(owner);
      // A crash before this leaves the head held before, and the owner shows its head again; after it, this one.
      const { standing, held: now } = await store.holdHead(bytes, clock.nowMs(), several);
      held.set(journalKeyOf(now.record), now);
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

function journalKeyOf(head: JournalHeadRecord): string {
  return `${keyOf(head)}/${toHex(head.journalId)}`;
}

function refuseForked({ role, name }: JournalOwner): Refusal<'journal_forked'> {
  return refuse(
    'journal_forked',
    `${role} ${quote(name)} has signed two journal heads that no one journal has: nothing of it is worked with until an operator has resolved it (docs/OPERATIONS.md, Witnesses)`,
  );
}
