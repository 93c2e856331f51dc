import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as embedding from '../../vm/index.ts';
import * as signing from '../../vm/signed-module.ts';
import * as signedTranslations from '../../vm/signed-translation.ts';
import * as translator from '../../vm/translator/index.ts';
import { assembled, loaded, wasm } from './machine.ts';

const project = join(import.meta.dirname, '../..');

/** The files that are loaded with `entry`, and what is imported that is no file of ours; types are not loaded. */
function importGraph(entry: string): { files: string[]; packages: string[] } {
  const files = new Set<string>([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    const text = readFileSync(join(project, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    const pattern =
      /^(?:import|export)\s(?!type\s)[^;'"]*?\bfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]/gm;
    for (const [, from = '', bare = ''] of text.matchAll(pattern)) {
      const name = from === '' ? bare : from;
      if (name.startsWith('.')) files.add(relative(project, join(project, dirname(file), name)));
      else packages.add(name);
    }
    expect(text, `${file} loads something while it runs`).not.toMatch(
      /\b(?:require|import)\(|\bprocess\.|\bBuffer\b/,
    );
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

describe('what is published as ringmint/vm', () => {
  it('loads nothing of Node, nothing outside vm/, and of packages only SHA-256', () => {
    const { files, packages } = importGraph('vm/index.ts');
    expect(packages).toEqual(['@noble/hashes/sha2.js']);
    expect(files.filter((file) => !file.startsWith('vm/') || !existsSync(join(project, file)))).toEqual([]);
    expect(files).toContain('vm/host.ts');
    expect(files).not.toContain('vm/specification.ts');
  });

  it('loads, for translations, nothing of Node either, and of packages only SHA-256', () => {
    const { files, packages } = importGraph('vm/translator/index.ts');
    expect(packages).toEqual(['@noble/hashes/sha2.js']);
    expect(files.filter((file) => !file.startsWith('vm/') || !existsSync(join(project, file)))).toEqual([]);
  });

  it.each(['signed-module', 'signed-translation'])('loads, for %ss, P-256 and CBOR besides', (name) => {
    const { files, packages } = importGraph(`vm/${name}.ts`);
    expect(packages).toEqual(['@noble/curves/nist.js', '@noble/hashes/sha2.js', 'cbor2', 'cborg']);
    expect(files.filter((file) => !file.startsWith('vm/'))).toEqual([]);
    expect(packages.filter((name) => builtinModules.includes(name) || name.startsWith('node:'))).toEqual([]);
  });

  it('loads in its compiled form what it loads as it is written', () => {
    if (!existsSync(join(project, 'dist/vm/index.js')))
      throw new Error('dist/ is not built: run `npm run build`');
    for (const name of ['index', 'signed-module', 'signed-translation', 'translator/index']) {
      const { files, packages } = importGraph(`dist/vm/${name}.js`);
      const source = importGraph(`vm/${name}.ts`);
      expect(packages).toEqual(source.packages);
      expect(files.map((file) => file.replace(/^dist\/(.*)\.js$/, '$1.ts'))).toEqual(source.files);
    }
  });

  // A name that is gone, or another, is a change that the changelog must tell of.
  it('has these names, and no others', () => {
    expect(Object.keys(embedding).sort()).toEqual([
      'assemble',
      'encodeModule',
      'flowsTo',
      'limits',
      'makeLabel',
      'moduleHash',
      'packSymbol',
      'readLabel',
      'readModule',
      'readNames',
      'readSymbol',
      'refusals',
      'showLabel',
      'startMachine',
      'stripNames',
      'traps',
      'withNames',
    ]);
    expect(Object.keys(signing).sort()).toEqual([
      'encodeSignedModule',
      'moduleKeyId',
      'moduleToBeSigned',
      'signModule',
      'signedModuleType',
      'trustKeys',
      'verifySignedModule',
    ]);
    expect(Object.keys(signedTranslations).sort()).toEqual([
      'encodeSignedTranslation',
      'isWasm',
      'mostTranslationBytes',
      'signTranslation',
      'signedTranslationType',
      'sourceModuleHeader',
      'translationToBeSigned',
      'trustTranslations',
      'verifySignedTranslation',
    ]);
    expect(Object.keys(translator).sort()).toEqual([
      'checkTranslation',
      'elidedChecks',
      'openTranslated',
      'openTranslatedAtOnce',
      'translate',
    ]);
  });
});

describe('the host, called without TypeScript', () => {
  let memory: ArrayBuffer;
  let program: embedding.Program;
  beforeAll(async () => {
    const instantiate = vi.spyOn(WebAssembly, 'instantiate');
    const machine = await embedding.startMachine(wasm);
    const instance: unknown = await instantiate.mock.results[0]?.value;
    instantiate.mockRestore();
    memory = (instance as { exports: { memory: WebAssembly.Memory } }).exports.memory.buffer;
    program = loaded(machine, assembled('level l C0 A8\nsegment in 2 C0 A8 ceiling C0 A8\nat l\nhalt').bytes);
  });

  const secret = 0x1122_3344_5566_7788n;

  function isThere(): boolean {
    const trace = Buffer.alloc(8);
    trace.writeBigInt64LE(secret);
    return Buffer.from(memory).includes(trace);
  }

  const given = (input: unknown): (() => embedding.RunResult) => {
    const inputs = [{ segment: 0, index: 0, value: secret }, input] as embedding.InputWord[];
    return () => program.run({ inputs });
  };

  it.each([
    ['an input that is not there', undefined, RangeError],
    ['a number', { segment: 0, index: 1, value: 5 }, TypeError],
    ['no value', { segment: 0, index: 1 }, TypeError],
    ['null', null, TypeError],
    [
      'an input that throws when it is read',
      {
        get segment(): number {
          throw new EvalError('mine');
        },
      },
      EvalError,
    ],
  ])('throws for %s, and keeps nothing of the inputs before it', (_, input, error) => {
    expect(given(input)).toThrow(error);
    expect(isThere()).toBe(false);
    expect(program.run({ inputs: [] }).ok).toBe(true);
  });

  it('loads a module from a Buffer, leaves it as it was, and is not moved by what becomes of it', async () => {
    const module = assembled(
      'level l C0 A8\nconstant k 7 C0 A8\nport a C0 A8\nat l\nconst r0 k\noutput a r0\nhalt',
    ).bytes;
    const other = assembled(
      'level l C0 A8\nconstant k 8 C0 A8\nport a C0 A8\nat l\nconst r0 k\noutput a r0\nhalt',
    ).bytes;
    const machine = await embedding.startMachine(wasm);
    const given = Buffer.from(module);
    const seven = loaded(machine, given);
    expect(new Uint8Array(given)).toEqual(module);
    expect(embedding.moduleHash(given)).toEqual(seven.hash);
    expect(new Uint8Array(given)).toEqual(module);
    given.set(other);
    // Another program in between: the machine takes the first one again from where the host keeps it.
    loaded(machine, other).run({ inputs: [] });
    expect(seven.run({ inputs: [] })).toMatchObject({ ports: new Map([[0, 7n]]) });
  });

  it('throws for what is no WebAssembly', async () => {
    await expect(embedding.startMachine(new Uint8Array(8))).rejects.toThrow('WebAssembly.compile()');
    await expect(embedding.startMachine('machine.wasm' as unknown as Uint8Array)).rejects.toThrow(TypeError);
  });
});
