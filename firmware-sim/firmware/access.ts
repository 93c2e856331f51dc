/** Which command is answered when: of a device in each state, and before and after a login. */
import type { Access, CommandName, DeviceErrorCode, DeviceState } from '../protocol.ts';

export interface Rule {
  readonly access: Access;
  readonly states: readonly DeviceState[];
}

const always: readonly DeviceState[] = ['blank', 'ready', 'locked', 'failed', 'zeroised'];
const open = (states: readonly DeviceState[]): Rule => ({ access: 'open', states });
const login: Rule = { access: 'login', states: ['ready'] };

/** `initialise` says itself that there is a PIN already. `tamper` and `dump-flash` are done to the chip, whatever runs on it. */
export const rules: Readonly<Record<CommandName, Rule>> = {
  info: open(always),
  counters: open(always),
  attest: open(['blank', 'ready', 'locked']),
  initialise: open(['blank', 'ready', 'locked']),
  login: open(['ready']),
  'change-pin': login,
  generate: login,
  keys: login,
  sign: login,
  derive: login,
  'read-anchor': login,
  advance: login,
  prove: login,
  vote: login,
  trust: login,
  load: login,
  run: login,
  zeroise: open(always),
  tamper: open(always),
  'dump-flash': open(always),
};

/** What a device in this state says to a command that it does not answer. */
export const stateRefusals: Readonly<
  Record<DeviceState, { readonly code: DeviceErrorCode; readonly message: string }>
> = {
  blank: { code: 'device_blank', message: 'it has no PIN yet: `initialise` is accepted first' },
  ready: {
    code: 'command_refused',
    message: 'it is in use: what a device that is ready answers is accepted',
  },
  locked: {
    code: 'pin_locked',
    message: 'wrong PINs have used up all tries: `info`, `counters` and `zeroise` are accepted',
  },
  failed: {
    code: 'device_failed',
    message: 'it has latched, until it is powered on anew: `info`, `counters` and `zeroise` are accepted',
  },
  zeroised: {
    code: 'device_zeroised',
    message: 'its secrets are gone, for good: `info` and `counters` are accepted',
  },
};
