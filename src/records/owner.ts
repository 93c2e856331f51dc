/**
 * Who owns a unit, as text. Two kinds: a name as a person writes it, and a key that can prove itself, written `key:` and 64 small hex
 * digits. Whoever has the key's private half can retire the unit; nobody can retire a unit of a plain name by proof.
 *
 * A key has one spelling only: a commitment is over the text, and an owner must find the one text that opens it.
 */
import { fromHex, toHex } from '../kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import { purposePattern } from './request.ts';

/** Whoever gets a unit: by a name, or as the commitment that issuance takes. */
export type Owner = { readonly name: string } | { readonly commitment: Uint8Array };

const prefix = 'key:';

export const ownerAccepted =
  'a name of 1 to 140 characters, `key:` with 64 small hex digits, or a commitment of 32 bytes as 64 hex digits';

/** The owner that the key with this id (32 bytes) is. */
export function ownerOfKey(keyId: Uint8Array): string {
  assert(keyId.length === 32, 'a key id has 32 bytes');
  return prefix + toHex(keyId);
}

/** The id of the key that the owner is; `undefined` of a plain name, and of every other spelling of a key. */
export function keyOfOwner(owner: string): Uint8Array | undefined {
  const digits = owner.startsWith(prefix) ? owner.slice(prefix.length) : '';
  return /^[0-9a-f]{64}$/.test(digits) ? fromHex(digits) : undefined;
}

/** A name, or a key in its one spelling: what looks like a key and is none would be an owner that nobody can prove to be. */
export function isOwnerName(text: string): boolean {
  if (text.length < 1 || !purposePattern.test(text)) return false;
  return !/^key:/i.test(text) || keyOfOwner(text) !== undefined;
}

/** An owner as text: 64 hex digits are a commitment, anything else is a name. */
export function readOwner(value: unknown, field: string): Result<Owner, 'draft_field_invalid'> {
  if (typeof value !== 'string' || !isOwnerName(value)) {
    return refuse(
      'draft_field_invalid',
      `${field}: ${ownerAccepted} is accepted, not ${quote(value)}`,
      field,
    );
  }
  const commitment = value.length === 64 ? fromHex(value) : undefined;
  return succeed(commitment === undefined ? { name: value } : { commitment });
}
