/**
 * A resource as it is declared: its path, who may ask, what goes in and out, and every problem that it can answer with. The server, the
 * OpenAPI document and the typed client are all made from this one declaration.
 */
import { STATUS_CODES } from 'node:http';
import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { eventStreamType } from './event-stream.ts';
import type { PeerRole } from './peer.ts';
import { problemSchema, problemType } from './problem.ts';
import { allCodes, bodyProblems, commonProblems, type ProblemCode, statusOf } from './problem-code.ts';

export interface RouteDefinition {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Unique among all three systems. */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly peers: readonly PeerRole[];
  readonly query?: TObject;
  /** Of the request; names in lower case. Others are let through. */
  readonly headers?: TObject;
  readonly body?: {
    readonly types: readonly string[];
    /** Bytes. */
    readonly limit: number;
    readonly description: string;
  };
  readonly answer: {
    readonly type: string;
    readonly description: string;
    /** Of JSON; other media types are described in words. */
    readonly schema?: TSchema;
    readonly headers?: Readonly<Record<string, TSchema>>;
    /** Bytes: what a caller reads at most. */
    readonly limit: number;
    /** A caller that has the answer already may say so (ETag, If-None-Match). */
    readonly tagged?: true;
    /** What a caller that names `text/event-stream` in Accept gets instead. */
    readonly events?: string;
  };
  /** Besides those that every resource may answer with. */
  readonly problems: readonly ProblemCode[];
}

export type QueryOf<R extends RouteDefinition> = R extends { readonly query: infer S extends TSchema }
  ? Static<S>
  : Record<never, never>;

export type HeadersOf<R extends RouteDefinition> = R extends { readonly headers: infer S extends TSchema }
  ? Static<S>
  : Record<never, never>;

/** The answer as JSON; `undefined` of a resource that answers with bytes. */
export type JsonOf<R extends RouteDefinition> = R['answer'] extends {
  readonly schema: infer S extends TSchema;
}
  ? Static<S>
  : undefined;

/** Keeps the types of the schemas. */
export function defineRoute<const R extends RouteDefinition>(route: R): R {
  return route;
}

/** Every code that the resource may answer with, once. */
export function problemsOf(route: RouteDefinition): readonly ProblemCode[] {
  return [
    ...new Set<ProblemCode>([
      ...commonProblems,
      ...(route.body === undefined ? [] : bodyProblems),
      ...route.problems,
    ]),
  ];
}

/** Bytes whose format is in docs/FORMATS.md. */
function bytesSchema(description: string): TSchema {
  return Type.Unsafe<Uint8Array>({ description: `${description}; docs/FORMATS.md has the bytes` });
}

/** What fastify checks and @fastify/swagger describes. */
export function schemaOf(route: RouteDefinition) {
  const { operationId, summary, description, peers, body, answer } = route;
  const headers = answer.tagged === undefined ? answer.headers : { ...answer.headers, etag: entityTagSchema };
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    // OpenAPI 3.1.1 §4.8.30: the names in the array are roles; alternatives are objects of their own.
    security: peers.map((peer) => ({ mutualTLS: [peer] })),
    querystring: route.query ?? Type.Object({}, { additionalProperties: false }),
    ...(route.headers === undefined ? {} : { headers: route.headers }),
    ...(body === undefined
      ? {}
      : {
          body: {
            content: Object.fromEntries(
              body.types.map((type) => [
                type,
                { schema: bytesSchema(`${body.description}; at most ${body.limit} bytes`) },
              ]),
            ),
          },
        }),
    response: {
      200: {
        description: answer.description,
        ...(headers === undefined ? {} : { headers }),
        content: {
          [answer.type]: { schema: answer.schema ?? bytesSchema(answer.description) },
          ...(answer.events === undefined
            ? {}
            : { [eventStreamType]: { schema: Type.String({ description: answer.events }) } }),
        },
      },
      ...(answer.tagged === undefined
        ? {}
        : {
            304: {
              type: 'null',
              description: 'If-None-Match names the answer',
              headers: { etag: entityTagSchema },
            },
          }),
      ...problemResponses(problemsOf(route)),
    },
  };
}

function problemResponses(codes: readonly ProblemCode[]): Record<number, object> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const status = statusOf(code) ?? 500;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, those]) => [
      status,
      {
        description: STATUS_CODES[status] ?? '',
        ...(status === 429 || status === 503 ? { headers: { 'retry-after': retryAfter } } : {}),
        content: {
          [problemType]: {
            schema: { allOf: [{ $ref: `${sharedProblem.$id}#` }, { properties: { code: { enum: those } } }] },
          },
        },
      },
    ]),
  );
}

/** What every problem has, once in the document. */
export const sharedProblem = { $id: 'Problem', ...problemSchema(allCodes) };

const entityTagSchema = Type.String({ description: 'of this answer: for If-None-Match (RFC 9110 §13.1.2)' });

const retryAfter = Type.Integer({
  minimum: 0,
  description: 'seconds after which the same call may be made again, where that is known',
});
