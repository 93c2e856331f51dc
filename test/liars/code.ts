/**
 * The program under test: as it is, or from a copy of its sources with one place changed. A copy lies outside of the project, so that
 * nothing of it can be committed, and uses the project's packages.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** One place of a source file, by its path under src/, and what stands there instead. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The program with one place changed; throws where the place is not there exactly once. */
export async function loadChanged({ file, from, to }: Change): Promise<Code & { remove(): void }> {
  const project = join(import.meta.dirname, '../..');
  const text = readFileSync(join(project, 'src', file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`src/${file} has not exactly one \`${from}\``);
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bent-'));
  cpSync(join(project, 'src'), join(folder, 'src'), { recursive: true });
  for (const beside of ['node_modules', 'hsm', 'vm'])
    symlinkSync(join(project, beside), join(folder, beside));
  writeFileSync(
    join(folder, 'src', file),
    text.replace(from, () => to),
  );
  const load = (name: string): Promise<Record<string, unknown>> => import(join(folder, 'src', name));
  const parts = await Promise.all(
    [
      'roles/central.ts',
      'roles/central-account.ts',
      'roles/resolution.ts',
      'roles/quota-changes.ts',
      'roles/issuance.ts',
      'roles/quota-control.ts',
      'roles/reservations.ts',
      'roles/issuer-reservations.ts',
      'roles/ledger.ts',
      'roles/witness.ts',
      'roles/witnessed-ledger.ts',
      'verifier/signature-node.ts',
      'records/key-ring.ts',
      'store/sqlite/sqlite-store.ts',
      'verifier/verify.ts',
    ].map(load),
  );
  const code = Object.assign({}, ...parts) as Code;
  return { ...code, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
