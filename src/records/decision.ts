/**
 * What central management answers to a request: a credential for the orders that it approves, encrypted to quota control, and a
 * signed denial of the others.
 *
 * ```
 * ┌ array(4) ─────────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.decision" │ version 1 │ credential, encrypted, or null │ denial or null     │
 * └────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 */
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';

const kind = 'ringmint.decision';
const version = 1;

/** At least one of the two is there. */
export interface Decision {
  /** COSE_Encrypt to quota control's key-agreement key. */
  readonly credential: Uint8Array | null;
  /** COSE_Sign1 */
  readonly denial: Uint8Array | null;
}

export function encodeDecision({ credential, denial }: Decision): Uint8Array {
  assert(credential !== null || denial !== null, 'a decision approves or denies');
  return encodeCbor([kind, version, credential, denial]);
}

/** Decodes untrusted bytes; codes `not_cbor` and `record_malformed`. */
export function decodeDecision(bytes: Uint8Array): Result<Decision, 'not_cbor' | 'record_malformed'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 4) return malformed();
  const [name, number, credential, denial] = decoded.value;
  if (name !== kind || number !== version || (credential === null && denial === null)) return malformed();
  if (!(credential === null || credential instanceof Uint8Array)) return malformed();
  if (!(denial === null || denial instanceof Uint8Array)) return malformed();
  return succeed({ credential, denial });
}

function malformed(): Refusal<'record_malformed'> {
  return refuse(
    'record_malformed',
    'not a decision: an array of `ringmint.decision`, version 1, credential and denial, of which one may be null, is accepted',
  );
}
