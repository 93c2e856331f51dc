/**
 * Builds everything: the machines in vm/, whose hashes are in git, then dist/. With `--pin` the hashes in git are
 * written anew, which a change of the machine needs and nothing else may do.
 *
 * The programs are bundled with the packages that they use: a command that reads hundreds of files before it does anything starts twice as
 * slow. Only packages with a part that is compiled for a machine stay what `npm` installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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
/** The machine, the one that stops after each instruction, for the debugger, and the part that is the same in every translated module. */
const machines = [
  { target: 'release', entry: 'vm/assembly/index.ts', file: 'vm/machine.wasm' },
  { target: 'stepping', entry: 'vm/assembly/stepping.ts', file: 'vm/machine-stepping.wasm' },
  { target: 'translated', entry: 'vm/assembly/translated.ts', file: 'vm/translator-runtime.wasm' },
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
for (const folder of ['dist/src', 'dist/hsm', 'dist/firmware-sim']) rmSync(folder, { recursive: true });
await bundle();
chmodSync('dist/src/main.js', 0o755);

/** Each program with what it imports, in files one folder below dist/; what several of them or a lazy import need is in files of its own. */
async function bundle(): Promise<void> {
  const root = process.cwd();
  const { metafile } = await build({
    entryPoints: [
      'src/main.ts',
      'hsm/signer-process.ts',
      'firmware-sim/device-process.ts',
      'src/rules/analysis/solver/solver-process.ts',
    ],
    outbase: '.',
    outdir: 'dist',
    chunkNames: 'src/[name]-[hash]',
    bundle: true,
    splitting: true,
    // z3-solver reads 35 MB of WebAssembly from beside its own files, and starts threads from them.
    external: ['better-sqlite3', 'pkcs11js', 'z3-solver'],
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Packages that are CommonJS ask for Node's own modules by it.
    banner: {
      js: `import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);`,
    },
    minifyWhitespace: true,
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [
      {
        name: 'programs',
        setup(hooks) {
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
  const packages = Object.keys(metafile.inputs).map(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0],
  );
  writeFileSync('dist/LICENSES', licencesOf([...new Set(packages)].filter((path) => path !== undefined)));
}

/** What those ask for that wrote the packages in these folders: their notices go where their code goes. */
function licencesOf(folders: readonly string[]): string {
  return folders
    .toSorted()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
      const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
      const text = file === undefined ? '' : `\n${readFileSync(`${folder}/${file}`, 'utf8')}`;
      return `${name} ${version}: ${license}\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
