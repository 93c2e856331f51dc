/** How the HSMs of a system are reached, from its configuration. */
import type { TokenAddress } from '../../hsm/messages.ts';
import { findModule } from '../../hsm/module-path.ts';
import { parsePinSource } from '../../hsm/pin-source.ts';
import { readTokenDirectory } from '../../hsm/token-directory.ts';
import { ApplianceError } from './appliance-error.ts';
import { askPin } from './ask-pin.ts';
import {
  type AnchorChoice,
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

export type HsmAccess =
  | {
      readonly kind: 'pkcs11';
      readonly name: string;
      readonly address: TokenAddress;
      readonly environment: Readonly<Record<string, string>>;
      /** Asks for the PIN where its source is `prompt`. */
      readonly askPin: () => string;
    }
  | { readonly kind: 'firmware-sim'; readonly name: string; readonly home: Home; readonly role: Role };

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
      kind: 'pkcs11',
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
  if (hsm.kind === 'firmware-sim') return { kind: 'firmware-sim', name: hsm.name, home, role };
  const module = findModule(configuration.module, process.env, projectFolder);
  const directory = readTokenDirectory(home.token(role), module, tokenLabel(role));
  if (directory === undefined)
    throw new ApplianceError(
      'home_incomplete',
      `the ${role} token was never finished: remove \`${home.path}\` and make the appliance again`,
    );
  const { address, environment } = directory;
  const { name } = hsm;
  return { kind: 'pkcs11', name, address, environment, askPin: () => askPin(`the token of ${role}`) };
}

/**
 * How the system signs. Throws `configuration_invalid` where two of its HSMs have one name, or keys are in the secure element and the anchors elsewhere:
 * such a key would never sign.
 */
export async function readSigning(home: Home, role: Role): Promise<SigningConfiguration> {
  const { signing, anchor } = await readSections(home, role);
  const invalid = (why: string): never => {
    throw new ApplianceError('configuration_invalid', `\`${home.config(role)}\`: ${why}`);
  };
  const names = signing.hsms.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) invalid(`/signing/hsms has two of the name \`${twice}\`: one is accepted`);
  const inDevice = signing.hsms.filter(({ kind }) => kind === 'firmware-sim');
  if (inDevice.length > 1)
    invalid('/signing/hsms has two of the kind `firmware-sim`: a system has one device');
  if (inDevice.length > 0 && anchor?.kind !== 'firmware-sim')
    invalid(
      '/anchor: a key in firmware-sim signs only what is anchored in the same device: `{ "kind": "firmware-sim" }` is accepted',
    );
  return signing;
}

async function readSections(
  home: Home,
  role: Role,
): Promise<{ readonly signing: SigningConfiguration; readonly anchor?: AnchorChoice }> {
  const path = home.config(role);
  switch (role) {
    case 'central':
      return readConfiguration(path, centralSchema);
    case 'issuance':
      return readConfiguration(path, issuanceSchema);
    case 'quota':
      return readConfiguration(path, quotaSchema);
  }
}
