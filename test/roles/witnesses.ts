/** The three authorities of a test as witnesses of each other; what one shows another goes by a call instead of HTTPS, and a test may lie there. */
import type { Signer } from '../../hsm/signer.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import type { WitnessPeer } from '../../src/roles/head-showing.ts';
import type { Ledger } from '../../src/roles/ledger.ts';
import { type JournalOwner, makeWitness, type Witness } from '../../src/roles/witness.ts';
import {
  makeWitnessedLedger,
  type WitnessedLedger,
  type WitnessPolicy,
} from '../../src/roles/witnessed-ledger.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { issuer, type Tokens } from './authorities.ts';

export type Role = 'central' | 'issuance' | 'quota';
export const roles: readonly Role[] = ['central', 'issuance', 'quota'];

export const quickly: WitnessPolicy = {
  quietMs: 5,
  everyMs: 20,
  overdueMs: 60_000,
  askEveryMs: 10,
  patienceMs: 30,
};

export function ownerOf(role: Role): JournalOwner {
  return { role, name: role === 'issuance' ? issuer : role };
}

export interface WitnessesOptions {
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly policy?: WitnessPolicy;
  /** What stands between `owner` and its witness. */
  readonly between?: (honest: WitnessPeer, owner: Role) => WitnessPeer;
  readonly wrapSigner?: (signer: Signer, role: Role) => Signer;
}

export interface Witnesses {
  /** The role's ledger, witnessed by the others. */
  own(ledger: Ledger, role: Role): WitnessedLedger;
  /** The role as a witness of the others, from now on. */
  serve(role: Role, store: Store): Promise<Witness>;
  readonly witness: (role: Role) => Witness;
  /** Takes the role's witness away, as when its process has ended. */
  drop(role: Role): void;
  readonly reports: readonly string[];
}

export function makeWitnesses(options: WitnessesOptions): Witnesses {
  const { tokens, clock, policy = quickly } = options;
  const keys = makeKeyRing(tokens.bundle, makeNodeVerifySignature());
  const present = new Map<Role, Witness>();
  const reports: string[] = [];

  function peerOf(witness: Role, owner: Role): WitnessPeer {
    const absent = { ok: false, code: 'peer_unavailable', message: `${witness} does not answer` } as const;
    const honest: WitnessPeer = {
      role: witness,
      heads: async () => {
        const there = present.get(witness);
        return there === undefined ? absent : { ok: true, value: there.headsOf(ownerOf(owner)) };
      },
      hold: async (head) => present.get(witness)?.hold(head, ownerOf(owner)) ?? absent,
    };
    return options.between?.(honest, owner) ?? honest;
  }

  function own(ledger: Ledger, role: Role): WitnessedLedger {
    const signer = tokens.of[role];
    return makeWitnessedLedger({
      ledger,
      owner: ownerOf(role),
      epoch: role === 'quota' ? 1 : null,
      witnesses: roles.filter((other) => other !== role).map((other) => peerOf(other, role)),
      signer: options.wrapSigner?.(signer, role) ?? signer,
      keys,
      clock,
      policy,
      report: (line) => reports.push(line),
    });
  }

  return {
    own,
    async serve(role, store) {
      const witness = await makeWitness({ store, keys, clock });
      present.set(role, witness);
      return witness;
    },
    witness(role) {
      const there = present.get(role);
      if (there === undefined) throw new Error(`${role} is no witness here`);
      return there;
    },
    drop: (role) => void present.delete(role),
    reports,
  };
}
