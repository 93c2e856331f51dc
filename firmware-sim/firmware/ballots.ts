/**
 * Ballots: one choice a proposal, for ever.
 *
 * ```
 * COSE_Sign1 (tag 18)  protected { 1: algorithm, 4: key id (32), 16: "application/vnd.ringmint.ballot+cose" }, unprotected {}
 * payload              { 256: 0x01 ‖ serial (16), 258: vendor's number, -65610: proposal (32), -65611: "approve", "reject" or "abstain" }
 * ```
 * 256 and 258 are ueid and oemid of RFC 9711 §4.2.1 and §4.2.3. The choice is kept before it is signed: a cut leaves a proposal without a ballot, or one
 * whose ballot the same command gives again, byte for byte.
 */
import { concatBytes, toHex } from '../../src/kit/bytes.ts';
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { BallotChoice, Commands, DeviceErrorCode } from '../protocol.ts';
import { checkLabel, checkLength, checkOne } from './argument.ts';
import type { Device } from './device.ts';
import { type Guard, Permit } from './guard.ts';
import { type HeldKey, unmaskKey } from './keys.ts';
import { coseAlgorithm, keyIdOf, signWith } from './signing.ts';
import { ballotChoices, type StoredBallot } from './state.ts';

export const ballotType = 'application/vnd.ringmint.ballot+cose';

/** Claims of a ballot, beside those of RFC 9711. */
const claim = { ueid: 256, oemid: 258, proposal: -65610, choice: -65611 } as const;
const sign1Tag = 0xd2;

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
  return succeed({ ballot: sealBallot(device, second, key, algorithm, proposal, choice) });
}

function isCast(cast: StoredBallot | undefined, label: string, choice: BallotChoice): boolean {
  return cast !== undefined && cast.label === label && cast.choice === choice;
}

function sealBallot(
  { core }: Device,
  permit: Permit,
  key: HeldKey,
  algorithm: 'ES256' | 'ES384' | 'EdDSA',
  proposal: Uint8Array,
  choice: BallotChoice,
): Uint8Array {
  const { profile, serial, chip } = core;
  const { point } = key.stored;
  const header = encodeCbor(
    new Map<number, CborValue>([
      [1, coseAlgorithm[algorithm]],
      [4, keyIdOf(algorithm, point)],
      [16, ballotType],
    ]),
  );
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [claim.ueid, concatBytes(Uint8Array.of(1), serial)],
      [claim.oemid, profile.oem],
      [claim.proposal, proposal],
      [claim.choice, choice],
    ]),
  );
  const message = encodeCbor(['Signature1', header, new Uint8Array(), payload]);
  const signature = signWith(chip.cpu, 'vote', point, {
    algorithm,
    secret: unmaskKey(key, permit),
    message,
    lowS: profile.quirks.lowS,
  });
  return concatBytes(Uint8Array.of(sign1Tag), encodeCbor([header, new Map(), payload, signature]));
}
