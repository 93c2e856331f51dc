/** The secure element in a system's own folder, opened: what its anchors and its keys are asked through. */
import { setTimeout as wait } from 'node:timers/promises';
import { type DeviceClient, DeviceError, openDevice } from '../../firmware-sim/client.ts';
import { hasDevice } from '../../firmware-sim/device-folder.ts';
import type {
  CommandName,
  Commands,
  DeviceErrorCode,
  DeviceInformation,
} from '../../firmware-sim/protocol.ts';
import { readPin } from '../../hsm/pin-source.ts';
import { SignerError, type SignerErrorCode } from '../../hsm/signer.ts';
import { pinFileIn } from './device-making.ts';
import type { Home, Role } from './home.ts';

export interface RoleDevice {
  readonly role: Role;
  readonly folder: string;
  /** As it was when it was opened. */
  readonly information: DeviceInformation;
  /** Throws SignerError, whose message says what to do. */
  call<N extends CommandName>(name: N, given: Commands[N]['arguments']): Promise<Commands[N]['result']>;
  /** Ends the device's process too, where this one started it. */
  close(): Promise<void>;
}

/** One connection, that whoever in this process asks the device shares: a device has few. */
interface Connection {
  readonly client: Promise<DeviceClient>;
  holders: number;
}

/** By folder. */
const connections = new Map<string, Connection>();

/**
 * Opens the device and logs in with the PIN in its folder. Throws SignerError: `device_missing`, `device_failed`, `device_zeroised`, `pin_missing`,
 * `pin_incorrect` after one try, `pin_locked`, `device_busy`. `furnish` is called before anything is asked of it, where it is opened for the first time in
 * this process.
 */
export async function openRoleDevice(
  home: Home,
  role: Role,
  furnish: (client: DeviceClient, folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<RoleDevice> {
  const folder = home.device(role);
  const called = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      throw error instanceof DeviceError ? faultOf(error, role, folder) : error;
    }
  };
  const connection = connections.get(folder) ?? {
    client: called(() => connect(role, folder, furnish)),
    holders: 0,
  };
  connections.set(folder, connection);
  connection.holders++;
  let closed = false;
  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    connection.holders--;
    if (connection.holders > 0) return;
    connections.delete(folder);
    // One that did not open left nothing to close.
    const client = await connection.client.catch(() => undefined);
    await client?.close();
  }
  try {
    const client = await connection.client;
    const information = await called(() => client.call('info', {}));
    assertReady(information, role, folder);
    return {
      role,
      folder,
      information,
      call: (name, given) => called(() => client.call(name, given)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** How often a device is opened whose process ends meanwhile, and how long is waited after the first time; each time longer. */
const opening = { most: 6, pauseMs: 100 };
/** Tries that are left to people: a login that was cut may have cost one, until the next that comes through. */
const triesForPeople = 3;

/**
 * A device's process ends with whoever started it, such as another process of the system that is starting anew: it is then opened once more, by a process of
 * this one's own.
 */
async function connect(
  role: Role,
  folder: string,
  furnish: (client: DeviceClient, folder: string) => Promise<void>,
): Promise<DeviceClient> {
  for (let times = 1; ; times++) {
    try {
      return await connectOnce(role, folder, furnish, times);
    } catch (error) {
      const isLost = error instanceof DeviceError && error.code === 'device_lost';
      if (!isLost || times === opening.most) throw error;
      await wait(times * opening.pauseMs);
    }
  }
}

async function connectOnce(
  role: Role,
  folder: string,
  furnish: (client: DeviceClient, folder: string) => Promise<void>,
  times: number,
): Promise<DeviceClient> {
  if (!hasDevice(folder))
    throw new SignerError('device_missing', `there is no device in \`${folder}\`. ${bringBack(role)}`);
  const client = await openDevice({ folder });
  try {
    await furnish(client, folder);
    const pin = readPin({ kind: 'file', path: pinFileIn(folder) }, { environment: {}, ask: undefined });
    assertReady(await client.call('info', {}), role, folder);
    if (times > 1 && (await client.call('counters', {})).triesLeft <= triesForPeople)
      throw new SignerError(
        'device_busy',
        `the device of ${role} was lost ${times - 1} times as its PIN was proven, and few tries are left: start ${role} again when nothing else uses it`,
      );
    await client.login(pin);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Throws what is wrong with it for good, so that no PIN is tried. */
function assertReady({ state, reason }: DeviceInformation, role: Role, folder: string): void {
  if (state === 'ready') return;
  const code = stateCodes[state];
  throw faultOf(new DeviceError(code, `it is ${state}${reason === '' ? '' : `: ${reason}`}`), role, folder);
}

const stateCodes = {
  blank: 'device_blank',
  locked: 'pin_locked',
  failed: 'device_failed',
  zeroised: 'device_zeroised',
} as const satisfies Record<string, DeviceErrorCode>;

/** What the caller of a signer or of an anchor is told, by what the device said; anything else is `device_error`. */
const codes: Partial<Record<DeviceErrorCode, SignerErrorCode>> = {
  pin_incorrect: 'pin_incorrect',
  pin_locked: 'pin_locked',
  key_missing: 'key_missing',
  key_exists: 'key_ambiguous',
  algorithm_unsupported: 'mechanism_missing',
  use_mismatch: 'key_unfit',
  point_invalid: 'point_invalid',
  not_anchored: 'not_anchored',
  anchor_moved: 'anchor_moved',
  anchors_full: 'anchor_unsupported',
  chain_broken: 'not_anchored',
  argument_invalid: 'request_refused',
  frame_too_large: 'request_refused',
  device_blank: 'device_missing',
  device_failed: 'device_failed',
  device_zeroised: 'device_zeroised',
  device_busy: 'device_busy',
  device_in_use: 'device_busy',
  too_many_connections: 'device_busy',
};

function faultOf({ code, message }: DeviceError, role: Role, folder: string): SignerError {
  const way = wayOut(code, role, folder);
  return new SignerError(
    codes[code] ?? 'device_error',
    `the device of ${role}: ${message}${way === undefined ? '' : `. ${way}`}`,
  );
}

function wayOut(code: DeviceErrorCode, role: Role, folder: string): string | undefined {
  switch (code) {
    case 'device_blank':
      return `It was never finished, or was emptied. ${bringBack(role)}`;
    case 'device_failed':
      return `Nothing is signed. Start ${role} again, which powers the device on anew; where it says the same, keep \`${folder}\` as it is, and bring back its newest copy. ${goneForGood(role)}`;
    case 'device_zeroised':
      return `Nothing is signed: what it held is gone. ${goneForGood(role)}`;
    case 'pin_locked':
      return `No PIN opens it any more. ${goneForGood(role)}`;
    case 'pin_incorrect':
      return `Nothing is tried again by itself: put the right PIN into \`${pinFileIn(folder)}\``;
    case 'anchor_moved':
      return `Nothing is signed: does another copy of ${role} use this device? Find it, and stop it`;
    case 'anchors_full':
      return 'Its journals were anchored anew too often: a new device is what has room';
    case 'device_in_use':
      return 'Another process serves this folder and does not answer: end that one';
    default:
      return undefined;
  }
}

function bringBack(role: Role): string {
  return `Nothing is signed. Bring its folder back. ${goneForGood(role)}`;
}

/** A device that replaces another one has no anchor: two people say from where the journal goes on. */
function goneForGood(role: Role): string {
  return `Where it is gone for good: move its folder away, \`ringmint device init --role ${role}\`, new keys where its keys were in it (\`ringmint keys rotate ${role}\`), and \`ringmint store propose-anchor --role ${role}\``;
}
