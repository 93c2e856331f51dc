/** `ringmint serve ROLE`: one role with its token, its ledger and its server, put together and started. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { showFigures, showHealth } from '../../hsm/signing-metrics.ts';
import { type Machine, startMachine } from '../../vm/host.ts';
import { type Client, type Endpoints, makeClient } from '../api/client.ts';
import type { ApiLimits } from '../api/limits.ts';
import { addResources, type RoleService } from '../api/resources.ts';
import { makeServer, type Server, type ServerOptions } from '../api/server.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock, systemRandom } from '../kit/clock.ts';
import { jwkSetOf } from '../records/jwk-set.ts';
import { currentKey, makeKeyRing } from '../records/key-ring.ts';
import { keySetId, type TrustBundle } from '../records/trust-bundle.ts';
import { makeCentral } from '../roles/central.ts';
import { makeIssuance } from '../roles/issuance.ts';
import { type Ledger, openLedger } from '../roles/ledger.ts';
import { makeQuotaChanges } from '../roles/quota-changes.ts';
import { makeQuotaControl } from '../roles/quota-control.ts';
import { readStatus } from '../roles/status.ts';
import { loadIssuanceDecision } from '../rules/issuance-decision.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { ApplianceError } from './appliance-error.ts';
import {
  type ApplianceConfiguration,
  applianceSchema,
  centralSchema,
  issuanceSchema,
  quotaSchema,
  readConfiguration,
} from './configuration.ts';
import { describeFault } from './fault.ts';
import { type Home, homeAt, type Role, tlsFiles } from './home.ts';
import { showQuotas } from './quota-metrics.ts';
import { openRoleStore } from './role-store.ts';
import { openRoleToken, type RoleToken } from './role-token.ts';
import { readTrustBundleFile } from './trust.ts';
import { holdTrust } from './trust-pin.ts';

export interface ServeOptions {
  readonly home: string;
  readonly role: Role;
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
  close(): Promise<void>;
}

/** What every role is made of. */
interface Parts {
  readonly home: Home;
  readonly configuration: ApplianceConfiguration;
  readonly bundle: TrustBundle;
  readonly token: RoleToken;
  readonly ledger: Ledger;
  readonly client: Client;
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
    const store = await openRoleStore(home, options.role);
    closers.push(() => store.close());
    await holdTrust(home, options.role, bundle);
    const { role, projectFolder } = options;
    const token = await openRoleToken({ home, role, configuration, projectFolder }, bundle, options.report);
    closers.push(() => token.close());
    const client = makeClient({ tls, timeoutMs: 60_000 }, options.endpoints);
    closers.push(() => client.close());
    const { service, limits, finished } = await makeService(role, {
      home,
      configuration,
      bundle,
      token,
      ledger: await openLedger(store, token.anchor),
      client,
    });
    const { version, logLevel } = options;
    const server = await makeServer({ role, version, tls, limits, logLevel, describeFault });
    closers.push(() => server.close());
    addResources(server, {
      service,
      keySet: { trustBundle: bytes, jwkSet: () => jwkSetOf(bundle, systemClock.nowSeconds()) },
      status: () => readStatus(role, token.signer, store),
      figures: async () =>
        showFigures(role, token.signer.figures) +
        showHealth(role, token.health) +
        (role === 'quota'
          ? showQuotas(await store.positions(systemClock.nowMs()), await store.stopped())
          : ''),
      clock: systemClock,
    });
    const port = options.port ?? configuration.ports[options.role];
    return { role: options.role, url: await listen(server, configuration.host, port), finished, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    throw new ApplianceError(
      'port_in_use',
      `cannot listen on ${host}:${port} (${code}): stop what listens there, or change \`ports\` in appliance.json`,
    );
  }
}

export async function readTls(home: Home, holder: Role | 'operator'): Promise<ServerOptions['tls']> {
  const read = async (file: string): Promise<string> => {
    const path = join(home.folder(holder), file);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new ApplianceError(
        'home_unreadable',
        `cannot read \`${path}\` (${(error as NodeJS.ErrnoException).code}): run this as the user who made the appliance`,
      );
    }
  };
  return {
    key: await read(tlsFiles.key),
    certificate: await read(tlsFiles.certificate),
    authority: await read(tlsFiles.authority),
  };
}

interface MadeService {
  readonly service: RoleService;
  readonly limits: ApiLimits;
  /** Intents that were found without a signature and were finished. */
  readonly finished: number;
}

/** The role by itself, after finishing what a crash left. */
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
  const central = makeCentral({
    ledger,
    signer: token.signer,
    keys: makeKeyRing(bundle, makeNodeVerifySignature()),
    quotaKey,
    decision: loadIssuanceDecision(await readMachine()),
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
      clockSkewSeconds: configuration.clockSkewSeconds,
    },
    async quotaPosition(issuer, currency) {
      const positions = await client.quotaPositions();
      if (!positions.ok) return positions;
      return {
        ok: true,
        value: positions.value.find(
          (position) => position.issuer === issuer && position.currency === currency,
        ),
      };
    },
    clock: systemClock,
    random: systemRandom,
  });
  const finished = await central.finishUnsigned();
  return { service: { role: 'central', central }, limits: configuration.api, finished };
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
  const finished = await issuance.finishUnsigned();
  return { service: { role: 'issuance', issuance }, limits: configuration.api, finished };
}

async function makeQuotaService(parts: Parts): Promise<MadeService> {
  const { home, bundle, ledger, token } = parts;
  const configuration = await readConfiguration(home.config('quota'), quotaSchema);
  if (token.agreements.length === 0)
    throw new ApplianceError('home_incomplete', 'the quota token has no key-agreement key');
  const quotaControl = makeQuotaControl({
    ledger,
    signer: token.signer,
    agreements: token.agreements,
    keys: makeKeyRing(bundle, makeNodeVerifySignature()),
    keySet: keySetId(bundle),
    epoch: configuration.epoch,
    clock: systemClock,
    random: systemRandom,
  });
  const finished = await quotaControl.finishUnsigned();
  const quotaChanges = makeQuotaChanges({
    store: ledger.store,
    policy: bundle.approval,
    verifySignature: makeNodeVerifySignature(),
    resume: () => quotaControl.finishUnsigned(),
    clock: systemClock,
  });
  return { service: { role: 'quota', quotaControl, quotaChanges }, limits: configuration.api, finished };
}

/** The wasm lies beside vm/host: in the sources as in dist/. */
async function readMachine(): Promise<Machine> {
  const bytes = await readFile(new URL('../../vm/machine.wasm', import.meta.url));
  return startMachine(new Uint8Array(bytes));
}
