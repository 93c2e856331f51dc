/** How the HSMs of a system are reached, from its configuration. */
import type { TokenAddress } from '../../hsm/messages.ts';
import { findModule } from '../../hsm/module-path.ts';
import { parsePinSource } from '../../hsm/pin-source.ts';
import { readTokenDirectory } from '../../hsm/token-directory.ts';
import { ApplianceError } from './appliance-error.ts';
import { askPin } from './ask-pin.ts';
import {
  type ApplianceConfiguration,
  centralSchema,
  type HsmConfiguration,
  issuanceSchema,
  quotaSchema,
  readConfiguration,
  type SigningConfiguration,
} from './configuration.ts';
import type { Home, Role } from './home.ts';
import { tokenLabel } from './token-label.ts';

export interface HsmAccess {
  readonly name: string;
  readonly address: TokenAddress;
  readonly environment: Readonly<Record<string, string>>;
  /** Asks for the PIN where its source is `prompt`. */
  readonly askPin: () => string;
}

export interface HsmSurroundings {
  readonly home: Home;
  readonly role: Role;
  readonly configuration: ApplianceConfiguration;
  readonly projectFolder: string;
}

/** Throws `home_incomplete` where the appliance's own token was never finished, and what is wrong with a PIN source. */
export function accessHsm(
  hsm: HsmConfiguration,
  { home, role, configuration, projectFolder }: HsmSurroundings,
): HsmAccess {
  if (hsm.kind === 'pkcs11') {
    const { name, module, uri, pin, libraryParameters, environment } = hsm;
    return {
      name,
      environment,
      askPin: () => askPin(`the HSM ${name} of ${role}`),
      address: {
        module,
        uri,
        pin: parsePinSource(pin),
        ...(libraryParameters === undefined ? {} : { libraryParameters }),
      },
    };
  }
  const module = findModule(configuration.module, process.env, projectFolder);
  const directory = readTokenDirectory(home.token(role), module, tokenLabel(role));
  if (directory === undefined)
    throw new ApplianceError(
      'home_incomplete',
      `the ${role} token was never finished: remove \`${home.path}\` and make the appliance again`,
    );
  const { address, environment } = directory;
  return { name: hsm.name, address, environment, askPin: () => askPin(`the token of ${role}`) };
}

/** How the system signs. Throws `configuration_invalid` where two of its HSMs have one name. */
export async function readSigning(home: Home, role: Role): Promise<SigningConfiguration> {
  const signing = await readSection(home, role);
  const names = signing.hsms.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new ApplianceError(
      'configuration_invalid',
      `\`${home.config(role)}\`: /signing/hsms has two of the name \`${twice}\`: one is accepted`,
    );
  return signing;
}

async function readSection(home: Home, role: Role): Promise<SigningConfiguration> {
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
