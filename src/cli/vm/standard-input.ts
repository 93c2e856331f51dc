/** Standard input: read whole as a file, or line by line as commands. */
import { type Result, refuse, succeed } from '../../kit/result.ts';

export interface StandardInput {
  /** Whether a person is typing. */
  readonly isTerminal: boolean;
  /** Its bytes, once. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Reads standard input to its end; at most `limit` bytes. */
export async function readStandardInput(
  input: StandardInput,
  limit: number,
): Promise<Result<Uint8Array, 'too_large' | 'file_empty' | 'file_unreadable'>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of input.chunks()) {
      parts.push(part);
      length += part.length;
      if (length > limit)
        return refuse('too_large', `standard input has more than ${limit} bytes: at most these are accepted`);
    }
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return refuse('file_unreadable', `cannot read standard input (${code}): name a file`);
  }
  if (length === 0) return refuse('file_empty', 'standard input is empty');
  return succeed(new Uint8Array(Buffer.concat(parts)));
}

/** Its lines as they come, without their ends. */
export async function* linesOf(input: StandardInput): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of input.chunks()) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
