/** The package as somebody gets it: packed by npm, taken apart in a folder of its own, and used by what docs/EMBEDDING.md shows. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const project = join(import.meta.dirname, '../..');
const timeoutMs = 60_000;

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as Manifest;

interface Example {
  readonly name: string;
  /** JavaScript is run as it is. */
  readonly language: string;
  readonly source: string;
  readonly output: string;
}

/** A block of code whose first line is its name, and the block of text after it, which is what it prints. */
const examples: readonly Example[] = [
  ...readFileSync(join(project, 'docs/EMBEDDING.md'), 'utf8').matchAll(
    /```(ts|js)\n\/\/ ([\w-]+)\.\1\n([\s\S]*?)```\n```text\n([\s\S]*?)```/g,
  ),
].map(([, language = '', name = '', source = '', output = '']) => ({ name, language, source, output }));

/** In a page, where a bundler carries the wasm in the script, or the page fetches it. */
const bundled = `
import { assemble, type RunResult, startMachine } from 'ringmint/vm';
import { moduleKeyId, trustKeys, verifySignedModule } from 'ringmint/vm/signed';
import { trustTranslations } from 'ringmint/vm/signed-translation';
import { checkTranslation, type OpenResult, openTranslated, translate } from 'ringmint/vm/translator';
import runtime from 'ringmint/vm/translator-runtime.wasm';
import wasm from 'ringmint/vm/machine.wasm';

export async function answer(text: string): Promise<RunResult> {
  const assembled = assemble(text);
  if (!assembled.ok) throw new Error(assembled.message);
  const machine = await startMachine(wasm);
  const loaded = machine.load(assembled.bytes);
  if (!loaded.ok) throw new Error(loaded.message);
  return loaded.program.run({ inputs: [] });
}

export async function fetched(url: string): Promise<ReturnType<typeof startMachine>> {
  const compiled: WebAssembly.Module = await WebAssembly.compileStreaming(fetch(url));
  return startMachine(compiled, { trust: trustKeys([]) });
}

/** The same, translated in the page. */
export async function translated(text: string): Promise<OpenResult> {
  const assembled = assemble(text);
  if (!assembled.ok) throw new Error(assembled.message);
  const made = translate({ source: assembled.bytes, runtime });
  const checked = checkTranslation({ source: assembled.bytes, translated: made.wasm, runtime });
  if (!checked.ok) throw new Error(checked.message);
  return openTranslated(made.wasm);
}

const text = "level l C0 A8\\nconstant k 'EUR' C0 A8\\nport a symbol C0 A8\\nat l\\nconst r0 k\\noutput a r0\\nhalt";
const result = await answer(text);
console.log(result.ok ? result.ports.get(0) : result.code, typeof moduleKeyId, verifySignedModule(new Uint8Array(), []).ok);
const opened = await translated(text);
const again = opened.ok ? opened.program.run({ inputs: [] }) : opened;
console.log(again.ok ? again.ports.get(0) : again.code, trustTranslations([])(new Uint8Array()).ok);
`;

const strict = {
  target: 'es2023',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
};

