/**
 * Anchors: where journals end. They go up, from where they are, and never anywhere else.
 *
 * A cut in `advance` leaves the old head or the new one; whoever asks again with the same two gets on from either.
 */
import { equalBytes, toHex } from '../../src/kit/bytes.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { Commands, DeviceErrorCode, Head } from '../protocol.ts';
import { checkHead, checkName } from './argument.ts';
import { decide } from './decision.ts';
import type { Device } from './device.ts';
import { type Guard, Permit } from './guard.ts';

const needed: readonly Guard[] = ['lifecycle', 'login', 'step'];

export function advance(
  device: Device,
  permit: Permit,
  { name, from, to }: Commands['advance']['arguments'],
): Result<Record<never, never>, DeviceErrorCode> {
  const fault =
    checkName(name) ?? (from === null ? undefined : checkHead('from', from)) ?? checkHead('to', to);
  if (fault !== undefined) return fault;
  const { memory, core } = device;
  const { anchors } = memory;
  const is = anchors.get(name);
  const isThere = () => is !== undefined && isSame(is, to);
  if (decide(core.chip.cpu, 'advance.there', isThere)) return succeed({});
  const { limits } = core.profile;
  if (is === undefined && anchors.size >= limits.anchors)
    return refuse(
      'anchors_full',
      `\`${name}\` would be anchor ${anchors.size + 1}: at most ${limits.anchors} are accepted`,
    );
  const step = new Permit(core.chip.cpu, permit);
  const test = () => isStep(anchors.get(name), from, to);
  if (!step.pass('step', [test, test, test])) return refuseStep(name, is, from, to);
  device.commit(
    { kind: 'anchor', name, head: { sequence: to.sequence, hash: Uint8Array.from(to.hash) } },
    step,
    needed,
  );
  return succeed({});
}

/** INVARIANT: an anchor goes up from where it is; from nothing only where there is none. */
function isStep(is: Head | undefined, from: Head | null, to: Head): boolean {
  if (is === undefined || from === null) return is === undefined && from === null;
  return isSame(is, from) && to.sequence > is.sequence;
}

export function isSame(a: Head, b: Head): boolean {
  return a.sequence === b.sequence && equalBytes(a.hash, b.hash);
}

function refuseStep(
  name: string,
  is: Head | undefined,
  from: Head | null,
  to: Head,
): Result<never, DeviceErrorCode> {
  const anchored = is === undefined ? 'nothing is anchored' : `${showHead(is)} is anchored`;
  if (is !== undefined && from !== null && isSame(is, from))
    return refuse(
      'anchor_moved',
      `\`${name}\`: ${anchored}, and ${showHead(to)} is not above it: a higher entry is accepted`,
    );
  const given = from === null ? 'nothing' : showHead(from);
  const accepted =
    is === undefined ? 'a first head, from nothing,' : 'a step from there, or the same head again,';
  return refuse('anchor_moved', `\`${name}\`: ${anchored}, not ${given}: ${accepted} is accepted`);
}

/** Such as `entry 12 (3f0c…)`, the hash whole: whoever looks for where a journal was left needs all of it. */
export function showHead({ sequence, hash }: Head): string {
  return `entry ${sequence} (${toHex(hash)})`;
}

export function readAnchor(
  device: Device,
  { name }: Commands['read-anchor']['arguments'],
): Result<Commands['read-anchor']['result'], DeviceErrorCode> {
  const fault = checkName(name);
  if (fault !== undefined) return fault;
  const head = device.memory.anchors.get(name);
  return succeed({ head: head === undefined ? null : { ...head, hash: Uint8Array.from(head.hash) } });
}
