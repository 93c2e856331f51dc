/**
 * Server-sent events (WHATWG HTML, §9.2): `text/event-stream`, one event after another, for as long as there is something to tell and
 * somebody who takes it. What is not taken is waited for and not kept: memory does not grow with a slow reader, who is cut off in the end.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Refusal, refuse } from '../kit/result.ts';
import { identityOfRequest } from './peer.ts';
import { problemOf } from './problem.ts';
import { statusOf } from './problem-code.ts';
import type { Server } from './server.ts';

export const eventStreamType = 'text/event-stream';

export interface StreamLimits {
  /** Streams of everybody, and of one peer. */
  readonly open: number;
  readonly openPerPeer: number;
  /** Where nothing was sent for so long, a comment is, so that both ends know of a connection that is gone. */
  readonly heartbeatMs: number;
  /** How long a reader may take nothing of what is waiting for it. */
  readonly patienceMs: number;
}

export const defaultStreamLimits: StreamLimits = {
  open: 64,
  openPerPeer: 8,
  heartbeatMs: 15_000,
  patienceMs: 30_000,
};

export interface SentEvent {
  /** What a reader that was cut off names as the last one. */
  readonly id?: number;
  readonly event: string;
  /** One line. */
  readonly data: string;
}

export interface EventSink {
  /** Resolves when there is room for the next one, or the stream has ended. */
  send(event: SentEvent): Promise<void>;
  /** Whether what was sent is on its way: what may be left out is not sent otherwise. */
  readonly hasRoom: boolean;
  /** Aborted when the reader is gone or too slow, or the server stops. */
  readonly ended: AbortSignal;
}

export interface Streamed {
  /** Sends what there is to send; the stream ends when this does. */
  readonly stream: (sink: EventSink) => Promise<void>;
  /** Whether it ends by itself: a server that stops waits for it, as for any answer. */
  readonly isAnswer: boolean;
  /** How long a reader that was cut off waits before it comes again. */
  readonly retryMs?: number;
}

interface OpenStream {
  readonly raw: FastifyReply['raw'];
  readonly controller: AbortController;
  readonly isAnswer: boolean;
  /** Whose it is. */
  readonly key: string;
}

/** The streams of one server. */
export class EventStreams {
  private readonly limits: StreamLimits;
  private readonly open = new Set<OpenStream>();
  private stopped = false;

  constructor(limits: StreamLimits) {
    this.limits = limits;
  }

  get count(): number {
    return this.open.size;
  }

  /** Ends all that do not end by themselves, after `last`, and those that come yet. */
  endAll(last?: SentEvent): void {
    this.stopped = true;
    for (const { raw, controller, isAnswer } of this.open) {
      if (isAnswer) continue;
      if (last !== undefined && !raw.writableNeedDrain) raw.write(formatEvent(last));
      controller.abort();
    }
  }

  /** Refuses as `streams_exhausted` where the peer, or everybody, has as many as there may be. */
  admit(request: FastifyRequest): Refusal<'streams_exhausted'> | undefined {
    const { key } = identityOfRequest(request);
    const own = [...this.open].filter((one) => one.key === key).length;
    const { open, openPerPeer } = this.limits;
    if (own < openPerPeer && this.open.size < open) return undefined;
    const reached = own >= openPerPeer ? `${openPerPeer} streams of this peer` : `${open} streams`;
    return refuse(
      'streams_exhausted',
      `${reached} are open, and no more at a time: close one, or ask again later`,
    );
  }

  /** Answers with a stream, and keeps count of it. */
  async serve(request: FastifyRequest, reply: FastifyReply, streamed: Streamed): Promise<void> {
    const { isAnswer, retryMs } = streamed;
    const { raw } = reply.hijack();
    const controller = new AbortController();
    if (this.stopped && !isAnswer) controller.abort();
    const stream: OpenStream = { raw, controller, isAnswer, key: identityOfRequest(request).key };
    this.open.add(stream);
    const end = (): void => controller.abort();
    raw.once('close', end);
    raw.once('error', end);
    raw.writeHead(200, {
      'content-type': eventStreamType,
      'cache-control': 'no-store',
      // What a stream may last is not for a proxy to collect first.
      'x-accel-buffering': 'no',
      ...(isAnswer ? {} : { connection: 'close' }),
    });
    raw.flushHeaders();
    if (retryMs !== undefined) raw.write(`retry: ${retryMs}\n\n`);
    let sentMs = performance.now();
    const heartbeat = setInterval(() => {
      if (raw.writableNeedDrain || performance.now() - sentMs < this.limits.heartbeatMs) return;
      sentMs = performance.now();
      raw.write(':\n\n');
    }, this.limits.heartbeatMs / 4);
    try {
      await streamed.stream({
        ended: controller.signal,
        get hasRoom() {
          return !raw.writableNeedDrain;
        },
        send: async (event) => {
          if (controller.signal.aborted) return;
          sentMs = performance.now();
          if (!raw.write(formatEvent(event))) await this.drained(raw, controller);
        },
      });
    } catch (error) {
      // The status is out: what would have been the answer is the last event.
      const refusal = request.server.refusalOf(error, request);
      const data = JSON.stringify(problemOf(refusal, statusOf(refusal.code) ?? 500));
      if (!controller.signal.aborted) raw.write(formatEvent({ event: 'problem', data }));
    } finally {
      clearInterval(heartbeat);
      this.open.delete(stream);
      this.end(raw);
    }
  }

  /** What is left to be taken is waited for as long as anything is. */
  private end(raw: FastifyReply['raw']): void {
    const timer = setTimeout(() => raw.socket?.destroy(), this.limits.patienceMs);
    raw.once('close', () => clearTimeout(timer));
    raw.end(() => {
      if (this.stopped) raw.socket?.end();
    });
  }

  private async drained(raw: FastifyReply['raw'], controller: AbortController): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        raw.off('drain', done);
        controller.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(() => {
        raw.socket?.destroy();
        controller.abort();
      }, this.limits.patienceMs);
      raw.once('drain', done);
      controller.signal.addEventListener('abort', done);
    });
  }
}

function formatEvent({ id, event, data }: SentEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

/** Before a server closes its connections: a stream would hold it up. */
export function endStreamsInTime(server: Server, streams: EventStreams): void {
  server.addHook('preClose', async () => streams.endAll());
}
