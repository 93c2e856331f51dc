/**
 * Runs `tpm2` of tpm2-tools (5.0 or newer), one command a process, and tells by numbers what went wrong: its exit status says hardly more than
 * yes and no, and its sentences change; the response codes are those of the TPM (TPM 2.0 library specification, part 2, §6.6).
 *
 * The authorisation is in a file that the tool reads, and so in no argument, which every user of the machine can read.
 */
import { execFile, spawn } from 'node:child_process';
import { SignerError } from './signer.ts';

export interface TpmTool {
  /** Runs a command, with these bytes as its standard input; gives its standard output. Throws SignerError. */
  run(command: string, words: readonly string[], input?: Uint8Array): Promise<Buffer>;
}

export interface TpmToolOptions {
  /** How the tools reach the TPM (TCTI), such as `device:/dev/tpmrm0` or `swtpm:path=/run/tpm.sock`. */
  readonly tcti: string;
  /** The program; `tpm2` as it is found in PATH unless given. */
  readonly program: string;
  /** Of one command. */
  readonly timeoutMs: number;
}

/** What a TPM answered, as its response code says. */
export class TpmError extends SignerError {
  /** Without the number of the handle, parameter or session that it is about. */
  readonly response: number;
  constructor(code: SignerError['code'], message: string, response: number) {
    super(code, message);
    this.response = response;
  }
}

/** TPM_RC values (part 2, table 16), those of format one with all bits cleared that say which argument it is. */
export const responses = {
  handle: 0x08b,
  uninitialised: 0x14a,
  space: 0x14b,
  defined: 0x14c,
} as const;

const wrongAuth = [0x08e, 0x0a2];
const lockout = 0x921;
/** Asked for again, each of these may succeed: TESTING, YIELDED, NV_RATE, RETRY, NV_UNAVAILABLE. */
const busy = [0x90a, 0x908, 0x920, 0x922, 0x923];

export function makeTpmTool({ tcti, program, timeoutMs }: TpmToolOptions): TpmTool {
  return {
    run: (command, words, input) =>
      new Promise((resolve, reject) => {
        const child = execFile(
          program,
          [command, `--tcti=${tcti}`, ...words],
          {
            encoding: 'buffer',
            timeout: timeoutMs,
            killSignal: 'SIGKILL',
            maxBuffer: 1024 * 1024,
            // The library's own log says the same once more; what the tool itself says has the response code.
            env: { ...process.env, TSS2_LOG: 'all+none', LC_ALL: 'C' },
          },
          (error, stdout, stderr) => {
            if (error === null) resolve(stdout);
            else reject(explain(error, command, stderr.toString('utf8'), { tcti, program, timeoutMs }));
          },
        );
        // A tool that ends before it has read its input says why by how it ends.
        child.stdin?.on('error', () => undefined);
        child.stdin?.end(input ?? '');
      }),
  };
}

interface Failure extends Error {
  readonly code?: string | number | null;
  readonly killed?: boolean;
  readonly signal?: string | null;
}

function explain(
  error: Failure,
  command: string,
  complaint: string,
  { tcti, program, timeoutMs }: TpmToolOptions,
): SignerError {
  if (typeof error.code === 'string')
    return new SignerError(
      'module_missing',
      `cannot run \`${program}\` (${error.code}): install tpm2-tools, 5.0 or newer (\`apt-get install tpm2-tools\`)`,
    );
  if (error.killed === true)
    return new SignerError(
      'device_busy',
      `the TPM at \`${tcti}\` did not answer \`tpm2 ${command}\` within ${timeoutMs} ms: another program may hold it; through the kernel's resource manager, \`device:/dev/tpmrm0\`, several can use it`,
    );
  if (error.signal !== undefined && error.signal !== null)
    return new SignerError('signer_crashed', `\`tpm2 ${command}\` was ended by ${error.signal}`);
  // The last one: the tools print the innermost first, where they print several.
  const last = [...complaint.matchAll(/\(0x([0-9A-Fa-f]{1,8})\)/g)].at(-1)?.[1];
  const whole = last === undefined ? undefined : Number.parseInt(last, 16);
  const saying = complaint.trim().split('\n').slice(0, 2).join('; ').slice(0, 300);
  // Bits 16 to 23 are the layer: 0 the TPM, 11 and 12 a resource manager that passes on what the TPM said.
  const layer = whole === undefined ? undefined : (whole >>> 16) & 0xff;
  if (whole === undefined || (layer !== 0 && layer !== 11 && layer !== 12))
    return new SignerError(
      'token_missing',
      `the TPM at \`${tcti}\` cannot be reached by \`tpm2 ${command}\`: ${saying === '' ? 'it says nothing' : saying}`,
    );
  return answered(responseOf(whole), command, tcti, saying);
}

/** Format one has its error in bits 0 to 5, and a number of what it is about in bits 6 and 8 to 11. */
function responseOf(code: number): number {
  return (code & 0x80) === 0 ? code & 0xfff : code & 0xbf;
}

function answered(response: number, command: string, tcti: string, saying: string): TpmError {
  const hex = `0x${response.toString(16).padStart(3, '0')}`;
  if (wrongAuth.includes(response))
    return new TpmError(
      'pin_incorrect',
      `the TPM at \`${tcti}\` does not accept the authorisation for \`tpm2 ${command}\` (${hex}): the file may be another one than the indices were made with, or somebody else made them anew`,
      response,
    );
  if (response === lockout)
    return new TpmError(
      'pin_locked',
      `the TPM at \`${tcti}\` is locked out (${hex}), by wrong authorisations of whatever uses it: wait, or have its owner give \`tpm2 dictionarylockout --clear-lockout\``,
      response,
    );
  if (busy.includes(response))
    return new TpmError(
      'device_busy',
      `the TPM at \`${tcti}\` is busy with something else (${hex}): ask again`,
      response,
    );
  if (response === responses.space)
    return new TpmError(
      'anchor_unsupported',
      `the TPM at \`${tcti}\` has no room for another index (${hex}): \`tpm2 nvreadpublic\` lists what is there, \`tpm2 nvundefine\` removes what nobody needs, such as the indices of an anchor that was given up`,
      response,
    );
  return new TpmError(
    'device_error',
    `the TPM at \`${tcti}\` refuses \`tpm2 ${command}\` (${hex}): ${saying}`,
    response,
  );
}

/**
 * Holds a lock on this file while `work` goes on: of the processes that take it, one works at a time. The operating system gives it back when this
 * process ends, however it ends: `cat` reads the end of its input then. Throws `device_busy` where somebody else holds it all that time.
 */
export async function whileLocked<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const holder = spawn(
    'flock',
    ['-x', '-w', (patienceMs / 1_000).toFixed(3), path, 'sh', '-c', 'echo held; exec cat'],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const ended = new Promise<void>((resolve) => void holder.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once('error', ({ code }: NodeJS.ErrnoException) =>
        reject(
          new SignerError(
            'module_missing',
            `cannot run \`flock\` (${code}), which keeps two processes from using an anchor at once: install util-linux`,
          ),
        ),
      );
      holder.once('exit', () =>
        reject(
          new SignerError(
            'device_busy',
            `another process has been using the anchor for ${patienceMs} ms: is a second copy of this system running?`,
          ),
        ),
      );
      holder.stdout.once('data', () => resolve());
      holder.stdin.on('error', () => undefined);
    });
    return await work();
  } finally {
    holder.stdin.end();
    if (holder.pid !== undefined) await ended;
  }
}
