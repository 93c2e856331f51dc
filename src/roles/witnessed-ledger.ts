/**
 * A ledger whose journal the other systems witness: nothing is committed or signed before a witness was asked what it holds of this
 * journal, and each head is shown to them soon after it moved.
 *
 * INVARIANT: a database that lacks an entry which a witness that answers holds signs nothing. What no witness has taken when a machine
 * is lost is at most what was signed in the last `overdueMs`; the anchor is what covers that, where only the database is put back.
 */
import type { Signer } from '../../hsm/signer.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import type { Refusal, Result } from '../kit/result.ts';
import { attachSignature } from '../records/cose.ts';
import { encodeJournalHead, type JournalHeadRecord } from '../records/journal-head.ts';
import type { KeyRing } from '../records/key-ring.ts';
import type { Committed } from '../store/store.ts';
import { makeHeadShowing, type ShowingPolicy, type WitnessPeer } from './head-showing.ts';
import type { Ledger } from './ledger.ts';
import { checkShownHead, type ShownHeadCode } from './shown-head.ts';
import type { JournalOwner } from './witness.ts';
import { WitnessError } from './witness-error.ts';
import { makeWitnessGate } from './witness-gate.ts';

export interface WitnessPolicy extends ShowingPolicy {
  /** Between two rounds of questions, until each witness has answered. */
  readonly askEveryMs: number;
  /** How long a caller waits for the first answer before it is refused. */
  readonly patienceMs: number;
}

export const witnessPolicy: WitnessPolicy = {
  quietMs: 100,
  everyMs: 1_000,
  overdueMs: 10_000,
  askEveryMs: 250,
  patienceMs: 2_000,
};

export interface WitnessedDependencies {
  readonly ledger: Ledger;
  readonly owner: JournalOwner;
  /** Of the control bits, where the system numbers any. */
  readonly epoch: number | null;
  readonly witnesses: readonly WitnessPeer[];
  readonly signer: Signer;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly policy: WitnessPolicy;
  /** Lines for the log. */
  readonly report: (line: string) => void;
}

/** How it stands with the witnesses. */
export interface WitnessStanding {
  readonly state: 'asking' | 'open' | 'overdue' | 'halted';
  readonly witnesses: readonly {
    readonly role: JournalHeadRecord['role'];
    /** Whether it has told what it holds since this system was started. */
    readonly answered: boolean;
    /** The last head that it took since then. */
    readonly taken: number | null;
    /** Why the last call came to nothing; `null` where it did not. */
    readonly problem: string | null;
  }[];
}

export interface WitnessedLedger {
  readonly ledger: Ledger;
  /** Asks the witnesses once; gives whether one has answered. Throws what a witness has proven of this journal. */
  ask(): Promise<boolean>;
  /** Holds a head that someone has kept against the journal; what it proves halts the system, as if a witness had shown it. */
  check(head: Uint8Array): Promise<Result<null>>;
  /** From now on asks those that have not answered, and shows them the heads. */
  start(): void;
  readonly opened: Promise<void>;
  readonly halted: Promise<WitnessError>;
  readonly standing: WitnessStanding;
  /** Shows the last head, and ends. */
  close(): Promise<void>;
}

