/** The verifier stands alone: what it reaches, through however many files, is walked here. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { encodeCurrencyFile, partExtractor } from '../../src/records/currency-file.ts';
import { makeBatch, signBundle } from '../records/batches.ts';
import { now, trustBundle } from '../records/samples.ts';

const root = join(import.meta.dirname, '../..');

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const static_ = [...text.matchAll(/^(?:import|export)\s[^'";]*?from\s+'([^']+)'/gm)];
  const bare = [...text.matchAll(/^import\s+'([^']+)'/gm)];
  const dynamic = [...text.matchAll(/(?:import|require)\(\s*['"`]([^'"`]+)['"`]/g)];
  return [...static_, ...bare, ...dynamic].map(([, name = '']) => name);
}

/** Every project file that `start` reaches, and every package or built-in module with who imports it. */
function reach(start: string): { files: Set<string>; packages: Map<string, string[]> } {
  const files = new Set<string>();
  const packages = new Map<string, string[]>();
  const queue = [join(root, start)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const name = relative(root, file);
    if (files.has(name)) continue;
    files.add(name);
    for (const imported of importsOf(file)) {
      if (imported.startsWith('.')) queue.push(join(dirname(file), imported));
      else packages.set(imported, [...(packages.get(imported) ?? []), name]);
    }
  }
  return { files, packages };
}

const verifierFiles = readdirSync(join(root, 'src/verifier')).filter((name) => name.endsWith('.ts'));

describe('the verifier', () => {
  it('is walked as a whole: its files, and what a test knows that they reach', () => {
    expect(verifierFiles).toContain('verify.ts');
    const { files } = reach('src/verifier/verify.ts');
    for (const known of ['src/records/merkle.ts', 'src/records/iso4217.ts', 'src/kit/result.ts'])
      expect(files).toContain(known);
  });

  it.each(verifierFiles)('%s reaches nothing but verifier, records and kit', (name) => {
    for (const file of reach(`src/verifier/${name}`).files)
      expect(file).toMatch(/^src\/(verifier|records|kit)\/[^/]+\.ts$/);
  });

  it.each(verifierFiles.filter((name) => name !== 'signature-node.ts'))(
    '%s runs in a browser: no built-in module, and only CBOR and noble',
    (name) => {
      const { packages } = reach(`src/verifier/${name}`);
      for (const imported of packages.keys())
        expect(imported).toMatch(/^(@noble\/(curves|hashes)\/[\w.]+|cborg)$/);
    },
  );

  it('verifies currency as a bundle for a browser, where there is no `process`', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringmint-verifier-'));
    try {
      const whole = makeBatch();
      const files = [whole, partExtractor(whole)(5, 3), { ...partExtractor(whole)(5, 3), first: 6 }];
      for (const [index, file] of files.entries())
        writeFileSync(join(folder, `${index}.cbor`), encodeCurrencyFile(file));
      writeFileSync(join(folder, 'trust.cbor'), signBundle(trustBundle));
      const entry = ['verify', 'signature-noble']
        .map((name) => `export * from ${JSON.stringify(join(root, `src/verifier/${name}.ts`))};`)
        .join('\n');
      buildSync({
        stdin: { contents: entry, resolveDir: root },
        bundle: true,
        format: 'esm',
        platform: 'browser',
        outfile: join(folder, 'verifier.mjs'),
      });
      const script = `import { readFileSync } from 'node:fs';
        const { log } = console; delete globalThis.process; delete globalThis.Buffer;
        const { verifyFile, verifySignatureNoble } = await import('./verifier.mjs');
        const bytes = (name) => new Uint8Array(readFileSync(name));
        for (const name of ['0.cbor', '1.cbor', '2.cbor']) {
          const options = { bundle: bytes('trust.cbor'), at: ${now + 60}, verifySignature: verifySignatureNoble };
          const { ok, code, value } = verifyFile(bytes(name), options);
          log(ok ? [value.first, value.count, value.whole].join(' ') : code);
        }`;
      const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(said.trim().split('\n')).toEqual(['0 12 true', '5 3 false', 'proof_mismatch']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('imports node:crypto in signature-node.ts only', () => {
    const { packages } = reach('src/verifier/signature-node.ts');
    expect(packages.get('node:crypto')).toEqual(['src/verifier/signature-node.ts']);
  });

  it('reaches the network nowhere', () => {
    for (const name of verifierFiles) {
      for (const file of reach(`src/verifier/${name}`).files)
        expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(
          /\b(fetch|XMLHttpRequest|WebSocket)\(/,
        );
    }
  });
});
