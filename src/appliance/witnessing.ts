/** A role's witnesses, and the role as a witness of the others, put together. */
import type { Signer } from '../../hsm/signer.ts';
import { type Client, type ClientOptions, type Endpoints, makeClient } from '../api/client.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock } from '../kit/clock.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { makeKeyRing } from '../records/key-ring.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import type { WitnessPeer } from '../roles/head-showing.ts';
import type { Ledger } from '../roles/ledger.ts';
import { makeWitness, type Witness } from '../roles/witness.ts';
import { makeWitnessedLedger, type WitnessedLedger, witnessPolicy } from '../roles/witnessed-ledger.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { type Home, type Role, roles } from './home.ts';
import { holderOf } from './key-holder.ts';
import { journalsOf } from './quota-processes.ts';

/** A witness answers at once or not at all: the next round asks again. */
const timeoutMs = 2_000;
const refreshEveryMs = 1_000;

export interface WitnessingOptions {
  readonly home: Home;
  readonly role: Role;
  readonly issuer: string;
  readonly bundle: TrustBundle;
  readonly ledger: Ledger;
  /** Of the control bits, where the system numbers any. */
  readonly epoch: number | null;
  /** Whether other processes of this system hold heads in the same ledger. */
  readonly shared: boolean;
  readonly signer: Signer;
  readonly tls: ClientOptions['tls'];
  readonly endpoints: Endpoints;
  readonly report: (line: string) => void;
}

export interface Witnessing {
  readonly witness: Witness;
  readonly own: WitnessedLedger;
  /**
   * Asks the witnesses; `finish`, which signs what a crash left, runs at once where one has answered, and else when one does. Gives what
   * was finished at once. Throws what a witness has proven of the journal.
   */
  begin(finish: () => Promise<number>): Promise<number>;
  /** Shows the last head; the role takes nothing new any more. */
  close(): Promise<void>;
}

export async function openWitnessing(options: WitnessingOptions): Promise<Witnessing> {
  const { home, role, issuer, bundle, ledger, signer, report } = options;
  const keys = makeKeyRing(bundle, makeNodeVerifySignature());
  const client = makeClient({ tls: options.tls, timeoutMs }, options.endpoints);
  const common = { keys, clock: systemClock };
  const own = makeWitnessedLedger({
    ...common,
    ledger,
    owner: { role, name: holderOf(role, issuer).name },
    epoch: options.epoch,
    witnesses: roles
      .filter((other) => other !== role)
      .map(
        (other): WitnessPeer => ({
          role: other,
          heads: () => client.journalHeads(other),
          hold: (head) => client.showHead(other, head),
        }),
      ),
    signer,
    policy: witnessPolicy,
    report,
  });
  const witness = await makeWitness({
    ...common,
    store: ledger.store,
    several: ({ role: of }) => journalsOf(home, of),
  });
  // What another process was shown is known here a second later: that a system's heads contradict each other, above all.
  const refreshing = options.shared
    ? setInterval(() => {
        witness.refresh().catch((error: unknown) => {
          report(`${role} cannot read the heads that it holds: ${String(error)}`);
        });
      }, refreshEveryMs).unref()
    : undefined;
  let finishing: Promise<void> | undefined;

  return {
    witness,
    own,
    async begin(finish) {
      if (await own.ask()) {
        const finished = await finish();
        own.start();
        return finished;
      }
      void own.opened.then(() => {
        finishing = finish().then(
          (finished) => {
            if (finished > 0) report(`${role} finished ${finished} left by a crash`);
          },
          // They stay as they are, and a retry or the next start finishes them.
          (error: unknown) => report(`${role} cannot finish what a crash left: ${String(error)}`),
        );
      });
      own.start();
      return 0;
    },
    async close() {
      clearInterval(refreshing);
      await own.close();
      await finishing;
      await client.close();
    },
  };
}

/** Whether two heads of the journal with this id, hex, contradict each other: its process is then not worked with, others of its system are. */
export function isForkedJournal(witness: Witness, journal: string): boolean {
  const forked = witness.forkedOf({ role: 'quota', name: 'quota' });
  return forked.some(({ journalId }) => toHex(journalId) === journal);
}

/** The others as a role works with them: not with one whose journal heads contradict each other. */
export function withoutForked(client: Client, witness: Witness, issuer: string): Client {
  const check = (role: 'central' | 'quota') => witness.check({ role, name: role });
  /** INVARIANT: no control bit is taken of an epoch whose journal is known to be two, whichever process hands it out. */
  const checkControlBit = (controlBit: Uint8Array): Result<Uint8Array> => {
    const forked = witness.forkedOf({ role: 'quota', name: 'quota' });
    const decoded = forked.length === 0 ? undefined : decodeControlBit(controlBit);
    const epoch = decoded?.ok === true ? decoded.value.record.epoch : undefined;
    if (epoch === undefined || forked.every((head) => head.epoch !== epoch)) return succeed(controlBit);
    return refuse(
      'journal_forked',
      `the control bit is of epoch ${epoch}, whose process has signed two journal heads that no one journal has: nothing of it is taken (docs/OPERATIONS.md, Witnesses)`,
    );
  };
  const checkIssuance = () => witness.check({ role: 'issuance', name: issuer });
  return {
    ...client,
    async submitRequest(request) {
      const checked = check('central');
      return checked.ok ? client.submitRequest(request) : checked;
    },
    async redeemCredential(presentation) {
      const checked = check('quota');
      if (!checked.ok) return checked;
      const redeemed = await client.redeemCredential(presentation);
      return redeemed.ok ? checkControlBit(redeemed.value) : redeemed;
    },
    async quotaPositions() {
      const checked = check('quota');
      return checked.ok ? client.quotaPositions() : checked;
    },
    async changesSince(from) {
      const checked = check('quota');
      return checked.ok ? client.changesSince(from) : checked;
    },
    async lastWords(requestIds, close) {
      const checked = checkIssuance();
      return checked.ok ? client.lastWords(requestIds, close) : checked;
    },
    async vouch(retirements) {
      const checked = checkIssuance();
      return checked.ok ? client.vouch(retirements) : checked;
    },
    async settled(query) {
      const checked = check('quota');
      return checked.ok ? client.settled(query) : checked;
    },
    async sendReservation(request) {
      const checked = check('quota');
      return checked.ok ? client.sendReservation(request) : checked;
    },
    async findReservation(id) {
      const checked = check('quota');
      return checked.ok ? client.findReservation(id) : checked;
    },
  };
}
