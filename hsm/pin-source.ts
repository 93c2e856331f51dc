/**
 * Where a PIN comes from. Never an argument, which every user of the machine can read, nor a URI, which is logged:
 *
 * ```
 * file:PATH          or a plain path: a file that nobody else may read
 * credential:NAME    of systemd: $CREDENTIALS_DIRECTORY/NAME (systemd.exec(5), LoadCredentialEncrypted=)
 * env:NAME           an environment variable, for containers that have nothing better
 * prompt             asked for on the terminal, once
 * ```
 */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { SignerError } from './signer.ts';

export type PinSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'credential'; readonly name: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'prompt' };

const accepted = 'file:PATH, credential:NAME, env:NAME or prompt is accepted';
const most = 256;

/** Reads the name of a source, such as a URI's `pin-source`; throws `pin_missing`. */
export function parsePinSource(text: string): PinSource {
  if (text === 'prompt') return { kind: 'prompt' };
  if (text.startsWith('|'))
    throw new SignerError('pin_missing', `the PIN source \`${text}\` would run a command: ${accepted}`);
  const [, kind, rest = ''] = /^(file|credential|env):(.*)$/s.exec(text) ?? [];
  if (kind === 'credential' && /^[A-Za-z0-9_.-]{1,255}$/.test(rest) && rest !== '.' && rest !== '..')
    return { kind, name: rest };
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return { kind, name: rest };
  // file:/PATH, file:///PATH (RFC 8089), or a plain path.
  const path = kind === 'file' ? rest.replace(/^\/\/\//, '/') : isAbsolute(text) ? text : undefined;
  if (path !== undefined && path !== '' && !path.startsWith('//') && !path.includes('\0'))
    return { kind: 'file', path };
  throw new SignerError('pin_missing', `\`${text}\` is no PIN source: ${accepted}`);
}

export function formatPinSource(source: PinSource): string {
  switch (source.kind) {
    case 'file':
      return `file:${source.path}`;
    case 'credential':
      return `credential:${source.name}`;
    case 'env':
      return `env:${source.name}`;
    case 'prompt':
      return 'prompt';
  }
}

export interface PinSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asks on the terminal; `undefined` where there is none. */
  readonly ask: (() => string) | undefined;
}

/**
 * The PIN: 1 to 256 bytes of text, one line without its end. Throws `pin_missing` where there is none, and `pin_exposed` where a file
 * can be read by others. An empty PIN is never given out, for some tokens count it as a wrong one.
 */
export function readPin(source: PinSource, { environment, ask }: PinSurroundings): string {
  switch (source.kind) {
    case 'file':
      return checkPin(readFile(source.path), `the file \`${source.path}\``);
    case 'credential': {
      const directory = environment['CREDENTIALS_DIRECTORY'];
      if (directory === undefined)
        throw new SignerError(
          'pin_missing',
          `the PIN is the systemd credential \`${source.name}\`, but there is no CREDENTIALS_DIRECTORY: start this as a service with LoadCredentialEncrypted=${source.name}`,
        );
      return checkPin(readFile(join(directory, source.name)), `the credential \`${source.name}\``);
    }
    case 'env':
      return checkPin(environment[source.name] ?? '', `the environment variable \`${source.name}\``);
    case 'prompt':
      if (ask === undefined)
        throw new SignerError(
          'pin_missing',
          'the PIN is to be asked for, but there is no terminal: name another source, such as file:PATH',
        );
      return checkPin(ask(), 'what was typed');
  }
}

function readFile(path: string): string {
  try {
    // Whoever reads the PIN can sign, if he reaches the token.
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw new SignerError(
        'pin_exposed',
        `the PIN file \`${path}\` can be read by others (mode ${(mode & 0o777).toString(8)}): 600 or 400 is accepted`,
      );
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof SignerError) throw error;
    throw new SignerError(
      'pin_missing',
      `cannot read the PIN from \`${path}\` (${(error as NodeJS.ErrnoException).code}): a file with the PIN is accepted`,
    );
  }
}

function checkPin(text: string, where: string): string {
  const pin = text.replace(/\r?\n$/, '');
  if (pin === '') throw new SignerError('pin_missing', `${where} holds no PIN: ${accepted}`);
  if (Buffer.byteLength(pin) > most || /[\0\r\n]/.test(pin))
    throw new SignerError(
      'pin_missing',
      `${where} holds no PIN: one line of at most ${most} bytes is accepted`,
    );
  return pin;
}
