/**
 * The program under test: as it is, or compiled from its sources with one place changed, which are in no file: nothing of it can be
 * committed.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
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

const project = join(import.meta.dirname, '../..');

/** The sources that a Code is of. */
const sources: Readonly<Record<keyof Code, string>> = {
  makeCentral: 'roles/central.ts',
  makeCentralAccount: 'roles/central-account.ts',
  makeResolution: 'roles/resolution.ts',
  makeQuotaChanges: 'roles/quota-changes.ts',
  makeIssuance: 'roles/issuance.ts',
  makeQuotaControl: 'roles/quota-control.ts',
  makeReservations: 'roles/reservations.ts',
  makeIssuerReservations: 'roles/issuer-reservations.ts',
  makeKeyRing: 'records/key-ring.ts',
  openLedger: 'roles/ledger.ts',
  openSqliteStore: 'store/sqlite/sqlite-store.ts',
  verifyFile: 'verifier/verify.ts',
  makeNodeVerifySignature: 'verifier/signature-node.ts',
  makeWitness: 'roles/witness.ts',
  makeWitnessedLedger: 'roles/witnessed-ledger.ts',
  witnessPolicy: 'roles/witnessed-ledger.ts',
};

/** The program with one place changed; throws where the place is not there exactly once, or the program does not have the file. */
export async function loadChanged({ file, from, to }: Change): Promise<Code & { remove(): void }> {
  const changed = join(project, 'src', file);
  const text = readFileSync(changed, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`src/${file} has not exactly one \`${from}\``);
  // In the project, so that packages are found from there.
  const cache = join(project, 'node_modules/.cache/ringmint');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'bent-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const outfile = join(folder, 'code.mjs');
    const { metafile } = await build({
      stdin: {
        contents: Object.entries(sources)
          .map(([name, source]) => `export { ${name} } from './src/${source}';`)
          .join('\n'),
        resolveDir: project,
      },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      absWorkingDir: project,
      metafile: true,
      plugins: [
        {
          name: 'change',
          setup(hooks) {
            hooks.onLoad({ filter: /\.ts$/ }, ({ path }) =>
              path === changed ? { contents: text.replace(from, () => to), loader: 'ts' } : undefined,
            );
          },
        },
      ],
    });
    if (metafile.inputs[`src/${file}`] === undefined)
      throw new Error(`src/${file} is no part of the program`);
    return { ...((await import(outfile)) as Code), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
