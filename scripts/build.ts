/**
 * Builds everything: vm/machine.wasm, whose hash is in git, then dist/. With `--pin` the hash in git is
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

run('asc', '--target', 'release');
const hash = createHash('sha256').update(readFileSync('vm/machine.wasm')).digest('hex');
if (process.argv.includes('--pin')) {
  writeFileSync(pinned, `${hash}  vm/machine.wasm\n`);
} else if (readFileSync(pinned, 'utf8').split(' ')[0] !== hash) {
  console.error(
    `build: vm/machine.wasm has SHA-256 ${hash}, which is not the one in ${pinned}: after a change of the machine, \`npm run build -- --pin\` and commit both`,
  );
  process.exit(1);
}
rmSync('dist', { recursive: true, force: true });
run('tsc', '--project', 'tsconfig.json');
mkdirSync('dist/vm', { recursive: true });
copyFileSync('vm/machine.wasm', 'dist/vm/machine.wasm');
chmodSync('dist/src/main.js', 0o755);
