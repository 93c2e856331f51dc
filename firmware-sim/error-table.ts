/** What each code means, and what to do: docs/DEVICE.md has this table. */
import type { DeviceErrorCode } from './protocol.ts';

export const errorTable: Readonly<Record<DeviceErrorCode, string>> = {
  frame_too_large: 'more bytes than the hello allows; the connection is closed',
  frame_malformed: 'not an array of deterministic CBOR as above; the connection is closed',
  frame_replayed: 'another number than the next; the connection is closed',
  frame_forged: 'not sealed on this connection, or not as it should be; the connection is closed',
  frame_timeout: 'begun and not ended within 5 s; the connection is closed',
  too_many_connections: 'close one of the 16, or wait',
  command_unknown: 'ask for a command of the table',
  argument_missing: 'give the field',
  argument_unknown: 'leave the field out',
  argument_invalid: 'give what the message says is accepted',
  login_required: 'log in on this connection',
  command_refused: 'not as the device is now: the message says why',
  pin_incorrect: 'a try is gone: look up the PIN before trying another',
  pin_locked: 'no tries are left: `zeroise`, and make a new device',
  key_missing: 'there is no key with the label: `keys` lists them',
  key_exists: 'choose another label',
  keys_full: 'no key can be removed but by `zeroise`',
  algorithm_unsupported: 'choose one that `info` lists',
  use_mismatch: 'the key is for something else: `keys` says for what',
  not_anchored: '`prove` the journal entry under the anchored head first, also after a restart of the device',
  anchor_moved: '`read-anchor` says where it is: whoever is behind it was restored from a backup',
  anchors_full: 'no anchor can be removed but by `zeroise`',
  chain_broken: 'the entries are not those under the anchored head',
  ballot_cast: 'another ballot was cast on the proposal, and stays',
  ballots_full: 'no ballot can be forgotten but by `zeroise`',
  module_refused: 'the module is not signed by a trusted key, or the machine does not take it',
  module_unknown: '`load` it first, also after a restart of the device',
  trust_set: 'other keys are trusted already, for good',
  point_invalid: 'give a point of the curve',
  serial_mismatch: 'give the serial that `info` shows',
  device_blank: '`initialise` it with a PIN',
  device_failed: 'power it on anew: close every client, and open it again',
  device_zeroised: 'make a new device',
  device_lost:
    'the process ended in the command, or could not be started: nobody knows whether it was carried out',
  device_busy: 'no answer came in time: it may still be carried out',
  device_in_use: 'another process serves the folder',
};

export function isDeviceErrorCode(code: string): code is DeviceErrorCode {
  return Object.hasOwn(errorTable, code);
}
