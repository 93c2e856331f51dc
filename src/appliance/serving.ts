/** `ringmint serve ROLE`: one role with its token, its ledger and its server, put together and started. */
import { type Client, type Endpoints, makeClient } from '../api/client.ts';
import type { ApiLimits } from '../api/limits.ts';
import { addResources, type RoleService } from '../api/resources.ts';
import { makeServer, type ServerOptions } from '../api/server.ts';
import { refuseForked } from '../api/witness.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock, systemRandom } from '../kit/clock.ts';
import { jwkSetOf } from '../records/jwk-set.ts';
import { currentKey, makeKeyRing } from '../records/key-ring.ts';
import { keySetId, type TrustBundle } from '../records/trust-bundle.ts';
import { makeCentral } from '../roles/central.ts';
import { makeCentralAccount, makeCentralChanges } from '../roles/central-account.ts';
import type { QuotaVersion } from '../roles/followed-change.ts';
import { makeIssuance } from '../roles/issuance.ts';
import { makeIssuerReservations } from '../roles/issuer-reservations.ts';
import { type Ledger, openLedger } from '../roles/ledger.ts';
import { makeQuotaChanges } from '../roles/quota-changes.ts';
import { makeQuotaControl } from '../roles/quota-control.ts';
import { makeReservations } from '../roles/reservations.ts';
import { makeResolution, type ResolutionStanding } from '../roles/resolution.ts';
import { makeSettlements } from '../roles/settlements.ts';
import { readStatus } from '../roles/status.ts';
import type { ShownRetirement } from '../roles/vouching.ts';
import type { WitnessError } from '../roles/witness-error.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { ApplianceError } from './appliance-error.ts';
import { openCentralRules } from './central-rules.ts';
import {
  type ApplianceConfiguration,
  applianceSchema,
  centralSchema,
  issuanceSchema,
  type QuotaProcess,
  quotaSchema,
  readConfiguration,
} from './configuration.ts';
import { showToken } from './device-metrics.ts';
import { describeFault } from './fault.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { listen } from './listening.ts';
import { holdOtherAnchors } from './other-anchors.ts';
import { showProcess } from './process-metrics.ts';
import { showAccounts, showContradiction, showQuotas } from './quota-metrics.ts';
import { filesOf, findQuotaProcess, isAbandoned, makeProcessFolder } from './quota-processes.ts';
import { repeatResolution } from './resolution-rounds.ts';
import { openRoleStore, readLedgerPlace } from './role-store.ts';
import { openRoleToken, type RoleToken } from './role-token.ts';
import { readTls } from './tls-files.ts';
import { readTrustBundleFile } from './trust.ts';
import { holdTrust } from './trust-pin.ts';
import { showWitnessing } from './witness-metrics.ts';
import { isForkedJournal, openWitnessing, withoutForked } from './witnessing.ts';

export interface ServeOptions {
  readonly home: string;
  readonly role: Role;
  /** Of several processes of the role, which one; the first without it. */
  readonly series?: string;
  /** Instead of the configured port; 0 lets the system choose. */
  readonly port?: number;
  readonly logLevel: ServerOptions['logLevel'];
  /** Of this program. */
  readonly version: string;
  readonly endpoints: Endpoints;
  readonly projectFolder: string;
  /** Lines for the log. */
  readonly report: (line: string) => void;
}

export interface ServingRole {
  readonly role: Role;
  readonly url: string;
  /** Intents that were found without a signature and were finished. */
  readonly finished: number;
  /** Resolves when a witness has answered, and the role signs. */
  readonly witnessed: Promise<void>;
  /** Resolves when a witness has proven that the journal is not the newest: the role signs nothing any more, and is to end. */
  readonly halted: Promise<WitnessError>;
  close(): Promise<void>;
}

/** What every role is made of. */
interface Parts {
  readonly home: Home;
  /** Where the role is several processes, which of them this is. */
  readonly process: QuotaProcess | undefined;
  readonly configuration: ApplianceConfiguration;
  readonly bundle: TrustBundle;
  /** As it was signed. */
  readonly bundleBytes: Uint8Array;
  readonly token: RoleToken;
  readonly ledger: Ledger;
  readonly client: Client;
  /** Of this program. */
  readonly version: string;
  /** Lines for the log. */
  readonly report: (line: string) => void;
}

