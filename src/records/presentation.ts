/**
 * What issuance forwards to quota control: the credential it was given, the request it stands for and
 * the seed of the salts, so that quota control can derive every unit by itself and recompute the root.
 *
 * ```
 * ┌ array(5) ────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.presentation" │ version 1 │ credential, encrypted │ request │ seed (32) │
 * └───────────────────────────────────────────────────────────────────────────────────┘
 * ```
 */
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';

const kind = 'ringmint.presentation';
const version = 1;

export interface Presentation {
  /** COSE_Encrypt to quota control's key-agreement key, as central management gave it. */
  readonly credential: Uint8Array;
  /** The signed request, the very bytes whose hash the credential carries. */
  readonly request: Uint8Array;
  /** Seed of the units' salts, 32 random bytes; known to issuance and quota control only. */
  readonly seed: Uint8Array;
}

export function encodePresentation(presentation: Presentation): Uint8Array {
  assert(presentation.seed.length === 32, 'a seed has 32 bytes');
  return encodeCbor([kind, version, presentation.credential, presentation.request, presentation.seed]);
}

/** Decodes untrusted bytes; codes `not_cbor` and `record_malformed`. */
export function decodePresentation(bytes: Uint8Array): Result<Presentation, 'not_cbor' | 'record_malformed'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 5) return malformed();
  const [name, number, credential, request, seed] = decoded.value;
  if (name !== kind || number !== version) return malformed();
  if (!(credential instanceof Uint8Array) || !(request instanceof Uint8Array)) return malformed();
  if (!(seed instanceof Uint8Array) || seed.length !== 32) return malformed();
  return succeed({ credential, request, seed });
}

function malformed(): Refusal<'record_malformed'> {
  return refuse(
    'record_malformed',
    'not a presentation: an array of `ringmint.presentation`, version 1, credential, request and a seed of 32 bytes is accepted',
  );
}
