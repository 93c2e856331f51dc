/** What opens owner commitments: the `.owners.json` that `ringmint request` and `ringmint bulk` write. */
import { fromHex, toHex } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { decodeText } from '../../records/json-text.ts';
import { commitOwner } from '../../records/unit.ts';
import { readInput } from '../file.ts';

/** 65,536 openings take some 17 MB. */
const sizeLimit = 64 * 1024 * 1024;

export interface Opening {
  /** As text: a name, or `key:` and the id of a key. */
  readonly owner: string;
  readonly blinding: Uint8Array;
}

/** By the commitment in hex. */
export type Openings = ReadonlyMap<string, Opening>;

/** Reads the files, and holds each opening against its commitment; refuses as `openings_malformed`, and as reading a file does. */
export async function readOpenings(paths: readonly string[]): Promise<Result<Openings>> {
  const openings = new Map<string, Opening>();
  for (const path of paths) {
    const bytes = await readInput(path, sizeLimit);
    if (!bytes.ok) return bytes;
    const text = decodeText(bytes.value);
    const items = text.ok ? parseList(text.value) : undefined;
    if (items === undefined)
      return malformed(path, 'a list of openings as `ringmint request` and `ringmint bulk` write it');
    for (const [index, item] of items.entries()) {
      const opening = readOpening(item);
      if (opening === undefined)
        return malformed(path, `[${index}]: an object with owner, commitment and the blinding that opens it`);
      openings.set(toHex(commitOwner(opening.owner, opening.blinding)), opening);
    }
  }
  return succeed(openings);
}

function parseList(text: string): readonly unknown[] | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return Array.isArray(json) ? json : undefined;
  } catch {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return undefined;
  }
}

function readOpening(item: unknown): Opening | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { owner, commitment, blinding } = item as Record<string, unknown>;
  const bytes = typeof blinding === 'string' ? fromHex(blinding) : undefined;
  if (typeof owner !== 'string' || typeof commitment !== 'string' || bytes?.length !== 32) return undefined;
  return toHex(commitOwner(owner, bytes)) === commitment.toLowerCase()
    ? { owner, blinding: bytes }
    : undefined;
}

function malformed(path: string, accepted: string): Result<never, 'openings_malformed'> {
  return refuse('openings_malformed', `${quote(path)}: ${accepted} is accepted`);
}
