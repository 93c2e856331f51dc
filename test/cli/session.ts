/** The command line in this process: for commands that need no appliance, hundreds of which a test may give. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Appliance } from '../../src/cli/appliance.ts';
import { runProgram } from '../../src/cli/program.ts';
import { systemClock, systemRandom } from '../../src/kit/clock.ts';
import { project } from '../flow/ringmint.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON; throws where it is none. */
  json(): Record<string, unknown>;
}

export interface Given {
  readonly stdin?: string | Uint8Array;
  readonly isTerminal?: boolean;
  /** What it needs of the appliance after all. */
  readonly appliance?: Partial<Appliance>;
}

/** A command that reaches for the appliance is none of those that this is for. */
const appliance: Appliance = {
  version: '0.0.0',
  init: () => Promise.reject(new Error('there is no appliance here')),
  serve: () => Promise.reject(new Error('there is no appliance here')),
  up: () => Promise.reject(new Error('there is no appliance here')),
  connect: () => Promise.reject(new Error('there is no appliance here')),
  keys: {
    list: () => Promise.reject(new Error('there is no appliance here')),
    rotate: () => Promise.reject(new Error('there is no appliance here')),
    audit: () => Promise.reject(new Error('there is no appliance here')),
    revoke: () => Promise.reject(new Error('there is no appliance here')),
    backUp: () => Promise.reject(new Error('there is no appliance here')),
    drill: () => Promise.reject(new Error('there is no appliance here')),
  },
  rules: {
    stage: () => Promise.reject(new Error('there is no appliance here')),
    activate: () => Promise.reject(new Error('there is no appliance here')),
    revert: () => Promise.reject(new Error('there is no appliance here')),
    shadow: () => Promise.reject(new Error('there is no appliance here')),
    status: () => Promise.reject(new Error('there is no appliance here')),
    shadowStanding: () => Promise.reject(new Error('there is no appliance here')),
    rerun: () => Promise.reject(new Error('there is no appliance here')),
  },
  store: {
    backUp: () => Promise.reject(new Error('there is no appliance here')),
    verify: () => Promise.reject(new Error('there is no appliance here')),
    restore: () => Promise.reject(new Error('there is no appliance here')),
    proposeAnchor: () => Promise.reject(new Error('there is no appliance here')),
    anchorAnew: () => Promise.reject(new Error('there is no appliance here')),
    moveBack: () => Promise.reject(new Error('there is no appliance here')),
    migrate: () => Promise.reject(new Error('there is no appliance here')),
  },
  devices: () => Promise.reject(new Error('there is no appliance here')),
  processes: {
    list: () => Promise.reject(new Error('there is no appliance here')),
    add: () => Promise.reject(new Error('there is no appliance here')),
    takeOut: () => Promise.reject(new Error('there is no appliance here')),
  },
  ceremony: {
    plan: () => Promise.reject(new Error('there is no appliance here')),
    run: () => Promise.reject(new Error('there is no appliance here')),
  },
  lock: () => Promise.resolve(() => {}),
  extractLedger: () => Promise.reject(new Error('there is no appliance here')),
  releaseHead: () => Promise.reject(new Error('there is no appliance here')),
  releaseContradiction: () => Promise.reject(new Error('there is no appliance here')),
  openModuleSigner: () => Promise.reject(new Error('there is no appliance here')),
  describeFault: () => undefined,
};

/** Runs one command line, in the working folder of the test. */
export async function ringmint(words: readonly string[], given: Given = {}): Promise<Said> {
  let out = '';
  let err = '';
  const { stdin = '', isTerminal = false } = given;
  const bytes = typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin;
  const code = await runProgram(words, {
    appliance: { ...appliance, ...given.appliance },
    streams: { out: (text) => (out += text), error: (text) => (err += text) },
    stdin: {
      isTerminal,
      async *chunks() {
        // In pieces that end where no line does.
        for (let at = 0; at < bytes.length; at += 7) yield await Promise.resolve(bytes.subarray(at, at + 7));
      },
    },
    environment: {},
    clock: systemClock,
    random: systemRandom,
  });
  return { code, out, err, json: () => JSON.parse(out) as Record<string, unknown> };
}

export interface Folder {
  readonly path: string;
  /** Goes back to where the test was, and takes the folder away. */
  leave(): void;
}

/** Goes into a new folder with the samples in it, so that commands are those of the documents. */
export function enterFolder(): Folder {
  const before = process.cwd();
  const path = mkdtempSync(join(tmpdir(), 'ringmint vm-'));
  cpSync(join(project, 'samples'), join(path, 'samples'), { recursive: true });
  process.chdir(path);
  return {
    path,
    leave() {
      process.chdir(before);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