describe('the package', () => {
  let folder = '';
  let installed = '';

  /** What TypeScript has to say of `source`; what it compiles comes to lie beside it. */
  function check(name: string, source: string, options: Record<string, unknown>): string {
    writeFileSync(join(folder, `${name}.ts`), source);
    const config = join(folder, `${name}.tsconfig.json`);
    writeFileSync(
      config,
      JSON.stringify({
        compilerOptions: { ...strict, ...options },
        files: [`${name}.ts`, ...(options['moduleResolution'] === 'bundler' ? ['wasm.d.ts'] : [])],
      }),
    );
    const words = ['--project', config];
    const { stdout, status } = spawnSync(join(project, 'node_modules/.bin/tsc'), words, {
      encoding: 'utf8',
      timeout: timeoutMs,
    });
    return status === 0 ? '' : stdout || `exit code ${status}`;
  }

  beforeAll(() => {
    if (!existsSync(join(project, 'dist/vm/index.js')))
      throw new Error('dist/ is not built: run `npm run build`');
    folder = mkdtempSync(join(tmpdir(), 'ringmint-package-'));
    const words = ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder];
    const packed = execFileSync('npm', words, { cwd: project, encoding: 'utf8', timeout: timeoutMs });
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    installed = join(folder, 'node_modules/ringmint');
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
    // What npm would install beside it, and the types of Node for its consumer.
    for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
      const place = join(folder, 'node_modules', name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(join(project, 'node_modules', name), place);
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'wasm.d.ts'),
      "declare module '*.wasm' { const bytes: Uint8Array; export default bytes; }",
    );
  }, timeoutMs);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has every file that it exports, as it is in the repository', () => {
    for (const [name, target] of Object.entries(manifest.exports)) {
      const files = typeof target === 'string' ? [target] : Object.values(target);
      for (const file of files) expect(existsSync(join(installed, file)), `${name}: ${file}`).toBe(true);
    }
    for (const name of ['machine.wasm', 'translator-runtime.wasm', 'ringmint_vm.h', 'conformance.txt'])
      expect(
        readFileSync(join(installed, 'dist/vm', name)).equals(readFileSync(join(project, 'vm', name))),
        `dist/vm/${name} is not vm/${name}: run \`npm run build\``,
      ).toBe(true);
  });

  it('exports what the guide shows', () => {
    expect(examples.map(({ name }) => name)).toEqual([
      'shortest',
      'ceiling',
      'faults',
      'signed',
      'translated',
      'bare',
    ]);
  });

  it.each(examples)(
    'runs the example $name with types that hold in Node',
    ({ name, language, source, output }) => {
      const options = { module: 'node16', moduleResolution: 'node16', lib: ['es2023'], types: ['node'] };
      if (language === 'ts') expect(check(name, source, options)).toBe('');
      else writeFileSync(join(folder, `${name}.js`), source);
      const { stdout, stderr } = spawnSync(process.execPath, [join(folder, `${name}.js`)], {
        encoding: 'utf8',
        timeout: timeoutMs,
      });
      expect(stderr).toBe('');
      expect(stdout).toBe(output);
    },
    timeoutMs,
  );

  it(
    'goes into a bundle for a browser, with types that hold there',
    () => {
      const options = {
        module: 'esnext',
        moduleResolution: 'bundler',
        lib: ['es2023', 'dom'],
        types: [],
        noEmit: true,
      };
      expect(check('bundled', bundled, options)).toBe('');
      // A module of Node, in whatever package, would be an error for this platform.
      const { metafile } = buildSync({
        entryPoints: [join(folder, 'bundled.ts')],
        outfile: join(folder, 'bundle.js'),
        bundle: true,
        platform: 'browser',
        format: 'esm',
        target: 'es2023',
        loader: { '.wasm': 'binary' },
        metafile: true,
        logLevel: 'silent',
      });
      expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
      const words = [join(folder, 'bundle.js')];
      expect(execFileSync(process.execPath, words, { encoding: 'utf8', timeout: timeoutMs })).toBe(
        '4995989521590910976n function false\n4995989521590910976n false\n',
      );
    },
    timeoutMs,
  );

  it(
    'has types that hold without those of Node or of a browser',
    () => {
      const source = (wasm: string): string => `
import { type Machine, startMachine } from 'ringmint/vm';
import { trustKeys } from 'ringmint/vm/signed';
import { trustTranslations } from 'ringmint/vm/signed-translation';
import { type OpenResult, openTranslated } from 'ringmint/vm/translator';
export const open = (wasm: Uint8Array): Promise<OpenResult> =>
  openTranslated(wasm, { trust: trustTranslations([]) });
export const start = (wasm: Uint8Array): Promise<Machine> => startMachine(${wasm}, { trust: trustKeys([]) });
`;
      for (const moduleResolution of ['node16', 'bundler']) {
        const module = moduleResolution === 'node16' ? 'node16' : 'esnext';
        const options = { module, moduleResolution, lib: ['es2023'], types: [], noEmit: true };
        expect(check('bare', source('wasm'), options), moduleResolution).toBe('');
        expect(check('bare', source("'machine.wasm'"), options), moduleResolution).toContain('TS2345');
      }
    },
    timeoutMs,
  );
});
