/** Deadlines of one request: its body has to arrive, and its answer to be taken. A peer that does neither is cut off. */
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpMetrics } from './http-metrics.ts';
import { problemOf, problemType } from './problem.ts';
import { type ProblemCode, statusOf } from './problem-code.ts';
import type { Server } from './server.ts';

export function addDeadlines(server: Server, seconds: number, metrics: HttpMetrics): void {
  server.addHook('onRequest', async (request) => {
    if (hasBody(request)) limitBody(request, seconds, metrics);
  });
  server.addHook('onSend', async (_request, reply) => {
    limitAnswer(reply, seconds, metrics);
  });
}

/** Whether a request announces a body (RFC 9112 §6). */
export function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function limitBody({ raw }: FastifyRequest, seconds: number, metrics: HttpMetrics): void {
  const { socket } = raw;
  const timer = setTimeout(() => {
    if (raw.complete || socket.destroyed) return;
    metrics.refuse('request_timeout');
    endWithProblem(socket, 'request_timeout', `the body did not arrive within ${seconds} seconds`);
  }, seconds * 1_000);
  const clear = (): void => clearTimeout(timer);
  raw.once('end', clear);
  socket.once('close', clear);
  raw.once('end', () => socket.off('close', clear));
}

function limitAnswer({ raw }: FastifyReply, seconds: number, metrics: HttpMetrics): void {
  const timer = setTimeout(() => {
    metrics.refuse('answer_timeout');
    raw.socket?.destroy();
  }, seconds * 1_000);
  raw.once('close', () => clearTimeout(timer));
}

/** Answers on the bare connection, where there is no request to answer or its body is not awaited, and closes it. */
export function endWithProblem(socket: Socket, code: ProblemCode, message: string): void {
  const status = statusOf(code) ?? 400;
  const body = JSON.stringify(problemOf({ code, message }, status));
  if (socket.writable) {
    socket.end(
      `HTTP/1.1 ${status} ${code}\r\ncontent-type: ${problemType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  // A peer that goes on sending does not keep it open.
  setTimeout(() => socket.destroy(), 500).unref();
}
