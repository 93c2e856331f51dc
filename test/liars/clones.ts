/**
 * Two copies of quota control that run at once: its SoftHSM token and its database, copied as files while it was stopped. Issuance and central
 * management are one each, real, and the witnesses of both copies. What is shown is shown in the machine's time.
 */
import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setUp } from '../../hsm/ci/index.js';
import { findModule } from '../../hsm/module-path.ts';
import { formatPkcs11Uri } from '../../hsm/pkcs11-uri.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { keySetId } from '../../src/records/trust-bundle.ts';
import type { WitnessPeer } from '../../src/roles/head-showing.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import { makeQuotaControl, type QuotaControl } from '../../src/roles/quota-control.ts';
import type { JournalOwner, Witness } from '../../src/roles/witness.ts';
import type { Store } from '../../src/store/store.ts';
import { makeMemoryFolder } from '../crash/memory-folder.ts';
import type { Code } from './code.ts';
import type { LiarKeys } from './keys.ts';

export const quotaOwner: JournalOwner = { role: 'quota', name: 'quota' };
const project = join(import.meta.dirname, '../..');

/** A token in files, and where a copy of it lies. */
export interface QuotaToken {
  readonly folder: string;
  /** Opens the token, or the copy that was made of it. */
  open(which: 'first' | 'second'): Promise<TokenSigner>;
  copy(): void;
  remove(): void;
}

export async function makeQuotaToken(): Promise<QuotaToken> {
  const folder = makeMemoryFolder('clones');
  const first = join(folder, 'first');
  const made = await setUp({
    directory: first,
    prefix: join(project, '.softhsm'),
    template: {
      version: 1,
      roles: [
        {
          name: 'quota',
          keys: [
            { name: 'signing', type: 'ec-p256' },
            { name: 'agreement', type: 'ec-p256', usage: ['derive'] },
          ],
        },
      ],
    },
  });
  const [role] = made.roles;
  if (role === undefined) throw new Error('softhsm-ci-setup made no token');
  const second = join(folder, 'second');
  const placed = (path: string, which: string): string => join(folder, which, relative(first, path));
  return {
    folder,
    open: (which) =>
      openToken({
        address: {
          module: findModule('auto', process.env, project),
          uri: formatPkcs11Uri({ token: role.label }),
          pin: { kind: 'file', path: placed(role.pinFile, which) },
        },
        environment: { SOFTHSM2_CONF: placed(role.configuration, which) },
        signingKey: 'signing',
        agreementKey: 'agreement',
      }),
    copy() {
      cpSync(first, second, { recursive: true });
      const configuration = placed(role.configuration, 'second');
      writeFileSync(configuration, readFileSync(configuration, 'utf8').replaceAll(first, second));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Copy {
  readonly quotaControl: QuotaControl;
  readonly store: Store;
  /** When it was halted, by `performance.now`, and as what. */
  readonly halted: { readonly ms: number; readonly code: string } | undefined;
  close(): Promise<void>;
}

/** One of the copies, served as an appliance serves it: nothing is signed before a witness was asked, and its heads are shown. */
export async function openCopy(parts: {
  readonly code: Code;
  readonly keys: LiarKeys;
  readonly token: TokenSigner;
  readonly path: string;
  readonly clock: Clock;
  readonly witnesses: readonly (readonly ['central' | 'issuance', Witness])[];
}): Promise<Copy> {
  const { code, keys, token } = parts;
  const store = code.openSqliteStore({ path: parts.path, role: 'quota', create: false, random: randomBytes });
  const keyRing = code.makeKeyRing(keys.bundle, code.makeNodeVerifySignature());
  const peers = parts.witnesses.map(
    ([role, witness]): WitnessPeer => ({
      role,
      heads: async () => ({ ok: true, value: witness.headsOf(quotaOwner) }),
      hold: (head) => witness.hold(head, quotaOwner),
    }),
  );
  const own = code.makeWitnessedLedger({
    ledger: await openLedger(store, replicateAnchor([token.anchor('journal')])),
    owner: quotaOwner,
    epoch: 1,
    witnesses: peers,
    signer: token,
    keys: keyRing,
    clock: parts.clock,
    policy: code.witnessPolicy,
    report: () => undefined,
  });
  if (token.agreement === undefined) throw new Error('quota control has an agreement key');
  const quotaControl = makeQuotaControl({
    ledger: own.ledger,
    signer: token,
    agreements: [token.agreement],
    keys: keyRing,
    keySet: keySetId(keys.bundle),
    epoch: 1,
    clockSkewSeconds: 60,
    clock: parts.clock,
    random: (length) => new Uint8Array(randomBytes(length)),
  });
  await own.ask();
  own.start();
  let halted: Copy['halted'];
  void own.halted.then(({ code: why }) => {
    halted = { ms: performance.now(), code: why };
  });
  return {
    quotaControl,
    store,
    get halted() {
      return halted;
    },
    async close() {
      await own.close();
      await store.close();
    },
  };
}
