/**
 * Makes what holds a new system's keys and the anchors of its journals, all of it at once: the token, the secure element, what a TPM asks for.
 *
 * A crash leaves some of them, and no appliance.json: the next `init` goes on with what is finished.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DeviceClient } from '../../firmware-sim/client.ts';
import { hasDevice, manufactureDevice } from '../../firmware-sim/device-folder.ts';
import { publicKeyOf } from '../../hsm/public-key.ts';
import { SignerError } from '../../hsm/signer.ts';
import { provisionDirectory } from '../../hsm/token-directory.ts';
import type { InitAnchor, InitHsm } from '../cli/appliance.ts';
import { ApplianceError } from './appliance-error.ts';
import type { AnchorChoice, HsmConfiguration } from './configuration.ts';
import { firstPin } from './device-making.ts';
import { type Home, type Role, roles } from './home.ts';
import { makeDeviceKey } from './hsm-opening.ts';
import { writeFileDurably } from './private-file.ts';
import { openRoleDevice, type RoleDevice } from './role-device.ts';
import { agreementKeyLabel, ownHsm, signingKeyLabel, tokenLabel } from './token-label.ts';

export interface PlaceOptions {
  readonly hsm: InitHsm;
  readonly anchor: InitAnchor;
  /** Path of the PKCS#11 module; null where the keys are in no token. */
  readonly module: string | null;
}

export interface RolePlaces {
  /** Public points of the keys by label, 65 bytes each. */
  readonly points: ReadonlyMap<string, Uint8Array>;
  /** As config.json names them. */
  readonly hsm: HsmConfiguration;
  readonly anchor: AnchorChoice;
  /** A device that was opened stays open until then: starting it takes longer than all that is asked of it here. */
  close(): Promise<void>;
}

/** Of the chips that there are, the roomy one. */
const profile = 'aster-1';

export async function makePlaces(home: Home, role: Role, options: PlaceOptions): Promise<RolePlaces> {
  const { hsm, anchor, module } = options;
  const [ofToken, ofDevice] = await Promise.allSettled([
    module === null ? undefined : makeToken(home, role, module),
    anchor.kind === 'firmware-sim' ? makeRoleDevice(home, role) : undefined,
  ]);
  const device = ofDevice.status === 'fulfilled' ? ofDevice.value : undefined;
  try {
    if (ofToken.status === 'rejected') throw ofToken.reason;
    if (ofDevice.status === 'rejected') throw ofDevice.reason;
    const points = ofToken.value ?? (device === undefined ? new Map() : await makeDeviceKeys(device));
    return {
      points,
      hsm: hsm === 'softhsm' ? { name: ownHsm, kind: hsm } : { name: hsm, kind: hsm },
      anchor: await anchorChoiceOf(home, role, anchor),
      close: async () => device?.close(),
    };
  } catch (error) {
    await device?.close();
    throw error;
  }
}

const signing = { label: signingKeyLabel, kind: 'signing' } as const;
const agreement = { label: agreementKeyLabel, kind: 'agreement' } as const;

function keysOf(role: Role) {
  return role === 'quota' ? [signing, agreement] : [signing];
}

async function makeToken(home: Home, role: Role, module: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const { points } = await provisionDirectory({
    module,
    path: home.token(role),
    tokenLabel: tokenLabel(role),
    keys: keysOf(role),
    random: randomBytes,
  });
  return points;
}

/**
 * Makes the system's device, or takes the one that is there and not in use yet, and opens it. A crash leaves a folder without device.json, which is made
 * anew; a blank device, which gets the PIN of its file; or a whole one.
 */
export async function makeRoleDevice(home: Home, role: Role): Promise<RoleDevice> {
  const folder = home.device(role);
  if (!hasDevice(folder)) {
    const made = await manufactureDevice({ folder, profile });
    if (!made.ok)
      throw new ApplianceError('home_incomplete', `no device can be made in \`${folder}\`: ${made.message}`);
  }
  return openRoleDevice(home, role, setFirstPin);
}

async function setFirstPin(client: DeviceClient, folder: string): Promise<void> {
  const { state, limits } = await client.call('info', {});
  if (state !== 'blank') return;
  await client.initialise(await firstPin(folder, limits));
}

async function makeDeviceKeys(device: RoleDevice): Promise<ReadonlyMap<string, Uint8Array>> {
  const { keys } = await device.call('keys', {});
  const points = new Map<string, Uint8Array>();
  for (const key of keysOf(device.role)) {
    const there = keys.find(({ label }) => label === key.label);
    const made = there === undefined ? await makeDeviceKey(device, key) : publicKeyOf(there.point);
    if (made.algorithm !== 'ES256')
      throw new SignerError(
        'key_unfit',
        `the device has \`${key.label}\` as another kind of key than on P-256`,
      );
    points.set(key.label, made.point);
  }
  return points;
}

/** With what a TPM asks for: an authorisation for each system's indices, which the system alone can read. */
async function anchorChoiceOf(home: Home, role: Role, anchor: InitAnchor): Promise<AnchorChoice> {
  if (anchor.kind !== 'tpm') return { kind: anchor.kind };
  const { tcti, index, ownerPin } = anchor;
  // Absolute: it is read from wherever the system is started.
  const path = resolve(home.folder(role), 'tpm-pin');
  if (!existsSync(path)) await writeFileDurably(path, randomBytes(16).toString('hex'), 0o600);
  const first = index + 256 * roles.indexOf(role);
  return {
    kind: 'tpm',
    tcti,
    index: `0x${first.toString(16).padStart(8, '0')}`,
    pin: `file:${path}`,
    ...(ownerPin === undefined ? {} : { ownerPin }),
  };
}

/** Throws `home_incomplete` where an earlier `init` made other places. */
export function pointOf({ points }: RolePlaces, home: Home, role: Role, label: string): Uint8Array {
  const point = points.get(label);
  if (point === undefined)
    throw new ApplianceError(
      'home_incomplete',
      `${role} has no key \`${label}\`: remove \`${home.path}\` and begin again`,
    );
  return point;
}
