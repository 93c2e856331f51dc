/** What `ringmint device` does: opens a device, or reaches the process that serves it already, asks, and closes it again. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { checkAttestation } from '../../firmware-sim/attestation-check.ts';
import { type DeviceClient, DeviceError } from '../../firmware-sim/client.ts';
import { isSignedBy } from '../../firmware-sim/firmware/curve.ts';
import { findProfile, profiles } from '../../firmware-sim/profiles.ts';
import type { DeviceInformation, DeviceLimits } from '../../firmware-sim/protocol.ts';
import { parsePinSource, readPin } from '../../hsm/pin-source.ts';
import type {
  AttestationQuery,
  AttestedDevice,
  DeviceAdministration,
  DeviceAttestation,
  DeviceCounterReport,
  DeviceLimitReport,
  DevicePlace,
  DeviceReport,
  ListedProfile,
  MadeDevice,
  TamperEvent,
} from '../cli/device-administration.ts';
import { toHex } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { askPin } from './ask-pin.ts';
import { dumpDeviceFlash } from './device-flash.ts';
import { assertPinLength, makeDevice, newPin, pinFileIn } from './device-making.ts';
import { folderOf, withDevice } from './device-opening.ts';
import { syncFolder, writeFileDurably } from './private-file.ts';

function listProfiles(): readonly ListedProfile[] {
  return profiles.map(({ name, vendor, algorithms, attestation, root, limits, alarmLimit, flash }) => ({
    name,
    vendor,
    algorithms,
    attestation,
    root: toHex(root),
    limits: limitsOf(limits),
    alarmLimit,
    flashBytes: flash.sectors * flash.sectorBytes,
    endurance: flash.endurance,
  }));
}

async function initialiseDevice(options: {
  readonly place: DevicePlace;
  readonly profile: string;
  readonly pin: string | undefined;
}): Promise<Result<MadeDevice>> {
  const { place, profile } = options;
  const folder = await folderOf(place);
  const pin = options.pin === undefined ? undefined : readNewPin(options.pin);
  const made = await makeDevice({ folder, profile, pin });
  if (!made.ok) return made;
  const { information, pinFile } = made.value;
  return succeed({ ...reportOf(information, folder), pinFile });
}

function describeDevice(place: DevicePlace): Promise<DeviceReport> {
  return withDevice(place, async (client, folder) => reportOf(await client.call('info', {}), folder));
}

function countDevice(place: DevicePlace): Promise<DeviceCounterReport> {
  return withDevice(place, async (client, folder) => ({ folder, ...(await client.call('counters', {})) }));
}

function attestDevice(place: DevicePlace, given: Uint8Array | undefined): Promise<DeviceAttestation> {
  return withDevice(place, async (client) => {
    const nonce = given ?? new Uint8Array(randomBytes(32));
    const { profile } = await client.call('info', {});
    const { statement, endorsement } = await client.call('attest', { nonce });
    return { profile, nonce, statement, endorsement };
  });
}

function checkDeviceAttestation(query: AttestationQuery): Result<AttestedDevice> {
  const { serial, measurements, ...asked } = query;
  const profile = findProfile(query.profile);
  if (profile === undefined)
    return refuse(
      'profile_unknown',
      `${quote(query.profile)} is no model whose vendor is known here: ${profiles.map(({ name }) => `\`${name}\``).join(', ')} are`,
    );
  const checked = checkAttestation(
    {
      ...asked,
      profile,
      ...(serial === undefined ? {} : { serial }),
      ...(measurements.length === 0 ? {} : { measurements }),
    },
    isSignedBy,
  );
  if (!checked.ok) return checked;
  const { measurement, bootState, ...rest } = checked.value;
  return succeed({
    vendor: profile.vendor,
    profile: profile.name,
    ...rest,
    measurement: toHex(measurement),
    state: bootState,
  });
}

/**
 * Gives the device another PIN. Of one that has its PIN in its folder, the new one lies beside it first, as `pin.changed`: a crash leaves the device with
 * one of the two, and the same call again finds out which.
 */
function changeDevicePin(options: {
  readonly place: DevicePlace;
  readonly pin: string | undefined;
  readonly newPin: string | undefined;
}): Promise<{ readonly folder: string; readonly pinFile: string | null }> {
  return withDevice(options.place, async (client, folder) => {
    const { limits } = await client.call('info', {});
    const keepsPin = options.pin === undefined && existsSync(pinFileIn(folder));
    const held = keepsPin ? undefined : readSource(options.pin ?? 'prompt', 'the device');
    const pin = options.newPin === undefined ? newPin(limits) : readNewPin(options.newPin);
    assertPinLength(pin, limits);
    if (held !== undefined) {
      await client.login(held);
      await client.changePin(pin);
      return { folder, pinFile: null };
    }
    const file = pinFileIn(folder);
    const changed = `${file}.changed`;
    await loginByFile(client, file, changed);
    await writeFileDurably(changed, pin, 0o600);
    await client.changePin(pin);
    await rename(changed, file);
    await syncFolder(folder);
    return { folder, pinFile: file };
  });
}

/** By the PIN in its folder, or by the one that an earlier change gave it before it was cut. */
async function loginByFile(client: DeviceClient, file: string, changed: string): Promise<void> {
  const read = (path: string): string => readPin({ kind: 'file', path }, { environment: {}, ask: undefined });
  if (!existsSync(changed)) return client.login(read(file));
  try {
    await client.login(read(changed));
    await rename(changed, file);
  } catch (error) {
    if (!(error instanceof DeviceError) || error.code !== 'pin_incorrect') throw error;
    await client.login(read(file));
    await rm(changed);
  }
}

function tamperWithDevice(place: DevicePlace, event: TamperEvent): Promise<DeviceReport> {
  return withDevice(place, async (client, folder) => {
    await client.call('tamper', { event });
    return reportOf(await client.call('info', {}), folder);
  });
}

function zeroiseDevice(place: DevicePlace, serial: string): Promise<DeviceReport> {
  return withDevice(place, async (client, folder) => {
    await client.call('zeroise', { serial });
    return reportOf(await client.call('info', {}), folder);
  });
}

function readNewPin(source: string): string {
  if (source !== 'prompt') return readSource(source, 'the device');
  const pin = readSource(source, 'the device, the new one');
  if (pin !== readSource(source, 'the device, the new one again'))
    throw new DeviceError(
      'argument_invalid',
      'the two PINs that were typed differ: the same twice is accepted',
    );
  return pin;
}

function readSource(source: string, what: string): string {
  return readPin(parsePinSource(source), { environment: process.env, ask: () => askPin(what) });
}

function reportOf({ firmware, limits, ...rest }: DeviceInformation, folder: string): DeviceReport {
  const { version, measurement } = firmware;
  return {
    folder,
    ...rest,
    firmware: { version, measurement: toHex(measurement) },
    limits: limitsOf(limits),
  };
}

function limitsOf(limits: DeviceLimits): DeviceLimitReport {
  const { keys, anchors, ballots, modules, messageBytes, pinTries, pinLength } = limits;
  return { keys, anchors, ballots, modules, messageBytes, pinTries, pinLength };
}

/** As the command line uses it. */
export const deviceAdministration: DeviceAdministration = {
  profiles: listProfiles,
  init: initialiseDevice,
  info: describeDevice,
  counters: countDevice,
  attest: attestDevice,
  checkAttestation: checkDeviceAttestation,
  changePin: changeDevicePin,
  tamper: tamperWithDevice,
  zeroise: zeroiseDevice,
  dumpFlash: dumpDeviceFlash,
};
