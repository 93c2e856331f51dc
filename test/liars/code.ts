/** The program under test: as it is, or compiled from its sources with one place changed. */
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { makeCentral } from '../../src/roles/central.ts';
import { makeCentralAccount } from '../../src/roles/central-account.ts';
import { makeIssuance } from '../../src/roles/issuance.ts';
import { makeIssuerReservations } from '../../src/roles/issuer-reservations.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import { makeQuotaChanges } from '../../src/roles/quota-changes.ts';
import { makeQuotaControl } from '../../src/roles/quota-control.ts';
import { makeReservations } from '../../src/roles/reservations.ts';
import { makeResolution } from '../../src/roles/resolution.ts';
import { makeWitness } from '../../src/roles/witness.ts';
import { makeWitnessedLedger, witnessPolicy } from '../../src/roles/witnessed-ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { type Change, loadChanged as loadChangedCode } from '../changed-code.ts';

export interface Code {
  readonly makeCentral: typeof makeCentral;
  readonly makeCentralAccount: typeof makeCentralAccount;
  readonly makeResolution: typeof makeResolution;
  readonly makeQuotaChanges: typeof makeQuotaChanges;
  readonly makeIssuance: typeof makeIssuance;
  readonly makeQuotaControl: typeof makeQuotaControl;
  readonly makeReservations: typeof makeReservations;
  readonly makeIssuerReservations: typeof makeIssuerReservations;
  readonly makeKeyRing: typeof makeKeyRing;
  readonly openLedger: typeof openLedger;
  readonly openSqliteStore: typeof openSqliteStore;
  readonly verifyFile: typeof verifyFile;
  readonly makeNodeVerifySignature: typeof makeNodeVerifySignature;
  readonly makeWitness: typeof makeWitness;
  readonly makeWitnessedLedger: typeof makeWitnessedLedger;
  readonly witnessPolicy: typeof witnessPolicy;
}

export const asItIs: Code = {
  makeCentral,
  makeCentralAccount,
  makeResolution,
  makeQuotaChanges,
  makeIssuance,
  makeQuotaControl,
  makeReservations,
  makeIssuerReservations,
  makeKeyRing,
  openLedger,
  openSqliteStore,
  verifyFile,
  makeNodeVerifySignature,
  makeWitness,
  makeWitnessedLedger,
  witnessPolicy,
};

/** The sources that a Code is of. */
const sources: Readonly<Record<keyof Code, string>> = {
  makeCentral: 'src/roles/central.ts',
  makeCentralAccount: 'src/roles/central-account.ts',
  makeResolution: 'src/roles/resolution.ts',
  makeQuotaChanges: 'src/roles/quota-changes.ts',
  makeIssuance: 'src/roles/issuance.ts',
  makeQuotaControl: 'src/roles/quota-control.ts',
  makeReservations: 'src/roles/reservations.ts',
  makeIssuerReservations: 'src/roles/issuer-reservations.ts',
  makeKeyRing: 'src/records/key-ring.ts',
  openLedger: 'src/roles/ledger.ts',
  openSqliteStore: 'src/store/sqlite/sqlite-store.ts',
  verifyFile: 'src/verifier/verify.ts',
  makeNodeVerifySignature: 'src/verifier/signature-node.ts',
  makeWitness: 'src/roles/witness.ts',
  makeWitnessedLedger: 'src/roles/witnessed-ledger.ts',
  witnessPolicy: 'src/roles/witnessed-ledger.ts',
};

/** The program with one place changed, of a file under src/. */
export function loadChanged({ file, from, to }: Change): Promise<Code & { readonly remove: () => void }> {
  return loadChangedCode<Code>(sources, [{ file: `src/${file}`, from, to }]);
}
