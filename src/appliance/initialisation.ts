/**
 * `ringmint init`: three tokens or secure elements with their keys, the offline root and its trust bundle, certificates,
 * configuration, three empty ledgers and the quotas in the ledgers of quota control and of central management.
 *
 * A crash leaves a folder without appliance.json, which is written last: nothing was issued, and the next
 * `init` makes everything again but the tokens that were finished.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findModule } from '../../hsm/module-path.ts';
import { defaultLimits } from '../api/limits.ts';
import type { PeerRole } from '../api/peer.ts';
import type { InitOptions, InitReport, IssuerQuota } from '../cli/appliance.ts';
import { dayLimitName } from '../cli/quota-file.ts';
import type { JournalHead } from '../journal/chain.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Clock, systemRandom } from '../kit/clock.ts';
import { assert } from '../kit/result.ts';
import { findTimeZone } from '../quota/window.ts';
import type { QuotaTerms } from '../records/quota-terms.ts';
import { keyThumbprint } from '../records/signature.ts';
import { defaultCompareEvery } from '../rules/engine.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { ApplianceError } from './appliance-error.ts';
import { type Certificate, makeAuthority } from './certificate.ts';
import type {
  ApplianceConfiguration,
  CentralConfiguration,
  IssuanceConfiguration,
  QuotaConfiguration,
  SigningConfiguration,
} from './configuration.ts';
import { type Home, homeAt, type Role, roles, tlsFiles } from './home.ts';
import { type KeyPlace, writeInventory } from './key-inventory.ts';
import { makePrivateFolder, writeFileDurably } from './private-file.ts';
import { makePlaces, pointOf, type RolePlaces } from './role-places.ts';
import { firstAnchor } from './role-store.ts';
import { openRoleToken } from './role-token.ts';
import { agreementKeyLabel, signingKeyLabel } from './token-label.ts';
import { makeTrustBundle, readTrustBundle } from './trust.ts';
import { pinTrust } from './trust-pin.ts';

export interface InitialisationOptions extends InitOptions {
  readonly projectFolder: string;
  readonly clock: Clock;
}

export async function initialise(options: InitialisationOptions): Promise<InitReport> {
  const home = homeAt(options.home);
  if (existsSync(home.appliance)) {
    throw new ApplianceError(
      'home_exists',
      `\`${home.path}\` holds an appliance already: use it, or name another folder with \`--home\``,
    );
  }
  const zone = findTimeZone(options.timeZone);
  if (!zone.ok) throw new ApplianceError('configuration_invalid', zone.message);
  const module =
    options.hsm === 'softhsm' ? findModule(options.module, process.env, options.projectFolder) : null;
  for (const folder of [home.path, ...roles.map(home.folder), home.folder('operator'), home.root])
    await makePrivateFolder(folder);

  options.progress(
    options.hsm === 'softhsm'
      ? 'making the tokens of the three systems and their keys'
      : 'making the SIMULATED secure elements of the three systems and their keys',
  );
  const places = new Map<Role, RolePlaces>();
  try {
    await everyRole(async (role) => {
      places.set(role, await makePlaces(home, role, { ...options, module }));
    });
    return await makeAppliance(home, options, { module, places });
  } finally {
    for (const place of places.values()) await place.close();
  }
}

/** What it is made in. */
interface Made {
  readonly module: string | null;
  readonly places: ReadonlyMap<Role, RolePlaces>;
}

async function makeAppliance(
  home: Home,
  options: InitialisationOptions,
  { module, places }: Made,
): Promise<InitReport> {
  const placesOf = (role: Role): RolePlaces => {
    const found = places.get(role);
    assert(found !== undefined, 'each system has places');
    return found;
  };
  options.progress('signing the trust bundle with a new offline root');
  const point = (role: Role, label: string): Uint8Array => pointOf(placesOf(role), home, role, label);
  const rootKey = await makeTrustBundle(
    home,
    [
      { role: 'central', name: 'central', point: point('central', signingKeyLabel) },
      { role: 'issuance', name: options.issuer, point: point('issuance', signingKeyLabel) },
      { role: 'quota', name: 'quota', point: point('quota', signingKeyLabel) },
      { role: 'quota-agreement', name: 'quota', point: point('quota', agreementKeyLabel) },
    ],
    options.clock,
  );
  const inventory = (role: Role): KeyPlace[] =>
    [...placesOf(role).points].map(([label, made]) => ({
      keyId: toHex(keyThumbprint(made)),
      kind: label === agreementKeyLabel ? 'agreement' : 'signing',
      hsm: placesOf(role).hsm.name,
      label,
    }));
  for (const role of roles) {
    await writeInventory(home, role, inventory(role));
    await pinTrust(home, role, { rootKey, revocationEpoch: 0 });
  }
  options.progress('making certificates for mutual TLS');
  await writeCertificates(home, options);
  options.progress('writing configuration, ledgers and quotas');
  await writeConfigurations(home, options, placesOf);
  const appliance: ApplianceConfiguration = {
    version: 1,
    issuer: options.issuer,
    host: options.host,
    ports: { ...options.ports },
    module: options.module,
  };
  await makeLedgers(home, options, appliance);
  await writeFileDurably(home.appliance, pretty(appliance), 0o644);

  const keyId = (role: Role): string => toHex(keyThumbprint(point(role, signingKeyLabel)));
  return {
    home: home.path,
    issuer: options.issuer,
    rootKeyId: toHex(rootKey.keyId),
    keyIds: { central: keyId('central'), issuance: keyId('issuance'), quota: keyId('quota') },
    module,
    hsm: options.hsm,
    anchor: options.anchor.kind,
  };
}

