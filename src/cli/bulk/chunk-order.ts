/** The order of a chunk: what is sent, and what opens the owners' commitments in it. Both follow from the manifest and the CSV. */
import { concatBytes, sha256, toHex, utf8 } from '../../kit/bytes.ts';
import { type DraftLot, encodeDraft } from '../../records/draft.ts';
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
  const clock = { nowMs: () => manifest.createdMs, nowSeconds: () => Math.floor(manifest.createdMs / 1000) };
  return makeRequestId(clock, (length) => drawn.slice(0, length));
}

export interface ChunkOrder {
  readonly lots: readonly (DraftLot & { readonly owner: { readonly commitment: Uint8Array } })[];
  /** JSON in parts, a line an opening, in the order of the rows; for those owners that were names. */
  readonly openings: () => Iterable<string>;
  /** The draft's bytes under the id of an attempt. */
  draft(attempt: number): Uint8Array;
}

/** Puts commitments in the place of names, each row with a blinding of its own: SHA-256(seed ‖ 'ringmint.bulk-blinding.v1 ' ‖ line). */
export function makeChunkOrder(manifest: BulkManifest, chunk: PayeeChunk): ChunkOrder {
  const { currency, purpose, origin, destination } = manifest.terms;
  const blindingOf = (line: number): Uint8Array =>
    sha256(concatBytes(manifest.seed, utf8(`ringmint.bulk-blinding.v1 ${line}`)));
  const lots = chunk.rows.map(({ line, owner, value }) => ({
    value,
    count: 1,
    owner: 'name' in owner ? { commitment: commitOwner(owner.name, blindingOf(line)) } : owner,
  }));
  return {
    lots,
    openings: function* () {
      let text = '[';
      let separator = '\n';
      for (const [i, { line, owner }] of chunk.rows.entries()) {
        if (!('name' in owner)) continue;
        const commitment = toHex(lots[i]?.owner.commitment ?? new Uint8Array());
        text += `${separator}{"line":${line},"owner":${JSON.stringify(owner.name)},"commitment":"${commitment}","blinding":"${toHex(blindingOf(line))}"}`;
        separator = ',\n';
        if (text.length < 256 * 1024) continue;
        yield text;
        text = '';
      }
      yield `${text}\n]\n`;
    },
    draft: (attempt) =>
      encodeDraft({
        id: orderId(manifest, chunk.number, attempt),
        currency,
        total: chunk.total,
        lots,
        purpose,
        origin,
        destination,
      }),
  };
}
