/** What a role says of itself to an operator: its key, its journal's head and what is not finished. */
import type { Signer } from '../../hsm/signer.ts';
import { toHex } from '../kit/bytes.ts';
import type { Stop, Store } from '../store/store.ts';
import { readContradiction } from './serial-guard.ts';
import type { Witness } from './witness.ts';
import type { WitnessedLedger, WitnessStanding } from './witnessed-ledger.ts';

/** Where a system's keys are, and what holds the anchor of its journal; of a simulator nobody is to think that it were hardware. */
export interface RoleDevices {
  readonly anchor: { readonly kind: 'firmware-sim' | 'tokens' | 'tpm'; readonly simulator: boolean };
  readonly keys: {
    readonly kinds: readonly ('softhsm' | 'pkcs11' | 'firmware-sim')[];
    readonly simulator: boolean;
  };
}

export interface RoleStatus {
  readonly role: 'central' | 'issuance' | 'quota';
  /** Of several processes of the system, which one; null where there is one. */
  readonly series: string | null;
  /** Of the key in the token, hex. */
  readonly keyId: string;
  /** The last entry's number and hash, and the journal's id; hex. */
  readonly journal: { readonly sequence: number; readonly hash: string; readonly id: string };
  /** Intents that a crash left without a signature: a retry or the next start finishes them. */
  readonly unsigned: number;
  /** At quota control: the stop in force, or null. At issuance: that quota control contradicts itself, and nothing of it is taken. */
  readonly stopped: Stop | null;
  /** At issuance: the two control bits under one serial, as they were signed, hex; empty otherwise. */
  readonly contradiction: readonly string[];
  /** What its keys may sign for in any 24 hours, by currency, minor units: `signing.amountPerDay` of its configuration; null where there is no such limit. */
  readonly amountPerDay: Readonly<Record<string, string>> | null;
  readonly devices: RoleDevices;
  /** How it stands with those that hold its own head. */
  readonly witnessing: WitnessStanding;
  /** The heads of the others that it holds. */
  readonly holds: readonly HeldHeadStatus[];
}

export interface HeldHeadStatus {
  readonly role: 'central' | 'issuance' | 'quota';
  readonly name: string;
  /** Its id, hex. */
  readonly journal: string;
  readonly sequence: number;
  /** Hex. */
  readonly hash: string;
  /** By the clock of its signer, seconds; and by the witness's own, ms. */
  readonly issuedAt: number;
  readonly heldMs: number;
  /** As it was signed, hex: for an auditor to keep. */
  readonly signed: string;
  /** A head that contradicts it, as it was signed, hex. */
  readonly contradiction: string | null;
}

/** Signs a canary and reads the anchor first, because only that shows that the devices are there; throws their error otherwise. */
export async function readStatus(
  {
    checkAnchor,
    ...told
  }: Pick<RoleStatus, 'role' | 'series' | 'amountPerDay' | 'devices'> & {
    readonly checkAnchor: () => Promise<void>;
  },
  signer: Signer,
  store: Store,
  witness: Witness,
  own: WitnessedLedger,
): Promise<RoleStatus> {
  await signer.check();
  await checkAnchor();
  await witness.refresh();
  const head = await store.head();
  const stopped = await store.stopped();
  const evidence = stopped === undefined || told.role !== 'issuance' ? null : await store.evidenceOf(stopped);
  return {
    ...told,
    keyId: toHex(signer.publicKey.keyId),
    journal: { sequence: head.sequence, hash: toHex(head.hash), id: toHex(await store.journalId()) },
    unsigned: (await store.unsigned()).length,
    stopped: stopped ?? null,
    contradiction: (readContradiction(evidence) ?? []).map(toHex),
    witnessing: own.standing,
    holds: witness.held.map(({ record, signed, heldMs, contradiction }) => ({
      role: record.role,
      name: record.name,
      journal: toHex(record.journalId),
      sequence: record.sequence,
      hash: toHex(record.hash),
      issuedAt: record.issuedAt,
      heldMs,
      signed: toHex(signed),
      contradiction: contradiction === null ? null : toHex(contradiction),
    })),
  };
}
