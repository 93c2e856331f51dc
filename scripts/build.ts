/**
 * Builds everything: the machines in vm/, whose hashes are in git, then dist/. With `--pin` the hashes in git are
 * written anew, which a change of the machine needs and nothing else may do.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

function run(program: string, ...words: string[]): void {
  const { status } = spawnSync(`node_modules/.bin/${program}`, words, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`build: \`${program} ${words.join(' ')}\` failed`);
    process.exit(1);
  }
}

const pinned = 'vm/machine.wasm.sha256';
/** The machine, and the one that stops after each instruction, for the debugger. */
const machines = [
  { target: 'release', entry: 'vm/assembly/index.ts', file: 'vm/machine.wasm' },
  { target: 'stepping', entry: 'vm/assembly/stepping.ts', file: 'vm/machine-stepping.wasm' },
];

/** Of use to hosts that are not written in JavaScript. */
const besides = ['vm/ringmint_vm.h', 'vm/conformance.txt'];

for (const { target, entry } of machines) run('asc', entry, '--target', target);
const hashes = machines
  .map(({ file }) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${file}\n`)
  .join('');
if (process.argv.includes('--pin')) {
  writeFileSync(pinned, hashes);
} else if (readFileSync(pinned, 'utf8') !== hashes) {
  console.error(
    `build: the machine was built otherwise than ${pinned} says: after a change of it, \`npm run build -- --pin\` and commit both\n${hashes}`,
  );
  process.exit(1);
}
rmSync('dist', { recursive: true, force: true });
run('tsc', '--project', 'tsconfig.json');
mkdirSync('dist/vm', { recursive: true });
for (const file of [...machines.map(({ file: wasm }) => wasm), ...besides])
  copyFileSync(file, `dist/${file}`);
chmodSync('dist/src/main.js', 0o755);
