/** What is said in frames: hello, request, answer. Reading is total: any bytes give a value or a refusal. */
import type { CborValue } from '../src/kit/encoding.ts';
import { decodeCbor, encodeCbor } from '../src/kit/encoding.ts';
import { type Refusal, type Result, refuse, succeed } from '../src/kit/result.ts';

const version = 'ringmint.device.v1';

/** What the device says first on each connection. */
export interface Hello {
  /** 16 bytes, new for each connection. */
  readonly nonce: Uint8Array;
  /** What the PIN's key is derived with; null for a device without a PIN. */
  readonly pin: { readonly salt: Uint8Array; readonly iterations: number } | null;
  readonly profile: string;
  /** The most bytes that a frame's body has, both ways. */
  readonly frameBytes: number;
}

export interface Request {
  readonly command: string;
  readonly given: ReadonlyMap<number | string, CborValue>;
}

export type Answer =
  | { readonly ok: true; readonly result: ReadonlyMap<number | string, CborValue> }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly field: string | undefined;
    };

/** A body that is not sealed, or what was sealed: a number, and what it says. */
export interface Message {
  /** 0 where the device speaks of the connection, and not of a request. */
  readonly sequence: number;
  readonly items: readonly CborValue[];
}

/** Iterations beyond it are nobody's: a client would be at work for minutes. */
const iterationLimit = 10_000_000;

export function encodeHello({ nonce, pin, profile, frameBytes }: Hello): Uint8Array {
  return encodeCbor([version, nonce, pin === null ? null : [pin.salt, pin.iterations], profile, frameBytes]);
}

export function decodeHello(body: Uint8Array): Result<Hello, 'frame_malformed'> {
  const decoded = decodeCbor(body);
  if (!decoded.ok || !isArray(decoded.value) || decoded.value.length !== 5)
    return malformed('a hello of 5 items');
  const [says, nonce, pin, profile, frameBytes] = decoded.value;
  if (says !== version) return malformed(`\`${version}\``);
  if (!isBytes(nonce, 16) || typeof profile !== 'string' || !isCount(frameBytes) || frameBytes < 1_024)
    return malformed('nonce, PIN, profile and frame limit of a hello');
  if (pin === null) return succeed({ nonce, pin, profile, frameBytes });
  if (!isArray(pin) || pin.length !== 2) return malformed('salt and iterations of the PIN');
  const [salt, iterations] = pin;
  if (!isBytes(salt, 16) || !isCount(iterations) || iterations < 1 || iterations > iterationLimit)
    return malformed('salt and iterations of the PIN');
  return succeed({ nonce, pin: { salt, iterations }, profile, frameBytes });
}

export function requestItems(command: string, given: ReadonlyMap<string, CborValue>): readonly CborValue[] {
  return [command, given];
}

export function readRequest({ items }: Message): Result<Request, 'frame_malformed'> {
  const [command, given] = items;
  if (items.length !== 2 || typeof command !== 'string' || !isMap(given))
    return malformed('a sequence number, a command and a map of arguments');
  return succeed({ command, given });
}

export function resultItems(result: ReadonlyMap<string, CborValue>): readonly CborValue[] {
  return [0, result];
}

export function refusalItems({ code, message, field }: Refusal): readonly CborValue[] {
  return field === undefined ? [code, message] : [code, message, field];
}

export function readAnswer({ items }: Message): Result<Answer, 'frame_malformed'> {
  const [code, second, field] = items;
  if (code === 0 && items.length === 2 && isMap(second)) return succeed({ ok: true, result: second });
  if (
    typeof code === 'string' &&
    typeof second === 'string' &&
    (items.length === 2 || (items.length === 3 && typeof field === 'string'))
  ) {
    return succeed({
      ok: false,
      code,
      message: second,
      field: typeof field === 'string' ? field : undefined,
    });
  }
  return malformed('0 and a map of results, or a code and a message');
}

export function encodeMessage({ sequence, items }: Message): Uint8Array {
  return encodeCbor([sequence, ...items]);
}

/** The array of a body: its number, and the rest. */
export function readMessage(body: Uint8Array): Result<Message, 'frame_malformed'> {
  const decoded = decodeCbor(body);
  if (!decoded.ok) return malformed('deterministic CBOR');
  if (!isArray(decoded.value)) return malformed('an array');
  const [sequence, ...items] = decoded.value;
  if (!isCount(sequence)) return malformed('an array that begins with its sequence number');
  return succeed({ sequence, items });
}

function malformed(accepted: string): Refusal<'frame_malformed'> {
  return refuse('frame_malformed', `the frame is not understood: ${accepted} would be accepted`);
}

function isArray(value: CborValue | undefined): value is readonly CborValue[] {
  return Array.isArray(value);
}

function isMap(value: CborValue | undefined): value is ReadonlyMap<number | string, CborValue> {
  return value instanceof Map;
}

function isBytes(value: CborValue | undefined, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

function isCount(value: CborValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
