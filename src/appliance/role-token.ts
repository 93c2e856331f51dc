/** A role's token, opened: what signs for it, within limits and with a log. */
import { type GuardedSigner, guardSigner } from '../../hsm/guarded-signer.ts';
import { findModule } from '../../hsm/module-path.ts';
import { type CurveKey, type KeyAgreement, SignerError } from '../../hsm/signer.ts';
import { readTokenDirectory } from '../../hsm/token-directory.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import { systemClock } from '../kit/clock.ts';
import { currentKey, type KeyHolder } from '../records/key-ring.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { ApplianceError } from './appliance-error.ts';
import {
  type ApplianceConfiguration,
  applianceSchema,
  centralSchema,
  issuanceSchema,
  quotaSchema,
  readConfiguration,
  type SigningConfiguration,
} from './configuration.ts';
import { type Home, homeAt, type Role, roles } from './home.ts';
import { agreementKeyLabel, signingKeyLabel, tokenLabel } from './token-label.ts';
import { readTrustBundle } from './trust.ts';

const auditEveryMs = 3_600_000;

export interface RoleToken {
  readonly signer: GuardedSigner;
  /** Of quota control only. */
  readonly agreement: KeyAgreement | undefined;
}

interface RoleTokenOptions {
  readonly role: Role;
  readonly projectFolder: string;
}

/** Opens the role's token and its signing log. The caller holds the role's ledger, so that no other process writes the log. */
export async function openRoleToken(
  home: Home,
  options: RoleTokenOptions,
  configuration: ApplianceConfiguration,
  bundle: TrustBundle,
): Promise<RoleToken> {
  const signing = await readSigning(home, options.role);
  const token = await openPublishedToken(home, options, configuration, bundle, signing);
  try {
    assertAlone(options.role, token.others);
    await token.audit();
    const { signaturesPerMinute, amountPerDay } = signing;
    const signer = await guardSigner(token, {
      log: home.signingLog(options.role),
      limits: {
        ...(signaturesPerMinute === null ? {} : { signaturesPerMinute }),
        ...(amountPerDay === null
          ? {}
          : {
              amountPerDay: Object.fromEntries(
                Object.entries(amountPerDay).map(([currency, minor]) => [currency, BigInt(minor)]),
              ),
            }),
      },
      now: () => new Date(systemClock.nowMs()),
    });
    return { signer: auditedHourly(signer, token), agreement: token.agreement };
  } catch (error) {
    await token.close();
    throw error;
  }
}

/** Opens the role's token and holds its key against the trust bundle: a token with another key would sign what nobody accepts. */
async function openPublishedToken(
  home: Home,
  options: RoleTokenOptions,
  configuration: ApplianceConfiguration,
  bundle: TrustBundle,
  { processes, sessions }: Pick<SigningConfiguration, 'processes' | 'sessions'>,
): Promise<TokenSigner> {
  const { role } = options;
  const module = findModule(configuration.module, process.env, options.projectFolder);
  const directory = readTokenDirectory(home.token(role), module, tokenLabel(role));
  if (directory === undefined)
    throw new ApplianceError(
      'home_incomplete',
      `the ${role} token was never finished: remove \`${home.path}\` and make the appliance again`,
    );
  const published = currentKey(bundle, holderOf(role, configuration.issuer), systemClock.nowSeconds());
  if (published === undefined)
    throw new ApplianceError('trust_bundle_invalid', `the trust bundle has no valid key of ${role}`);
  return openToken({
    address: directory.address,
    environment: directory.environment,
    signingKey: signingKeyLabel,
    expectedKeyId: published.keyId,
    processes,
    sessions,
    ...(role === 'quota' ? { agreementKey: agreementKeyLabel } : {}),
  });
}

function holderOf(role: Role, issuer: string): KeyHolder {
  return { role, name: role === 'issuance' ? issuer : role };
}

/** Whoever reaches the keys of two roles can issue alone. */
function assertAlone(role: Role, others: readonly string[]): void {
  const shared = roles.find((other) => other !== role && others.includes(tokenLabel(other)));
  if (shared !== undefined)
    throw new ApplianceError(
      'token_shared',
      `the module of ${role} reaches the token of ${shared} too: give each role a configuration, and an HSM or partition, of its own`,
    );
}

/** A key whose attributes were changed signs no more. That the token cannot be asked just now is no finding. */
function auditedHourly(signer: GuardedSigner, token: TokenSigner): GuardedSigner {
  const timer = setInterval(() => {
    token.audit().catch((error: unknown) => {
      if (error instanceof SignerError && error.code === 'key_unfit') signer.halt(error);
    });
  }, auditEveryMs).unref();
  const close = signer.close.bind(signer);
  return Object.assign(signer, {
    close: () => {
      clearInterval(timer);
      return close();
    },
  });
}

async function readSigning(home: Home, role: Role): Promise<SigningConfiguration> {
  const path = home.config(role);
  switch (role) {
    case 'central':
      return (await readConfiguration(path, centralSchema)).signing;
    case 'issuance':
      return (await readConfiguration(path, issuanceSchema)).signing;
    case 'quota':
      return (await readConfiguration(path, quotaSchema)).signing;
  }
}

/** What signs modules. */
export interface ModuleSigner {
  readonly publicKey: CurveKey;
  sign(message: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * The signer of modules: central management's key, since it is central management that decides by a module. The type in
 * the protected header keeps what it signs here apart from its records. The role may be serving at the same time, and has
 * its log open: who signed a module is in the module.
 */
export async function openModuleSigner(homePath: string, projectFolder: string): Promise<ModuleSigner> {
  const home = homeAt(homePath);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const alone = { processes: 1, sessions: 1 };
  const token = await openPublishedToken(
    home,
    { role: 'central', projectFolder },
    configuration,
    bundle,
    alone,
  );
  const { publicKey } = token;
  if (publicKey.algorithm === 'PS256') {
    await token.close();
    throw new ApplianceError(
      'trust_bundle_invalid',
      'modules are signed with a key on P-256, and central management has an RSA key',
    );
  }
  return { publicKey, sign: (message) => token.sign(message), close: () => token.close() };
}
