/** What a command says: text for a person, or with `--json` one JSON document, or many lines of JSON, on standard output and nothing else. */
import type { Refusal } from '../kit/result.ts';
import { type ExitCode, exitCode, exitCodeOf } from './exit-code.ts';

export interface Terminal {
  readonly json: boolean;
  /** A line of the result, for a person. */
  say(line: string): void;
  /** A line about work under way: on standard error, and not with `--json`. */
  progress(line: string): void;
  /** Whether a person sees standard error, and no `--json` was given. */
  readonly isWatched: boolean;
  /** Shows a line that the next one of any kind takes the place of: for whoever watches, else nothing. */
  status(line: string): void;
  /** From now on each thing that is printed with `--json` is one line (JSON Lines). */
  startLines(): void;
  /** One of many: with `--json` its JSON is printed, else its line. */
  item(value: () => Readonly<Record<string, unknown>>, line: () => string): void;
  /** The result of a command: with `--json` it is printed, else `lines` are. */
  result(value: Readonly<Record<string, unknown>>, lines: readonly string[]): ExitCode;
  /** A refusal, with what else is known of it. */
  refuse(
    refusal: Pick<Refusal, 'code' | 'message' | 'field'>,
    more?: Readonly<Record<string, unknown>>,
    code?: ExitCode,
  ): ExitCode;
}

export interface Streams {
  out(text: string): void;
  error(text: string): void;
  /** Whether standard error is a terminal. */
  readonly errorIsTerminal?: boolean;
}

export function makeTerminal(streams: Streams, json: boolean): Terminal {
  let indent: number | undefined = 2;
  const print = (value: unknown): void => streams.out(`${JSON.stringify(value, replaceBigInt, indent)}\n`);
  const isWatched = !json && streams.errorIsTerminal === true;
  let status = '';
  /** Takes the status line away. */
  const clear = (): void => {
    if (status !== '') streams.error('\r\u001B[K');
    status = '';
  };
  return {
    json,
    isWatched,
    say(line) {
      clear();
      if (!json) streams.out(`${line}\n`);
    },
    progress(line) {
      clear();
      if (!json) streams.error(`${line}\n`);
    },
    status(line) {
      if (!isWatched) return;
      status = line;
      streams.error(`\r\u001B[K${line}`);
    },
    startLines() {
      indent = undefined;
    },
    item(value, line) {
      clear();
      if (json) print(value());
      else streams.out(`${line()}\n`);
    },
    result(value, lines) {
      clear();
      if (json) print({ ok: true, ...value });
      else for (const line of lines) streams.out(`${line}\n`);
      return exitCode.ok;
    },
    refuse(refusal, more = {}, code = exitCodeOf(refusal.code)) {
      clear();
      const { code: name, message, field } = refusal;
      if (json) print({ ok: false, code: name, message, ...(field === undefined ? {} : { field }), ...more });
      else streams.error(`ringmint: ${message} [${name}]\n`);
      return code;
    },
  };
}

/** Amounts are text in JSON, so that no reader rounds them. */
function replaceBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
