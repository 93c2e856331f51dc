/**
 * One call of a declared resource, from the caller's side: bounded in time and in bytes, and nothing of the answer is believed before it
 * fits the declaration. A peer that breaks it, or lies, is a refusal with the code `peer_fault`.
 */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { type Dispatcher, request as sendRequest } from 'undici';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { problemSchema, problemType } from './problem.ts';
import { statusOf } from './problem-code.ts';
import { problemsOf, type RouteDefinition } from './route.ts';

export interface Exchange {
  readonly dispatcher: Dispatcher;
  /** For the whole call, until the last byte of the answer. */
  readonly timeoutMs: number;
  /** As a message names it, such as `the quota system`. */
  readonly peerName: string;
  /** Base address. */
  readonly base: string;
}

export interface Answer {
  readonly bytes: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

/** What goes out with a call. */
export interface Sent {
  readonly body?: Uint8Array;
  readonly query?: Readonly<Record<string, string>>;
}

const problemLimit = 64 * 1024;

/** Calls `route` and gives the answer's bytes, of the declared media type and size. */
export async function exchange(
  route: RouteDefinition,
  { dispatcher, timeoutMs, peerName, base }: Exchange,
  { body, query = {} }: Sent = {},
): Promise<Result<Answer>> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await sendRequest(new URL(route.path, base), {
      dispatcher,
      method: route.method,
      query,
      signal,
      ...(body === undefined ? {} : { body, headers: { 'content-type': route.body?.types[0] ?? '' } }),
    });
    const succeeded = response.statusCode === 200;
    const header = (name: string): string | undefined => {
      const value = response.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const bytes = await readBytes(response.body, succeeded ? route.answer.limit : problemLimit);
    if (bytes === undefined) return refuse('peer_fault', `${peerName} answered with more bytes than it may`);
    const expected = succeeded ? route.answer.type : problemType;
    const given = header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
    if (given !== expected) {
      return refuse(
        'peer_fault',
        `${peerName} answered with status ${response.statusCode} and media type ${quote(given)}: \`${expected}\` is expected`,
      );
    }
    if (succeeded) return succeed({ bytes, header });
    return readProblem(route, peerName, response.statusCode, bytes, header('retry-after'));
  } catch (error) {
    // Whether the call arrived is unknown: the same bytes may be sent again, and nothing happens twice.
    return refuse(
      'peer_unavailable',
      `${peerName} at ${base} did not answer: ${signal.aborted ? `${timeoutMs} ms are over` : causeOf(error)}`,
    );
  }
}

/** The answer as JSON that fits `schema`. */
export function readJson<S extends TSchema>(
  schema: S,
  bytes: Uint8Array,
  peerName: string,
): Result<Static<S>> {
  const json = parseJson(bytes);
  if (Value.Check(schema, json)) return succeed(json as Static<S>);
  const [first] = Value.Errors(schema, json);
  return refuse(
    'peer_fault',
    `${peerName} answered with JSON that does not fit: ${quote(first?.instancePath ?? '')} ${first?.message ?? 'is not accepted'}`,
  );
}

function readProblem(
  route: RouteDefinition,
  peerName: string,
  status: number,
  bytes: Uint8Array,
  retryAfter: string | undefined,
): Refusal {
  const schema = problemSchema(problemsOf(route));
  const problem = parseJson(bytes);
  if (!Value.Check(schema, problem) || statusOf(problem.code) !== status || problem.status !== status) {
    return refuse(
      'peer_fault',
      `${peerName} answered with status ${status} and problem details that it may not answer with`,
    );
  }
  const refusal = refuse(problem.code, problem.detail, problem.field);
  // RFC 9110 §10.2.3: seconds; a date is not used here.
  if (retryAfter === undefined || !/^[0-9]{1,9}$/.test(retryAfter)) return refusal;
  return { ...refusal, retryAfterSeconds: Number(retryAfter) };
}

/** All of them, or `undefined` as soon as there are more than `limit`. */
async function readBytes(
  body: AsyncIterable<Uint8Array> & { destroy(): unknown },
  limit: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    // Leaving the loop destroys the body, and the connection with it.
    if (length > limit) return undefined;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts, length));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // No schema accepts it: text that is not JSON is as wrong as JSON of another shape.
    return undefined;
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown cause';
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : error.name;
}
