/**
 * Builds the fault shim (test/hsm/fault-shim/) once, and puts copies of it before real modules: a PKCS#11
 * module whose calls fail by plan. `test/hsm/fault-shim/README.md` has the grammar of plans and of the log.
 */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from './temporary-token.ts';

const sources = join(projectFolder, 'test', 'hsm', 'fault-shim');
const headers = join(projectFolder, 'node_modules', 'pkcs11js', 'includes', 'pkcs11');
const flags = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
];

/** Why the shim cannot be built here, or undefined where it can. */
export function shimObstacle(): string | undefined {
  const { status } = spawnSync('gcc', ['--version'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'there is no gcc (apt-get install gcc libc6-dev)';
}

/** The path of the built shim; compiled where these sources have not been before. */
function buildShim(): string {
  const names = readdirSync(sources).filter((name) => /\.(?:c|h|inc)$/.test(name));
  const hash = createHash('sha256').update(flags.join(' ')).update(process.arch);
  for (const name of names.sort()) hash.update(`${name}\0`).update(readFileSync(join(sources, name)));
  const types = readFileSync(join(headers, 'pkcs11t.h'), 'utf8');
  hash.update(types);
  const folder = join(
    projectFolder,
    'node_modules',
    '.cache',
    'ringmint',
    `fault-shim-${hash.digest('hex').slice(0, 16)}`,
  );
  const module = join(folder, 'fault-shim.so');
  if (existsSync(module)) return module;
  mkdirSync(folder, { recursive: true });
  // Two test files may build at once: each under a name of its own, and the rename is whole.
  const work = join(folder, `build-${randomBytes(4).toString('hex')}`);
  mkdirSync(work);
  const answers = [...types.matchAll(/^#define (CKR_\w+)/gm)].map(([, name]) => `{"${name}", ${name}},\n`);
  writeFileSync(join(work, 'answers.inc'), answers.join(''));
  const inputs = names.filter((name) => name.endsWith('.c')).map((name) => join(sources, name));
  const output = join(work, 'fault-shim.so');
  const includes = ['-I', work, '-isystem', headers];
  const args = [...flags, '-shared', '-pthread', ...includes, ...inputs, '-o', output, '-ldl'];
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the fault shim does not compile: ${stderr}`);
  renameSync(output, module);
  return module;
}

/** A line of the shim's log; the fields are README.md's. */
export interface LoggedCall {
  readonly total: number;
  readonly name: string;
  readonly count: number;
  readonly processId: number;
  readonly answer: string;
  /** The fault that happened, with its line in the plan. */
  readonly fault: { readonly line: number; readonly name: string; readonly unfit: boolean } | undefined;
  readonly data: string | undefined;
}

/** A copy of the shim in a folder of its own, before a real module. */
export class FaultShim {
  /** What a signer takes for its PKCS#11 module. */
  readonly module: string;
  private readonly folder: string;
  private position = 0;
  private rest = '';

  constructor(folder: string, realModule: string) {
    this.folder = folder;
    this.module = join(folder, 'fault-shim.so');
    mkdirSync(folder, { recursive: true });
    copyFileSync(buildShim(), this.module);
    writeFileSync(join(folder, 'fault-shim.conf'), `module ${realModule}\n`);
    writeFileSync(join(folder, 'fault-shim.log'), '');
  }

  /** Sets the plan for processes that load the module from now on. Counts go on where they were. */
  plan(lines: readonly string[]): void {
    const path = join(this.folder, 'fault-shim.plan');
    writeFileSync(`${path}.new`, lines.map((line) => `${line}\n`).join(''));
    renameSync(`${path}.new`, path);
  }

  /** Lets the calls that `hang-until NAME` go on. */
  release(name: string): void {
    writeFileSync(join(this.folder, name), '');
  }

  /** The calls that were logged since the last time. */
  readLog(): LoggedCall[] {
    const file = openSync(join(this.folder, 'fault-shim.log'), 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.position);
      this.position += readSync(file, bytes, 0, bytes.length, this.position);
      const lines = (this.rest + bytes.toString('latin1')).split('\n');
      this.rest = lines.pop() ?? '';
      return lines.map(parseCall);
    } finally {
      closeSync(file);
    }
  }
}

function parseCall(line: string): LoggedCall {
  const match = /^(\d+) (C_\w+) (\d+) (\d+) (\S+) (?:-|(\d+):(unfit:)?(\S+)) (?:-|([0-9a-f]+))$/.exec(line);
  if (match === null) throw new Error(`the fault shim's log has a line that is not understood: \`${line}\``);
  const [, total, name = '', count, processId, answer = '', planLine, unfit, fault, data] = match;
  return {
    total: Number(total),
    name,
    count: Number(count),
    processId: Number(processId),
    answer,
    fault:
      fault === undefined ? undefined : { line: Number(planLine), name: fault, unfit: unfit !== undefined },
    data,
  };
}
