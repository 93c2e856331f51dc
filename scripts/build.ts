/**
 * Builds everything: the machines in vm/, whose hashes are in git, then dist/. With `--pin` the hashes in git are
 * written anew, which a change of the machine needs and nothing else may do.
 *
 * The programs are bundled: a command that reads a thousand files before it does anything starts 2.5 times slower. Packages stay
 * what `npm` installed, but for the one that those files are of.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { build } from 'esbuild';

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
for (const folder of ['dist/src', 'dist/hsm']) rmSync(folder, { recursive: true });
await bundle();
chmodSync('dist/src/main.js', 0o755);

/** Each program with what it imports, in files one folder below dist/; what several of them or a lazy import need is in files of its own. */
async function bundle(): Promise<void> {
  const inlined = 'typebox';
  const root = process.cwd();
  await build({
    entryPoints: ['src/main.ts', 'hsm/signer-process.ts'],
    outbase: '.',
    outdir: 'dist',
    chunkNames: 'src/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning',
    plugins: [
      {
        name: 'programs',
        setup(hooks) {
          hooks.onResolve({ filter: /^[^./]/ }, ({ path }) =>
            path.split('/')[0] === inlined ? undefined : { path, external: true },
          );
          // A file is found beside the one that names it: so each goes on saying where it was.
          hooks.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            const text = await readFile(path, 'utf8');
            const was = `../${relative(root, path).replace(/ts$/, 'js')}`;
            const contents = text.replaceAll('import.meta.url', `new URL('${was}', import.meta.url).href`);
            return { contents, loader: 'ts' };
          });
        },
      },
    ],
  });
  copyFileSync(`node_modules/${inlined}/license`, `dist/src/${inlined}.LICENSE`);
}
