/** Which device a command is about: `--device FOLDER`, or `--role ROLE` of the appliance at `--home`. */
import { type Command, Option } from 'commander';
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { type Role, roles } from '../appliance.ts';
import type { DevicePlace } from '../device-administration.ts';

export interface PlaceArguments {
  readonly home: string;
  readonly device?: string;
  readonly role?: Role;
}

export function addPlaceOptions(command: Command, home: Option): Command {
  return command
    .addOption(new Option('--device <folder>', "the device's folder"))
    .addOption(
      new Option('--role <role>', 'instead: the device of this system of the appliance').choices(roles),
    )
    .addOption(home);
}

export function readPlace({ home, device, role }: PlaceArguments): Result<DevicePlace, 'usage'> {
  if (device !== undefined && role === undefined && device !== '')
    return succeed({ kind: 'folder', folder: device });
  if (device === undefined && role !== undefined) return succeed({ kind: 'role', home, role });
  return refuse('usage', `which device: \`--device FOLDER\` or \`--role ROLE\` is accepted, and one of them`);
}
