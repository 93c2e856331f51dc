/**
 * Ballots: one choice a proposal, for ever.
 *
 * ```
 * COSE_Sign1 (tag 18)  protected { 1: algorithm, 4: key id (32), 16: "application/vnd.ringmint.ballot+cose" }, unprotected {}
 * payload              { 256: 0x01 ‖ serial (16), 258: vendor's number, -65710: proposal (32), -65711: "approve", "reject" or "abstain" }
 * ```
 * 256 and 258 are ueid and oemid of RFC 9711 §4.2.1 and §4.2.3. The choice is kept before it is signed: a cut leaves a proposal without a ballot, or one
 * whose ballot the same command gives again, byte for byte.
 */
import { toHex } from '../../src/kit/bytes.ts';
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { BallotChoice, Commands, DeviceErrorCode } from '../protocol.ts';
import { checkLabel, checkLength, checkOne } from './argument.ts';
import { attestationClaim, ueidOf } from './attestation-claims.ts';
import type { Device } from './device.ts';
import { type Guard, Permit } from './guard.ts';
import { type HeldKey, unmaskKey } from './keys.ts';
import { type CurveAlgorithm, makeSign1 } from './sign1.ts';
import { signWith } from './signing.ts';
import { ballotChoices, type StoredBallot } from './state.ts';

export const ballotType = 'application/vnd.ringmint.ballot+cose';

/** Private ones below -65536 (RFC 8392 §9.1). */
const ballotClaim = {
  ueid: attestationClaim.ueid,
  oemid: attestationClaim.oemid,
  proposal: -65_710,
  choice: -65_711,
} as const;

const needed: readonly Guard[] = ['lifecycle', 'login', 'ballot'];

export function vote(
  device: Device,
  permit: Permit,
  { label, proposal, choice }: Commands['vote']['arguments'],
): Result<Commands['vote']['result'], DeviceErrorCode> {
  const fault =
    checkLabel(label) ?? checkLength('proposal', proposal, 32) ?? checkOne('choice', choice, ballotChoices);
  if (fault !== undefined) return fault;
  const { memory, core, keys } = device;
  const key = keys.get(label);
  if (key === undefined) return refuse('key_missing', `there is no key \`${label}\`: \`keys\` lists them`);
  const { use, algorithm } = key.stored;
  if (use !== 'vote' || algorithm === 'PS256')
    return refuse('use_mismatch', `\`${label}\` is a key to ${use}: one of use \`vote\` is accepted`);
  const { ballots } = memory;
  const { limits } = core.profile;
  const name = toHex(proposal);
  if (!ballots.has(name) && ballots.size >= limits.ballots)
    return refuse(
      'ballots_full',
      `it has cast ${ballots.size} ballots: a proposal on which it has cast one is accepted`,
    );
  const { cpu } = core.chip;
  const first = new Permit(cpu, permit);
  const isOpen = () => !ballots.has(name) || isCast(ballots.get(name), label, choice);
  if (!first.pass('ballot', [isOpen, isOpen, isOpen])) {
    const cast = ballots.get(name);
    return refuse(
      'ballot_cast',
      `it has cast \`${cast?.choice ?? ''}\` with \`${cast?.label ?? ''}\` on this proposal: the same again is accepted`,
    );
  }
  if (!ballots.has(name))
    device.commit(
      { kind: 'ballot', ballot: { proposal: Uint8Array.from(proposal), label, choice } },
      first,
      needed,
    );
  // INVARIANT: what is signed is what is kept. The first permit was made before it was.
  const second = new Permit(cpu, permit);
  const isKept = () => isCast(ballots.get(name), label, choice);
  if (!second.pass('ballot', [isKept, isKept, isKept]))
    return refuse('ballot_cast', 'the ballot was not kept: the same again is accepted');
  return succeed({
    ballot: sealBallot(device, { permit: second, key, algorithm }, { proposal, label, choice }),
  });
}

function isCast(cast: StoredBallot | undefined, label: string, choice: BallotChoice): boolean {
  return cast !== undefined && cast.label === label && cast.choice === choice;
}

interface BallotKey {
  readonly permit: Permit;
  readonly key: HeldKey;
  readonly algorithm: CurveAlgorithm;
}

function sealBallot(
  { core }: Device,
  { permit, key, algorithm }: BallotKey,
  { proposal, choice }: StoredBallot,
): Uint8Array {
  const { profile, serial, chip } = core;
  const { point } = key.stored;
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [ballotClaim.ueid, ueidOf(serial)],
      [ballotClaim.oemid, profile.oem],
      [ballotClaim.proposal, proposal],
      [ballotClaim.choice, choice],
    ]),
  );
  return makeSign1({ algorithm, point, type: ballotType, payload }, (message) =>
    signWith(chip.cpu, 'vote', point, {
      algorithm,
      secret: unmaskKey(key, permit),
      message,
      lowS: profile.quirks.lowS,
    }),
  );
}