export function makeWitnessedLedger(dependencies: WitnessedDependencies): WitnessedLedger {
  const { ledger, owner, witnesses, signer, keys, clock, policy, report } = dependencies;
  const { store } = ledger;
  const gate = makeWitnessGate(
    `${owner.role} signs nothing before another system has told which journal head it holds: start the others (\`ringmint up\`), then send the same again`,
    policy.patienceMs,
  );
  const answered = new Set<WitnessPeer>();
  const problems = new Map<WitnessPeer, string>();
  let state: WitnessStanding['state'] = 'asking';
  let proven: WitnessError | undefined;
  let ended = false;
  let asking: Promise<unknown> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let signed: { readonly sequence: number; readonly bytes: Uint8Array } | undefined;

  const showing = makeHeadShowing({
    witnesses,
    sign: signHead,
    policy,
    async refused(witness, { code, message }) {
      problems.set(witness, `${message} [${code}]`);
      // It says that it holds another one: what it shows is what counts, not what it says.
      if (code === 'journal_behind_witness' || code === 'journal_forked') await askOne(witness);
    },
    overdue() {
      if (state !== 'open') return;
      state = 'overdue';
      gate.close(
        `no other system has taken a journal head of ${owner.role} for ${policy.overdueMs / 1000} seconds: start the others, or find out what keeps them from it (\`ringmint status\`), then send the same again`,
      );
    },
    async witnessed(witness, before) {
      problems.delete(witness);
      // A second system with this key, on another copy of the database, shows its heads too.
      if (!(await checkShown(witness, before)) || state !== 'overdue') return;
      state = 'open';
      gate.open();
    },
    report: (line) => report(`${owner.role} ${line}`),
  });

  function halt(error: WitnessError): void {
    proven ??= error;
    state = 'halted';
    clearTimeout(timer);
    showing.stop();
    gate.halt(error);
  }

  /** Gives whether the witness has told what it holds, and that is of this journal. */
  async function askOne(witness: WitnessPeer): Promise<boolean> {
    const heads = await witness.heads();
    if (!heads.ok) {
      problems.set(witness, `${heads.message} [${heads.code}]`);
      return false;
    }
    return checkShown(witness, heads.value);
  }

  /** Halts at what proves that this journal is not the newest, or not the only one. What proves nothing is as no answer. */
  async function checkShown(witness: WitnessPeer, heads: readonly Uint8Array[]): Promise<boolean> {
    for (const head of heads) {
      const checked = await checkShownHead(head, { owner, keys, store });
      // The process whose journal it is finds that too, and is halted; this one has nothing to do with it.
      if (checked.ok || checked.code === 'series_forked') continue;
      const { code, message } = checked;
      problems.set(witness, `it shows what is no head of this journal: ${message} [${code}]`);
      haltBy(checked, witness.role);
      return false;
    }
    problems.delete(witness);
    return true;
  }

  function haltBy({ code, message }: Refusal<ShownHeadCode>, who: string): void {
    if (code !== 'journal_behind_witness' && code !== 'journal_forked') return;
    const text = `${who} holds proof against the journal of ${owner.role}: ${message}; docs/OPERATIONS.md has what to do (Witnesses)`;
    halt(new WitnessError(code, text));
  }

  async function ask(): Promise<boolean> {
    await Promise.all(
      witnesses.map(async (witness) => {
        if (!answered.has(witness) && (await askOne(witness))) answered.add(witness);
      }),
    );
    if (proven !== undefined) throw proven;
    // Only now: an answer that allows it does not outrun one of the same round that forbids it.
    if (state === 'asking' && answered.size > 0) {
      state = 'open';
      gate.open();
    }
    return gate.isOpen;
  }

  function askOn(): void {
    if (ended || state === 'halted') return;
    asking = ask()
      .catch((error: unknown) => {
        // What a witness has proven is told by the gate.
        if (error !== proven) report(`${owner.role} cannot ask its witnesses: ${String(error)}`);
      })
      .then(() => {
        if (!ended && state !== 'halted' && answered.size < witnesses.length)
          timer = setTimeout(askOn, policy.askEveryMs);
      });
  }

  /** One signature a head: a witness that comes later is shown the same bytes. */
  async function signHead(): Promise<{ readonly sequence: number; readonly bytes: Uint8Array }> {
    const { sequence, hash } = await store.head();
    if (signed?.sequence === sequence) return signed;
    const journalId = await store.journalId();
    const { keyId } = signer.publicKey;
    const { epoch } = dependencies;
    const head = { ...owner, issuedAt: clock.nowSeconds(), journalId, epoch, sequence, hash };
    const toBeSigned = encodeJournalHead(head, keyId);
    const request = { purpose: 'journal-head', intent: toHex(journalId), keyId };
    signed = { sequence, bytes: attachSignature(toBeSigned, await signer.sign(toBeSigned, request)) };
    return signed;
  }

  return {
    ledger: {
      store,
      async commit(intents) {
        await gate.pass();
        const committed = await ledger.commit(intents);
        for (const one of committed as readonly Committed[])
          if (one.ok && one.value.created) showing.moved(one.value.intent.sequence);
        return committed;
      },
      async anchored(sequence) {
        await gate.pass();
        await ledger.anchored(sequence);
      },
      // Not held up: a stop is taken whoever witnesses it.
      async follow() {
        showing.moved((await store.head()).sequence);
        await ledger.follow();
      },
      record: (one) => ledger.record(one),
    },
    ask,
    async check(head) {
      const checked = await checkShownHead(head, { owner, keys, store });
      if (checked.ok) return checked;
      if (checked.code === 'series_forked') return { ...checked, code: 'journal_forked' };
      haltBy(checked, 'an operator');
      return checked;
    },
    start() {
      askOn();
      // The head of the start is shown too: with the key of today, and in case a crash came before it was shown.
      void gate.opened.then(() => {
        if (!ended) showing.moved(0);
      });
    },
    opened: gate.opened,
    halted: gate.halted,
    get standing() {
      return {
        state,
        witnesses: witnesses.map((witness) => ({
          role: witness.role,
          answered: answered.has(witness),
          taken: showing.taken(witness),
          problem: problems.get(witness) ?? null,
        })),
      };
    },
    async close() {
      ended = true;
      clearTimeout(timer);
      await asking;
      if (state === 'asking' || state === 'halted') showing.stop();
      else await showing.close();
    },
  };
}
