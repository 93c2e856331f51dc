/** Asks for a PIN on the terminal: typed without being shown, kept in this process alone, and asked for once. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { SignerError } from '../../hsm/signer.ts';

/** What was typed, by what it is for: a role that opens its keys anew does not ask again. */
const typed = new Map<string, string>();

/** The PIN for `what`; throws `pin_missing` where there is no terminal, or nothing was typed. */
export function askPin(what: string): string {
  const known = typed.get(what);
  if (known !== undefined) return known;
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', 'r+');
  } catch (error) {
    throw new SignerError(
      'pin_missing',
      `the PIN of ${what} is to be asked for, but there is no terminal (${(error as NodeJS.ErrnoException).code}): name another source, such as file:PATH`,
    );
  }
  try {
    const pin = readHidden(terminal, `PIN of ${what}: `);
    if (pin === '') throw new SignerError('pin_missing', `no PIN was typed for ${what}`);
    typed.set(what, pin);
    return pin;
  } finally {
    closeSync(terminal);
  }
}

function readHidden(terminal: number, prompt: string): string {
  const stty = (...words: string[]): string => {
    const { status, stdout } = spawnSync('stty', words, {
      stdio: [terminal, 'pipe', 'ignore'],
      encoding: 'utf8',
    });
    // Without it the PIN would stand on the screen.
    if (status !== 0)
      throw new SignerError('pin_missing', 'the terminal cannot hide what is typed: `stty` fails on it');
    return stdout.trim();
  };
  const before = stty('-g');
  stty('-echo');
  try {
    writeSync(terminal, prompt);
    return readLine(terminal);
  } finally {
    stty(before);
    writeSync(terminal, '\n');
  }
}

function readLine(terminal: number): string {
  const bytes: number[] = [];
  const buffer = Buffer.alloc(1);
  while (readSync(terminal, buffer, 0, 1, null) === 1 && buffer[0] !== 0x0a) bytes.push(buffer[0] ?? 0);
  return Buffer.from(bytes).toString('utf8').replace(/\r$/, '');
}