async function writeCertificates(home: Home, options: InitialisationOptions): Promise<void> {
  const authority = await makeAuthority('Ringmint appliance', options.clock, systemRandom);
  await writeFileDurably(join(home.root, 'tls-authority-key.pem'), authority.keyPem, 0o600);
  const hosts = [...new Set(['localhost', '127.0.0.1', options.host])];
  const write = async (holder: PeerRole, name: string): Promise<void> => {
    const certificate: Certificate = await authority.issue(
      { role: holder, name },
      holder === 'operator' ? [] : hosts,
    );
    const folder = home.folder(holder);
    await writeFileDurably(join(folder, tlsFiles.key), certificate.keyPem, 0o600);
    await writeFileDurably(join(folder, tlsFiles.certificate), certificate.certificatePem, 0o644);
    await writeFileDurably(join(folder, tlsFiles.authority), authority.certificatePem, 0o644);
  };
  await write('central', 'central');
  await write('issuance', options.issuer);
  await write('quota', 'quota');
  await write('operator', 'operator');
}

async function writeConfigurations(
  home: Home,
  { issuer, quotas }: InitialisationOptions,
  placesOf: (role: Role) => RolePlaces,
): Promise<void> {
  const signing: Omit<SigningConfiguration, 'hsms'> = {
    processes: 1,
    sessions: 4,
    signaturesPerMinute: null,
    // Any 24 hours touch two calendar days at most.
    amountPerDay: Object.fromEntries(
      quotas.map(({ currency, dayLimit }) => [currency, String(2n * dayLimit)]),
    ),
  };
  const common = (role: Role) => {
    const { hsm, anchor } = placesOf(role);
    const version = 1 as const;
    return { version, signing: { hsms: [hsm], ...signing }, anchor, api: defaultLimits };
  };
  const central: CentralConfiguration = {
    ...common('central'),
    frequencyWindowSeconds: 60,
    credentialLifetimeSeconds: 300,
    clockSkewSeconds: 60,
    rules: { engine: 'translated', compareEvery: defaultCompareEvery },
    limits: quotas.map((quota) => ({
      issuer,
      currency: quota.currency,
      requestMaximum: String(quota.requestMaximum),
      ceiling: String(quota.ceiling),
      frequencyCap: quota.requestsPerMinute,
    })),
  };
  const issuance: IssuanceConfiguration = {
    ...common('issuance'),
    requestLifetimeSeconds: 600,
    redemptionSeconds: 10 * 365 * 86_400,
  };
  const quota: QuotaConfiguration = { ...common('quota'), epoch: 1 };
  await writeFileDurably(home.config('central'), pretty(central), 0o600);
  await writeFileDurably(home.config('issuance'), pretty(issuance), 0o600);
  await writeFileDurably(home.config('quota'), pretty(quota), 0o600);
}

/**
 * The ledgers, with the quotas in those of quota control and of central management, and the head of each anchored: from then on a ledger that was exchanged is
 * known by it. An `init` that did not finish left ledgers that nothing was issued from: one that is anchored is kept, others are made anew.
 */
async function makeLedgers(
  home: Home,
  options: InitialisationOptions,
  configuration: ApplianceConfiguration,
): Promise<void> {
  const { projectFolder } = options;
  const bundle = await readTrustBundle(home);
  await everyRole(async (role) => {
    const token = await openRoleToken(
      { home, role, configuration, projectFolder },
      { anchor: firstAnchor, signingLog: home.signingLog(role) },
      bundle,
      options.progress,
    );
    try {
      const anchored = await token.anchor.read();
      if (anchored === undefined) await removeLedger(home, role);
      const head = await fillLedger(home, role, options);
      if (anchored === undefined) await token.anchor.advance(undefined, head);
      else if (anchored.sequence !== head.sequence || !equalBytes(anchored.hash, head.hash))
        throw new ApplianceError(
          'home_incomplete',
          `an earlier \`init\` anchored another ledger of ${role}: remove \`${home.path}\` and begin again`,
        );
    } finally {
      await token.close();
    }
  });
}

/** For the three at once; throws what one of them threw when all have ended. */
async function everyRole<T>(work: (role: Role) => Promise<T>): Promise<T[]> {
  const ends = await Promise.allSettled(roles.map(work));
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

async function removeLedger(home: Home, role: Role): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '.lock']) await rm(home.ledger(role) + suffix, { force: true });
}

async function fillLedger(home: Home, role: Role, options: InitialisationOptions): Promise<JournalHead> {
  const store = openSqliteStore({ path: home.ledger(role), role, create: true, random: systemRandom });
  try {
    // Central management counts what it approves by itself, so that a quota control that lies gets no more.
    for (const quota of role === 'issuance' ? [] : options.quotas) {
      const allocated = await store.allocate({
        issuer: options.issuer,
        currency: quota.currency,
        terms: termsOf(quota, options.timeZone),
        createdMs: options.clock.nowMs(),
      });
      if (!allocated.ok) throw new ApplianceError('allocation_refused', allocated.message);
    }
    return await store.head();
  } finally {
    await store.close();
  }
}

function termsOf({ total, dayLimit, limits, returns }: IssuerQuota, timeZone: string): QuotaTerms {
  const window = { kind: 'day', timeZone } as const;
  const day = { name: dayLimitName, counts: 'amount', window, maximum: dayLimit } as const;
  return { allocated: total, frozen: false, limits: [day, ...limits], returns };
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
