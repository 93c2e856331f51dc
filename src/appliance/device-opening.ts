/** Which device a command is about, opened. */
import { resolve } from 'node:path';
import { type DeviceClient, openDevice } from '../../firmware-sim/client.ts';
import { hasDevice } from '../../firmware-sim/device-folder.ts';
import { SignerError } from '../../hsm/signer.ts';
import type { DevicePlace } from '../cli/device-administration.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt } from './home.ts';

/** The device's folder; throws `home_missing` where there is no such appliance. */
export async function folderOf(place: DevicePlace): Promise<string> {
  if (place.kind === 'folder') return resolve(place.folder);
  const home = homeAt(place.home);
  await readConfiguration(home.appliance, applianceSchema);
  return resolve(home.device(place.role));
}

/** Calls `work` with the device open. Throws `device_missing`, and what the device says. */
export async function withDevice<T>(
  place: DevicePlace,
  work: (client: DeviceClient, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await folderOf(place);
  if (!hasDevice(folder))
    throw new SignerError(
      'device_missing',
      `there is no device in \`${folder}\`: \`ringmint device init\` makes one`,
    );
  const client = await openDevice({ folder });
  try {
    return await work(client, folder);
  } finally {
    await client.close();
  }
}
