/** What `ringmint retire` and `ringmint account transfer` have in common: the options of an owner's record, and how it is written down. */
import type { Clock, RandomBytes } from '../../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { keyOfOwner } from '../../records/owner.ts';
import type { OwnerInstruction } from '../../records/owner-instruction.ts';
import { makeRequestId } from '../../records/request-id.ts';
import type { ApproverKey } from '../ceremony/approver-key.ts';
import { writeNewFile } from '../file.ts';

export interface Source {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface InstructionOptions {
  readonly reason: string | undefined;
  /** Seconds. */
  readonly valid: string;
  /** An account as text, or null: retired for good. */
  readonly creditTo: string | null;
}

type Common = Pick<OwnerInstruction, 'id' | 'issuedAt' | 'expiresAt' | 'ownerKey' | 'creditTo' | 'reason'>;

/** With an id of its own; refuses as `usage`. */
export function readInstructionOptions(
  { reason, valid, creditTo }: InstructionOptions,
  { key }: ApproverKey,
  { clock, random }: Source,
): Result<Common, 'usage'> {
  if (reason === undefined)
    return refuse('usage', '`--reason` is missing: text of 1 to 140 characters is accepted');
  if (!/^\d{1,9}$/.test(valid) || Number(valid) < 1)
    return refuse('usage', `--valid ${quote(valid)}: a whole number of seconds from 1 on is accepted`);
  const account = creditTo === null ? succeed(null) : readAccount(creditTo);
  if (!account.ok) return account;
  const issuedAt = clock.nowSeconds();
  return succeed({
    id: makeRequestId(clock, random),
    issuedAt,
    expiresAt: issuedAt + Number(valid),
    ownerKey: key,
    creditTo: account.value,
    reason,
  });
}

/** The id of the account's key. */
export function readAccount(text: string): Result<Uint8Array, 'usage'> {
  const account = keyOfOwner(text);
  return account === undefined
    ? refuse(
        'usage',
        `${quote(text)} is no account: \`key:\` with 64 small hex digits, as \`ringmint owner show\` tells it, is accepted`,
      )
    : succeed(account);
}

/** Writes the record before it is sent: a file that is there may be of an earlier one, which was sent perhaps, and is kept. */
export async function writeRecord(path: string, bytes: Uint8Array, again: string): Promise<Result<null>> {
  const written = await writeNewFile(path, bytes);
  if (written.ok || written.code !== 'file_exists') return written;
  return { ...written, message: `${written.message}; \`${again}\` sends what is in it` };
}
