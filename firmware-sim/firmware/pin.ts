/**
 * The PIN: a try is written off before anything is compared, and the key that is compared is another one where it was not.
 *
 * | a cut falls | tries left |
 * |---|---|
 * | in the write-off | as before, or one less; nothing was compared |
 * | after it | one less, whether the PIN was right or not |
 * | in the restoring | one less, or all; nobody was told |
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import { deriveChannel, proofOf } from '../channel.ts';
import { GlitchError } from '../chip/cpu.ts';
import type { Commands, DeviceErrorCode } from '../protocol.ts';
import { checkLength } from './argument.ts';
import { confirm } from './decision.ts';
import type { Device } from './device.ts';
import { expectedMask, type Guard, Permit } from './guard.ts';
import { applyMask } from './mask.ts';
import type { ConnectionSession } from './session.ts';
import { keepPin, pinGuards } from './state.ts';

type Answer = Result<Record<never, never>, DeviceErrorCode>;

const restored: readonly Guard[] = [...pinGuards, 'login'];
const set: readonly Guard[] = ['lifecycle', 'login'];
const channelMask = expectedMask(['login']);

/** Of a blank device: whoever sets the PIN needs none. A cut leaves it blank, or with this PIN. */
export function initialise(device: Device, { salt, pinKey }: Commands['initialise']['arguments']): Answer {
  const fault = checkLength('salt', salt, 16) ?? checkLength('pinKey', pinKey, 32);
  if (fault !== undefined) return fault;
  const { core, memory } = device;
  const permit = new Permit(core.chip.cpu, core.permit);
  const isBlank = () => memory.pin === undefined;
  if (!permit.pass('login', [isBlank, isBlank, isBlank]))
    return refuse('command_refused', 'it has a PIN: `change-pin` after a login is accepted');
  const { pinTries } = core.profile.limits;
  device.commit({ kind: 'pin', pin: keepPin(Uint8Array.from(salt), pinKey), tries: pinTries }, permit, set);
  return succeed({});
}

/** What was logged in stays so; tries are what they were. A cut leaves the old PIN or the new one. */
export function changePin(
  device: Device,
  permit: Permit,
  { salt, pinKey }: Commands['change-pin']['arguments'],
): Answer {
  const fault = checkLength('salt', salt, 16) ?? checkLength('pinKey', pinKey, 32);
  if (fault !== undefined) return fault;
  const { tries } = device.memory;
  device.commit({ kind: 'pin', pin: keepPin(Uint8Array.from(salt), pinKey), tries }, permit, set);
  return succeed({});
}

export function login(
  device: Device,
  session: ConnectionSession,
  { nonce, proof }: Commands['login']['arguments'],
): Answer {
  const fault = checkLength('nonce', nonce, 16) ?? checkLength('proof', proof, 32);
  if (fault !== undefined) return fault;
  const { core, memory } = device;
  const { cpu } = core.chip;
  const permit = new Permit(cpu, core.permit);
  writeOff(device, permit);
  // INVARIANT: what is compared is the PIN's key only where a try was written off.
  const pinKey = applyMask(memory.pin?.maskedKey ?? new Uint8Array(32), permit.mask(pinGuards));
  const nonces = { device: session.nonce, client: nonce };
  const expected = (at: number) => cpu.value(`login.proof.${at}`, proofOf(pinKey, nonces));
  const isRight = permit.pass('login', [
    () => timingSafeEqual(expected(1), proof),
    () => expected(2).reduce((sum, byte, at) => sum | (byte ^ (proof[at] as number)), 0) === 0,
    () => hashOf(expected(3)).equals(hashOf(proof)),
  ]);
  if (!isRight) {
    pinKey.fill(0);
    return refuseProof(device);
  }
  device.commit({ kind: 'tries', tries: core.profile.limits.pinTries }, permit, restored);
  const channel = deriveChannel(pinKey, nonces);
  pinKey.fill(0);
  // Whoever got here without the login gets another key.
  session.channelKey = applyMask(applyMask(channel, permit.mask(['login'])), channelMask);
  session.permit = permit;
  return succeed({});
}

/** Before the comparison, so that a cut after it gains nothing. */
function writeOff(device: Device, permit: Permit): void {
  const { memory, core } = device;
  const before = memory.tries;
  const { version } = core.store;
  if (before < 1) throw new GlitchError('a login without a try left');
  device.commit({ kind: 'tries', tries: before - 1 }, permit, ['lifecycle']);
  const isWrittenOff = () => memory.tries === before - 1 && before >= 1 && core.store.version > version;
  if (!permit.pass('try', [isWrittenOff, isWrittenOff, isWrittenOff]))
    throw new GlitchError('a try was not written off');
}

function refuseProof({ memory, core }: Device): Answer {
  const { pinTries } = core.profile.limits;
  confirm(core.chip.cpu, 'login.spent', () => memory.tries < pinTries);
  const { tries } = memory;
  const left = tries === 0 ? 'it is locked, for good' : `${tries} of ${pinTries} tries are left`;
  return refuse('pin_incorrect', `the PIN was wrong: ${left}`);
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
