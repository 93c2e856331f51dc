/** A role's token, opened: what signs for it. */
import { findModule } from '../../hsm/module-path.ts';
import type { Signer } from '../../hsm/signer.ts';
import { openToken, type SupervisedToken } from '../../hsm/supervised-token.ts';
import { readTokenDirectory } from '../../hsm/token-directory.ts';
import { systemClock } from '../kit/clock.ts';
import { currentKey, type KeyHolder } from '../records/key-ring.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { ApplianceError } from './appliance-error.ts';
import { type ApplianceConfiguration, applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { agreementKeyLabel, signingKeyLabel, tokenLabel } from './token-label.ts';
import { readTrustBundle } from './trust.ts';

/** Opens the role's token and holds its key against the trust bundle: a token with another key would sign what nobody accepts. */
export async function openRoleToken(
  home: Home,
  options: { readonly role: Role; readonly projectFolder: string },
  configuration: ApplianceConfiguration,
  bundle: TrustBundle,
): Promise<SupervisedToken> {
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
    configuration: directory.configuration,
    signingKey: signingKeyLabel,
    expectedKeyId: published.keyId,
    ...(role === 'quota' ? { agreementKey: agreementKeyLabel } : {}),
  });
}

function holderOf(role: Role, issuer: string): KeyHolder {
  return { role, name: role === 'issuance' ? issuer : role };
}

/**
 * The signer of modules: central management's key, since it is central management that decides by a module. The type in
 * the protected header keeps what it signs here apart from its records. The role may be serving at the same time.
 */
export async function openModuleSigner(homePath: string, projectFolder: string): Promise<Signer> {
  const home = homeAt(homePath);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const token = await openRoleToken(home, { role: 'central', projectFolder }, configuration, bundle);
  return token.signer;
}
