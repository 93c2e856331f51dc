/** Commands of a device that runs, by name. */
import type { Result } from '../../src/kit/result.ts';
import { succeed } from '../../src/kit/result.ts';
import type { CommandName, Commands, DeviceErrorCode, DeviceState } from '../protocol.ts';
import { advance, readAnchor } from './anchors.ts';
import { checkLength } from './argument.ts';
import { vote } from './ballots.ts';
import type { Device } from './device.ts';
import type { Permit } from './guard.ts';
import { prove } from './journal-proof.ts';
import { derive, generate, listKeys, sign } from './key-commands.ts';
import { load, run, trust } from './modules.ts';
import { changePin, initialise, login } from './pin.ts';
import type { ConnectionSession } from './session.ts';

/** One command's. */
export interface Turn {
  readonly device: Device;
  readonly session: ConnectionSession;
  /** What the session has passed: its login, where it has one. */
  readonly permit: Permit;
  readonly state: DeviceState;
}

/** All but those that act on the chip, whatever runs on it. */
export type DeviceCommand = Exclude<CommandName, 'info' | 'counters' | 'zeroise' | 'tamper' | 'dump-flash'>;

type Decide<N extends CommandName> = (
  turn: Turn,
  given: Commands[N]['arguments'],
) => Result<Commands[N]['result'], DeviceErrorCode>;

export const deviceCommands: { readonly [N in DeviceCommand]: Decide<N> } = {
  attest: ({ device: { core }, state }, { nonce }) => {
    const fault = checkLength('nonce', nonce, 8, 64);
    return fault ?? succeed(core.attest(nonce, { bootState: state, storeVersion: core.store.version }));
  },
  initialise: ({ device }, given) => initialise(device, given),
  login: ({ device, session }, given) => login(device, session, given),
  'change-pin': ({ device, permit }, given) => changePin(device, permit, given),
  generate: ({ device, permit }, given) => generate(device, permit, given),
  keys: ({ device }) => listKeys(device),
  sign: ({ device, permit }, given) => sign(device, permit, given),
  derive: ({ device, permit }, given) => derive(device, permit, given),
  'read-anchor': ({ device }, given) => readAnchor(device, given),
  advance: ({ device, permit }, given) => advance(device, permit, given),
  prove: ({ device, session, permit }, given) => prove(device, session, permit, given),
  vote: ({ device, permit }, given) => vote(device, permit, given),
  trust: ({ device, permit }, given) => trust(device, permit, given),
  load: ({ device, permit }, given) => load(device, permit, given),
  run: ({ device }, given) => run(device, given),
};
