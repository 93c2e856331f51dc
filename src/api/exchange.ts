/**
 * One call of a declared resource, from the caller's side: bounded in time and in bytes, and nothing of the answer is believed before it
 * fits the declaration. A peer that breaks it, or lies, is a refusal with the code `peer_fault`.
 */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { type Dispatcher, request as sendRequest } from 'undici';
import { utf8 } from '../kit/bytes.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { EventTooLongError, type ReceivedEvent, readEvents } from './event-reading.ts';
import { eventStreamType } from './event-stream.ts';
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

const problemLimit = 64 * 1024;

/** What goes out with a call. */
export interface Sent {
  readonly body?: Uint8Array;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A resource that answers with JSON. */
export type JsonRoute<S extends TSchema> = RouteDefinition & { readonly answer: { readonly schema: S } };

/** Calls `route` and gives the answer's bytes, of the declared media type and size. */
export async function exchange(
  route: RouteDefinition,
  { dispatcher, timeoutMs, peerName, base }: Exchange,
  call: Sent = {},
): Promise<Result<Answer>> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await sendRequest(addressOf(route, base, call), {
      dispatcher,
      method: route.method,
      signal,
      ...sent(route, call),
    });
    const succeeded = response.statusCode === 200;
    const header = headerOf(response);
    const bytes = await readBytes(response.body, succeeded ? route.answer.limit : problemLimit);
    if (bytes === undefined) return refuse('peer_fault', `${peerName} answered with more bytes than it may`);
    const fits = checkType(response, peerName, succeeded ? route.answer.type : problemType);
    if (!fits.ok) return fits;
    if (succeeded) return succeed({ bytes, header });
    return readProblem(route, peerName, response.statusCode, bytes, header('retry-after'));
  } catch (error) {
    return unanswered(peerName, base, signal.aborted ? `${timeoutMs} ms are over` : causeOf(error));
  }
}

/** Calls `route` and gives its answer, JSON that fits its schema. */
export async function exchangeJson<S extends TSchema>(
  route: JsonRoute<S>,
  to: Exchange,
  call: Sent = {},
): Promise<Result<Static<S>>> {
  const answer = await exchange(route, to, call);
  return answer.ok ? readJson(route.answer.schema, answer.value.bytes, to.peerName) : answer;
}

/**
 * Calls `route` for events. The last one that it gives is a refusal, at the latest that the stream has ended: whether it has an end of its
 * own is for the caller to know, who then asks for no more. `timeoutMs` counts from one sign of life to the next.
 */
export async function* exchangeEvents(
  route: RouteDefinition,
  { dispatcher, peerName, base }: Exchange,
  call: Sent & { readonly ended?: AbortSignal } = {},
): AsyncGenerator<Result<ReceivedEvent>> {
  try {
    const response = await sendRequest(addressOf(route, base, call), {
      dispatcher,
      method: route.method,
      ...sent(route, { ...call, headers: { ...call.headers, accept: eventStreamType } }),
      ...(call.ended === undefined ? {} : { signal: call.ended }),
    });
    const succeeded = response.statusCode === 200;
    const fits = checkType(response, peerName, succeeded ? eventStreamType : problemType);
    if (!fits.ok) {
      response.body.destroy();
      return yield fits;
    }
    if (!succeeded) {
      const bytes = await readBytes(response.body, problemLimit);
      if (bytes === undefined)
        return yield refuse('peer_fault', `${peerName} answered with more bytes than it may`);
      const { statusCode } = response;
      return yield readProblem(route, peerName, statusCode, bytes, headerOf(response)('retry-after'));
    }
    // Leaving the loop destroys the body, and the connection with it.
    for await (const event of readEvents(response.body)) {
      if (event.event !== 'problem') yield succeed(event);
      else {
        const bytes = utf8(event.data);
        const status = Number((parseJson(bytes) as { status?: unknown } | undefined)?.status);
        return yield readProblem(route, peerName, status, bytes, undefined);
      }
    }
    yield unanswered(peerName, base, 'the stream of events ended');
  } catch (error) {
    if (error instanceof EventTooLongError) yield refuse('peer_fault', `${peerName} sent ${error.message}`);
    else yield unanswered(peerName, base, causeOf(error));
  }
}

function addressOf(route: RouteDefinition, base: string, { query = {} }: Sent): URL {
  const address = new URL(route.path, base);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) address.searchParams.set(name, String(value));
  return address;
}

function sent(route: RouteDefinition, { body, headers = {} }: Sent) {
  if (body === undefined) return { headers };
  return { body, headers: { 'content-type': route.body?.types[0] ?? '', ...headers } };
}

function headerOf({ headers }: Dispatcher.ResponseData): Answer['header'] {
  return (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
}

function checkType(
  response: Dispatcher.ResponseData,
  peerName: string,
  expected: string,
): Result<null, 'peer_fault'> {
  const given = headerOf(response)('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (given === expected) return succeed(null);
  return refuse(
    'peer_fault',
    `${peerName} answered with status ${response.statusCode} and media type ${quote(given)}: \`${expected}\` is expected`,
  );
}

/** Whether the call arrived is unknown: the same bytes may be sent again, and nothing happens twice. */
function unanswered(peerName: string, base: string, why: string): Refusal<'peer_unavailable'> {
  return refuse('peer_unavailable', `${peerName} at ${base} did not answer: ${why}`);
}

/** JSON that fits `schema`. */
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
