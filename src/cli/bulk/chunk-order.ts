/** The order of a chunk: what is sent, and what opens the owners' commitments in it. Both follow from the manifest and the CSV. */
import { concatBytes, sha256, toHex, utf8 } from '../../kit/bytes.ts';
import type { Draft, DraftLot } from '../../records/draft.ts';
import { makeRequestId } from '../../records/request-id.ts';
import { commitOwner } from '../../records/unit.ts';
import type { BulkManifest } from './manifest.ts';
import type { PayeeChunk } from './payee-chunks.ts';

/**
 * The id of a chunk's order, UUIDv7: the same at each run. A chunk that was denied has another one with the next attempt, because a
 * denied id keeps its denial.
 */
export function orderId(manifest: BulkManifest, chunk: number, attempt: number): Uint8Array {
  const label = `ringmint.bulk-order.v1 ${chunk} ${attempt}`;
  const drawn = sha256(concatBytes(manifest.seed, utf8(label)));
  return idOf(manifest, drawn);
}

/** The id of the reservation of the whole: the same at each run, so that nothing is kept twice. */
export function reservationId(manifest: BulkManifest): Uint8Array {
  const drawn = sha256(concatBytes(manifest.seed, utf8('ringmint.bulk-reservation.v1')));
  return idOf(manifest, drawn);
}

function idOf({ createdMs }: BulkManifest, drawn: Uint8Array): Uint8Array {
  const clock = { nowMs: () => createdMs, nowSeconds: () => Math.floor(createdMs / 1000) };
  return makeRequestId(clock, (length) => drawn.slice(0, length));
}

/** A lot of one unit. */
export type CommittedLot = DraftLot & { readonly owner: { readonly commitment: Uint8Array } };

export interface ChunkOrder {
  readonly lots: readonly CommittedLot[];
  /** JSON in parts, a line an opening, in the order of the rows; for those owners that were names. */
  readonly openings: () => Iterable<string>;
  /** What else is in the draft, but for its id. */
  readonly terms: Omit<Draft, 'id' | 'lots'>;
}

/** Puts commitments in the place of names, each row with a blinding of its own: SHA-256(seed ‖ 'ringmint.bulk-blinding.v1' ‖ line, 8 bytes). */
export function makeChunkOrder(manifest: BulkManifest, chunk: PayeeChunk): ChunkOrder {
  const { currency, purpose, origin, destination, reserve } = manifest.terms;
  const kept = reserve === undefined ? {} : { reservation: reservationId(manifest) };
  const { rows } = chunk;
  const blindingInput = concatBytes(manifest.seed, utf8('ringmint.bulk-blinding.v1'), new Uint8Array(8));
  const lineOfInput = new DataView(blindingInput.buffer, blindingInput.length - 8);
  // Side by side, and not each with a memory of its own.
  const blindings = new Uint8Array(32 * rows.length);
  const lots = rows.map(({ line, owner, value }, i): CommittedLot => {
    if ('commitment' in owner) return { value, count: 1, owner };
    lineOfInput.setBigUint64(0, BigInt(line));
    const blinding = sha256(blindingInput);
    blindings.set(blinding, 32 * i);
    return { value, count: 1, owner: { commitment: commitOwner(owner.name, blinding) } };
  });
  return {
    lots,
    terms: { currency, purpose, origin, destination, total: chunk.total, ...kept },
    openings: function* () {
      let text = '[';
      let separator = '\n';
      for (const [i, { line, owner }] of rows.entries()) {
        if (!('name' in owner)) continue;
        const commitment = toHex(lots[i]?.owner.commitment ?? new Uint8Array());
        const blinding = toHex(blindings.subarray(32 * i, 32 * (i + 1)));
        text += `${separator}{"line":${line},"owner":${JSON.stringify(owner.name)},"commitment":"${commitment}","blinding":"${blinding}"}`;
        separator = ',\n';
        if (text.length < 256 * 1024) continue;
        yield text;
        text = '';
      }
      yield `${text}\n]\n`;
    },
  };
}
