/**
 * What holds the anchors of a system's journals, as `anchor` in its config.json says: data objects on the tokens of its HSMs, the secure element in its
 * folder, or a TPM. Whatever reads or sets an anchor goes through this.
 */
import process from 'node:process';
import { Type } from 'typebox';
import { parsePinSource } from '../../hsm/pin-source.ts';
import { openTpmAnchor } from '../../hsm/tpm-anchor.ts';
import type { Anchor } from '../journal/anchor.ts';
import { type ReplicatedAnchor, replicateAnchor } from '../journal/replicated-anchor.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import type { RoleDevices } from '../roles/status.ts';
import { type AnchorChoice, anchorChoice, readConfiguration } from './configuration.ts';
import { makeDeviceAnchor } from './device-anchor.ts';
import type { Home, Role } from './home.ts';
import { type HsmSurroundings, readSigning } from './hsm-access.ts';
import { anchorsOf, closeKeys, type OpenKey, openKeys } from './open-keys.ts';
import { openRoleDevice } from './role-device.ts';

export interface Anchors {
  readonly description: RoleDevices['anchor'];
  /** The anchor of this name, on all that hold it. */
  named(name: string): ReplicatedAnchor;
  close(): Promise<void>;
}

/** As configured; the tokens where nothing is said, as it was before there was a choice. */
async function readAnchorChoice(home: Home, role: Role): Promise<AnchorChoice> {
  const { anchor } = await readConfiguration(home.config(role), Type.Object({ anchor: anchorChoice }));
  return anchor ?? { kind: 'tokens' };
}

/** A device that holds anchors, and is none of the HSMs. */
interface AnchorDevice {
  readonly simulator: boolean;
  anchor(name: string): Anchor;
  close(): Promise<void>;
}

async function openAnchorDevice(
  { home, role }: Pick<HsmSurroundings, 'home' | 'role'>,
  choice: Exclude<AnchorChoice, { kind: 'tokens' }>,
): Promise<AnchorDevice> {
  switch (choice.kind) {
    case 'firmware-sim': {
      const device = await openRoleDevice(home, role);
      return {
        simulator: device.information.simulator,
        anchor: (name) => makeDeviceAnchor(device, name),
        close: () => device.close(),
      };
    }
    case 'tpm': {
      const { tcti, index, pin, ownerPin } = choice;
      const options = {
        tcti,
        index: Number(index),
        pin: parsePinSource(pin),
        ...(ownerPin === undefined ? {} : { ownerPin: parsePinSource(ownerPin) }),
        environment: process.env,
      };
      return {
        simulator: /^(swtpm|mssim)\b/.test(tcti),
        anchor: (name) => openTpmAnchor(name, options),
        close: () => Promise.resolve(),
      };
    }
  }
}

/**
 * Opens what holds the anchors beside the keys, which are being opened in `keys`: on tokens it is these. Where one of both fails the other one is
 * closed, and that is thrown.
 */
export async function openAnchorsBeside<Keys extends readonly OpenKey[]>(
  surroundings: Pick<HsmSurroundings, 'home' | 'role'>,
  keys: Promise<Keys>,
): Promise<{ readonly keys: Keys; readonly anchors: Anchors }> {
  const [ofKeys, ofDevice] = await Promise.allSettled([keys, openHolder(surroundings)]);
  if (ofKeys.status === 'rejected') {
    if (ofDevice.status === 'fulfilled') await ofDevice.value.device?.close();
    throw ofKeys.reason;
  }
  if (ofDevice.status === 'rejected') {
    await closeKeys(ofKeys.value);
    throw ofDevice.reason;
  }
  const opened = ofKeys.value;
  const { kind, device } = ofDevice.value;
  return {
    keys: opened,
    anchors: {
      description: { kind, simulator: device?.simulator ?? false },
      named: (name) =>
        replicateAnchor(device === undefined ? anchorsOf(opened, name) : [device.anchor(name)]),
      close: async () => device?.close(),
    },
  };
}

/** The device that holds the anchors, where it is not the tokens that do. */
async function openHolder(
  surroundings: Pick<HsmSurroundings, 'home' | 'role'>,
): Promise<{ readonly kind: AnchorChoice['kind']; readonly device: AnchorDevice | undefined }> {
  const choice = await readAnchorChoice(surroundings.home, surroundings.role);
  const device = choice.kind === 'tokens' ? undefined : await openAnchorDevice(surroundings, choice);
  return { kind: choice.kind, device };
}

/** Opens what holds the anchors and nothing else, for a command; `report` is told of an HSM that is left out. */
export async function openAnchors(
  surroundings: HsmSurroundings,
  bundle: TrustBundle,
  report: (line: string) => void,
): Promise<Anchors> {
  const { home, role } = surroundings;
  const { kind } = await readAnchorChoice(home, role);
  const signing = { ...(await readSigning(home, role)), processes: 1, sessions: 1 };
  const opening = kind === 'tokens' ? openKeys(surroundings, bundle, signing, report) : Promise.resolve([]);
  const { keys, anchors } = await openAnchorsBeside(surroundings, opening);
  return {
    ...anchors,
    async close() {
      await anchors.close();
      await closeKeys(keys);
    },
  };
}
