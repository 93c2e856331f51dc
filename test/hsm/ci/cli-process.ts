/** Runs softhsm-ci-setup as a stranger does: a process, a temporary directory of its own, and everything it says kept. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const packageFolder = fileURLToPath(new URL('../../../hsm/ci', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder whose path has blanks and letters beyond ASCII, removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'softhsm çi sétup ключ '));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export class Started {
  stdout = '';
  stderr = '';
  readonly process: ChildProcess;
  private readonly end: Promise<unknown[]>;

  constructor(command: string, words: readonly string[], environment: NodeJS.ProcessEnv, folder: string) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^SOFTHSM_|^SOFTHSM2_CONF$|^GITHUB_/.test(name),
    );
    this.process = spawn(command, words, {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), TMPDIR: temporaryIn(folder), ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.end = once(this.process, 'close');
    onTestFinished(() => void this.process.kill('SIGKILL'));
  }

  async outcome(): Promise<Outcome> {
    const [status, signal] = (await this.end) as [number | null, NodeJS.Signals | null];
    return { status, signal, stdout: this.stdout, stderr: this.stderr };
  }

  /** Waits until standard output holds the text. */
  async says(text: string): Promise<void> {
    const endMs = performance.now() + 20_000;
    while (!this.stdout.includes(text)) {
      if (performance.now() > endMs)
        throw new Error(`\`${text}\` was not said: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Where the tool puts its temporary directories in a test: nothing else is in it. */
export function temporaryIn(folder: string): string {
  const path = join(folder, 'tmp');
  mkdirSync(path, { recursive: true });
  return path;
}

export function leftIn(folder: string): string[] {
  return readdirSync(temporaryIn(folder));
}

export function start(
  words: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv = {},
): Started {
  return new Started(process.execPath, [join(packageFolder, 'cli.js'), ...words], environment, folder);
}

export function run(
  words: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  return start(words, folder, environment).outcome();
}
