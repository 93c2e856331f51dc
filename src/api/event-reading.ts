/** Server-sent events from the caller's side: parsed as WHATWG HTML §9.2.6 has it, bounded, and nothing of them believed yet. */

export interface ReceivedEvent {
  /** Of the last event that had one, also from before; empty where none had. */
  readonly lastId: string;
  readonly event: string;
  readonly data: string;
}

/** The longest line and the most data of one event, in characters. */
const lineLimit = 256 * 1024;

/** An event that is longer than it may be. */
export class EventTooLongError extends Error {
  readonly code = 'event_too_long';
  constructor() {
    super(`an event of more than ${lineLimit} characters`);
    this.name = 'EventTooLongError';
  }
}

/** The events in `chunks`; one that the end cuts off is none. Throws EventTooLongError. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReceivedEvent> {
  let lastId = '';
  let event = '';
  let data: string[] = [];
  let size = 0;
  for await (const line of readLines(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { lastId, event: event === '' ? 'message' : event, data: data.join('\n') };
      event = '';
      data = [];
      size = 0;
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    switch (field) {
      case 'event':
        event = value;
        break;
      case 'data':
        size += value.length;
        if (size > lineLimit) throw new EventTooLongError();
        data.push(value);
        break;
      case 'id':
        if (!value.includes('\0')) lastId = value;
        break;
      // A comment has no field; `retry` and what is unknown are passed over.
      default:
        break;
    }
  }
}

/** Lines end with CR LF, LF or CR; a byte order mark at the beginning is none of them. */
async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let endedWithReturn = false;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    // The LF of a CR LF that was cut in two.
    if (endedWithReturn && text.startsWith('\n')) text = text.slice(1);
    endedWithReturn = text.endsWith('\r');
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    if (rest.length > lineLimit) throw new EventTooLongError();
    yield* lines;
  }
}