/** Starts the role; throws an error with a stable code where it cannot be started, and then leaves nothing running. */
export async function serve(options: ServeOptions): Promise<ServingRole> {
  const home = homeAt(options.home);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const { bundle, bytes } = await readTrustBundleFile(home);
  const tls = await readTls(home, options.role);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const { role, projectFolder } = options;
    const process = role === 'quota' ? await findQuotaProcess(home, options.series) : undefined;
    assertServed(process);
    const processes = configuration.quotaProcesses ?? [];
    const { anchor } = await readLedgerPlace(home, role, process?.series);
    const { folder, signingLog } = filesOf(home, role, processes, process?.series);
    if (process !== undefined) await makeProcessFolder(home, folder);
    const store = await openRoleStore(home, role, process?.series);
    closers.push(() => store.close());
    await holdTrust(home, role, bundle);
    const surroundings = { home, role, configuration, projectFolder };
    const owner = { anchor, signingLog, journal: store };
    const token = await openRoleToken(surroundings, owner, bundle, options.report);
    closers.push(() => token.close());
    let avoids: (journal: string) => boolean = () => false;
    const client = makeClient(
      { tls, timeoutMs: 60_000, avoids: (journal) => avoids(journal) },
      options.endpoints,
    );
    closers.push(() => client.close());
    if (process !== undefined)
      await holdOtherAnchors(store, token, processes, { own: process, report: options.report });
    const witnessing = await openWitnessing({
      home,
      role,
      issuer: configuration.issuer,
      bundle,
      ledger: await openLedger(store, token.anchor),
      epoch: role === 'quota' ? (process?.epoch ?? (await readEpoch(home))) : null,
      shared: process !== undefined,
      signer: token.signer,
      tls,
      endpoints: options.endpoints,
      report: options.report,
    });
    closers.push(() => witnessing.close());
    const { witness, own } = witnessing;
    avoids = (journal) => isForkedJournal(witness, journal);
    const made = await makeService(role, {
      home,
      process,
      configuration,
      bundle,
      bundleBytes: bytes,
      token,
      ledger: own.ledger,
      client: withoutForked(client, witness, configuration.issuer),
      version: options.version,
      report: options.report,
    });
    const { service, limits, finish, background, standing } = made;
    if (made.close !== undefined) closers.push(made.close);
    const finished = await witnessing.begin(finish);
    const { version, logLevel } = options;
    const series = process?.series ?? null;
    const { amountPerDay, devices, checkAnchor } = token;
    const told = { amountPerDay, devices, checkAnchor };
    const journal = process === undefined ? {} : { journal: toHex(await store.journalId()) };
    const server = await makeServer({ role, version, tls, limits, logLevel, describeFault, ...journal });
    closers.push(() => server.close());
    refuseForked(server, witness);
    addResources(server, {
      service,
      witness,
      own,
      keySet: { trustBundle: bytes, jwkSet: () => jwkSetOf(bundle, systemClock.nowSeconds()) },
      status: () => readStatus({ role, series, ...told }, token.signer, store, witness, own),
      figures: async () =>
        showToken(role, token) +
        showWitnessing(role, own.standing, witness.held, systemClock) +
        (process === undefined ? '' : showProcess(process)) +
        (role === 'quota'
          ? showQuotas(await store.positions(systemClock.nowMs()), await store.stopped())
          : '') +
        (role === 'issuance' ? showContradiction(await store.stopped()) : '') +
        (standing === undefined ? '' : showAccounts(await store.positions(systemClock.nowMs()), standing())) +
        (made.figures?.() ?? ''),
      clock: systemClock,
    });
    const port = options.port ?? process?.port ?? configuration.ports[role];
    const url = await listen(server, configuration.host, port);
    if (background !== undefined) closers.push(background());
    return { role: options.role, url, finished, witnessed: own.opened, halted: own.halted, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function assertServed(process: QuotaProcess | undefined): void {
  if (process === undefined || process.state === 'serving') return;
  const { series, state } = process;
  throw new ApplianceError(
    'process_taken_out',
    state === 'abandoned'
      ? `process \`${series}\` of quota control was abandoned, with requests that it never signed: it is never served again; add one with another name`
      : `process \`${series}\` of quota control is taken out: \`ringmint process add --series ${series}\` puts it back`,
  );
}

async function readEpoch(home: Home): Promise<number> {
  return (await readConfiguration(home.config('quota'), quotaSchema)).epoch;
}

interface MadeService {
  readonly service: RoleService;
  readonly limits: ApiLimits;
  /** Signs what a crash left, and gives the count of that. */
  readonly finish: () => Promise<number>;
  /** What it does beside its answers, from its start on; gives what ends that. */
  readonly background?: () => () => Promise<void>;
  /** Of central management. */
  readonly standing?: () => ResolutionStanding;
  /** For Prometheus, besides those of every role. */
  readonly figures?: () => string;
  readonly close?: () => Promise<void>;
}

async function makeService(role: Role, parts: Parts): Promise<MadeService> {
  switch (role) {
    case 'central':
      return makeCentralService(parts);
    case 'issuance':
      return makeIssuanceService(parts);
    case 'quota':
      return makeQuotaService(parts);
  }
}

async function makeCentralService(parts: Parts): Promise<MadeService> {
  const { home, bundle, ledger, token, client } = parts;
  const configuration = await readConfiguration(home.config('central'), centralSchema);
  const quotaKey = currentKey(bundle, { role: 'quota-agreement', name: 'quota' }, systemClock.nowSeconds());
  if (quotaKey === undefined)
    throw new ApplianceError(
      'trust_bundle_invalid',
      'the trust bundle has no valid key-agreement key of quota control',
    );
  const verifySignature = makeNodeVerifySignature();
  const keys = makeKeyRing(bundle, verifySignature);
  const { clockSkewSeconds } = configuration;
  const own = {
    ledger,
    keys,
    policy: bundle.approval,
    verifySignature,
    clockSkewSeconds,
    clock: systemClock,
    quotaPositions: () => client.quotaPositions(),
    quotaChanges: (from: QuotaVersion) => client.changesSince(from),
    lastWords: (_issuer: string, ids: readonly Uint8Array[], close: boolean) => client.lastWords(ids, close),
    settlements: client.settled,
    vouching: (_issuer: string, retirements: readonly ShownRetirement[]) => client.vouch(retirements),
    report: parts.report,
  };
  const account = makeCentralAccount(own);
  const resolution = makeResolution({ ...own, account });
  // Stops and starts are quota control's.
  const quotaChanges = makeCentralChanges(
    makeQuotaChanges({ ...own, resume: () => Promise.resolve() }),
    account,
  );
  const opened = await openCentralRules({
    home,
    bundle,
    verifySignature,
    release: parts.version,
    configuration,
    report: parts.report,
  });
  const central = makeCentral({
    ledger,
    signer: token.signer,
    keys,
    quotaKey,
    rules: opened.rules,
    policy: {
      limits(issuer, currency) {
        const entry = configuration.limits.find(
          (limit) => limit.issuer === issuer && limit.currency === currency,
        );
        if (entry === undefined) return undefined;
        return {
          requestMaximum: BigInt(entry.requestMaximum),
          ceiling: BigInt(entry.ceiling),
          frequencyCap: entry.frequencyCap,
        };
      },
      frequencyWindowMs: configuration.frequencyWindowSeconds * 1000,
      credentialLifetimeSeconds: configuration.credentialLifetimeSeconds,
      clockSkewSeconds,
    },
    account,
    quotaReservation: (id) => client.findReservation(id),
    clock: systemClock,
    random: systemRandom,
  });
  return {
    service: { role: 'central', central, quotaChanges },
    limits: configuration.api,
    finish: () => central.finishUnsigned(),
    background: () => repeatResolution(resolution, parts.report),
    standing: () => resolution.standing,
    figures: () => opened.figures(),
    close: () => opened.close(),
  };
}

async function makeIssuanceService(parts: Parts): Promise<MadeService> {
  const { home, bundle, ledger, token, client } = parts;
  const configuration = await readConfiguration(home.config('issuance'), issuanceSchema);
  const issuance = makeIssuance({
    issuer: parts.configuration.issuer,
    ledger,
    signer: token.signer,
    keys: makeKeyRing(bundle, makeNodeVerifySignature()),
    centralKeyId() {
      const key = currentKey(bundle, { role: 'central', name: 'central' }, systemClock.nowSeconds());
      return key === undefined ? null : toHex(key.keyId);
    },
    peers: client,
    requestLifetimeSeconds: configuration.requestLifetimeSeconds,
    defaultRedemptionSeconds: configuration.redemptionSeconds,
    clock: systemClock,
    random: systemRandom,
  });
  const reservations = makeIssuerReservations({
    issuer: parts.configuration.issuer,
    ledger,
    signer: token.signer,
    keys: makeKeyRing(bundle, makeNodeVerifySignature()),
    peer: client,
    clock: systemClock,
  });
  return {
    service: { role: 'issuance', issuance, reservations },
    limits: configuration.api,
    finish: () => issuance.finishUnsigned(),
  };
}

async function makeQuotaService(parts: Parts): Promise<MadeService> {
  const { home, bundle, ledger, token } = parts;
  const configuration = await readConfiguration(home.config('quota'), quotaSchema);
  if (token.agreements.length === 0)
    throw new ApplianceError('home_incomplete', 'the quota token has no key-agreement key');
  const { clockSkewSeconds = 60 } = configuration;
  const quotaControl = makeQuotaControl({
    ledger,
    signer: token.signer,
    agreements: token.agreements,
    keys: makeKeyRing(bundle, makeNodeVerifySignature()),
    keySet: keySetId(bundle),
    epoch: parts.process?.epoch ?? configuration.epoch,
    isAbandoned: async (series) => await isAbandoned(home, series),
    clockSkewSeconds,
    clock: systemClock,
    random: systemRandom,
  });
  const quotaChanges = makeQuotaChanges({
    ledger,
    policy: bundle.approval,
    verifySignature: makeNodeVerifySignature(),
    resume: () => quotaControl.finishUnsigned(),
    clock: systemClock,
  });
  const settlements = makeSettlements({
    ledger,
    signer: token.signer,
    bundle: parts.bundleBytes,
    verifySignature: makeNodeVerifySignature(),
    clockSkewSeconds,
    isAbandoned: async (series) => await isAbandoned(home, series),
    clock: systemClock,
  });
  const reservations = makeReservations({
    ledger,
    signer: token.signer,
    keys: makeKeyRing(bundle, makeNodeVerifySignature()),
    clockSkewSeconds,
    clock: systemClock,
  });
  return {
    service: { role: 'quota', quotaControl, quotaChanges, settlements, reservations },
    limits: configuration.api,
    finish: () => quotaControl.finishUnsigned(),
  };
}
