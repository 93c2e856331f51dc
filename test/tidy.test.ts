/** Holds the house in order: who may import whom, dead files and exports, file names, links, and what has no place in a commit. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
/** What git tracks, and what it would track. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

interface Layer {
  /** Files whose path begins so; the longest of all that fit counts. */
  readonly path: string;
  /** Layers or files, by path, that it may import besides itself. */
  readonly may: readonly string[] | 'everything';
  readonly packages: readonly string[];
  /** Whether it may import Node's own modules: what may not runs in a browser. */
  readonly node: boolean;
}

/** The table of docs/ARCHITECTURE.md. */
const layers: readonly Layer[] = [
  { path: 'vm/assembly/', may: [], packages: [], node: false },
  {
    path: 'vm/',
    may: ['vm/specification/', 'vm/translator/abi.ts', 'vm/translator/claims.ts'],
    packages: ['cborg', 'cbor2', '@noble/curves', '@noble/hashes'],
    node: false,
  },
  {
    path: 'vm/translator/',
    may: ['vm/', 'vm/specification/', 'vm/translator/check'],
    packages: [],
    node: false,
  },
  // The checker, which shares nothing with the translator.
  {
    path: 'vm/translator/check',
    may: [
      'vm/isa.ts',
      'vm/label.ts',
      'vm/module.ts',
      'vm/module-reader.ts',
      'vm/specification/',
      'vm/translator/claims.ts',
    ],
    packages: [],
    node: false,
  },
  {
    path: 'vm/specification/',
    may: ['vm/isa.ts', 'vm/label.ts', 'vm/module.ts'],
    packages: [],
    node: false,
  },
  { path: 'hsm/', may: [], packages: ['pkcs11js'], node: true },
  {
    path: 'firmware-sim/',
    may: ['firmware-sim/chip/', 'firmware-sim/firmware/', 'hsm/signer.ts', 'src/kit/', 'vm/'],
    packages: [],
    node: true,
  },
  { path: 'firmware-sim/chip/', may: ['src/kit/'], packages: [], node: true },
  {
    path: 'firmware-sim/firmware/',
    may: [
      'firmware-sim/chip/',
      'firmware-sim/channel.ts',
      'firmware-sim/protocol.ts',
      'firmware-sim/profile.ts',
      'hsm/signer.ts',
      'src/kit/',
      'vm/',
    ],
    packages: ['@noble/curves'],
    node: true,
  },
  { path: 'src/kit/', may: [], packages: ['cborg', '@noble/hashes'], node: false },
  { path: 'src/records/', may: ['src/kit/'], packages: ['@noble/curves', '@noble/hashes'], node: false },
  {
    path: 'src/rules/',
    may: ['src/kit/', 'src/records/', 'vm/', 'vm/translator/', 'vm/translator/check'],
    packages: ['@marcbachmann/cel-js'],
    node: false,
  },
  {
    path: 'src/rules/analysis/solver/',
    may: ['src/rules/analysis/solving.ts'],
    packages: ['z3-solver'],
    node: true,
  },
  { path: 'src/quota/', may: ['src/kit/', 'src/records/'], packages: [], node: false },
  { path: 'src/journal/', may: ['src/kit/', 'src/records/'], packages: [], node: false },
  {
    path: 'src/store/',
    may: ['src/kit/', 'src/records/', 'src/quota/', 'src/journal/'],
    packages: [],
    node: false,
  },
  {
    path: 'src/store/sqlite/',
    may: ['src/store/', 'src/kit/', 'src/records/', 'src/quota/', 'src/journal/'],
    packages: ['better-sqlite3'],
    node: true,
  },
  {
    path: 'src/store/postgres/',
    may: ['src/store/', 'src/kit/', 'src/records/', 'src/quota/', 'src/journal/'],
    packages: ['postgres'],
    node: true,
  },
  {
    path: 'src/roles/',
    may: [
      'src/kit/',
      'src/records/',
      'src/rules/',
      'src/quota/',
      'src/journal/',
      'src/store/store.ts',
      'src/verifier/',
      'hsm/signer.ts',
    ],
    packages: [],
    node: false,
  },
  {
    path: 'src/audit/',
    may: ['src/kit/', 'src/records/', 'src/quota/', 'src/journal/', 'src/verifier/'],
    packages: [],
    node: false,
  },
  { path: 'src/verifier/', may: ['src/kit/', 'src/records/'], packages: ['@noble/curves'], node: false },
  { path: 'src/verifier/signature-node.ts', may: ['src/kit/', 'src/records/'], packages: [], node: true },
  {
    path: 'src/api/',
    may: ['src/kit/', 'src/records/', 'src/roles/', 'src/verifier/'],
    packages: [
      'fastify',
      '@fastify/rate-limit',
      '@fastify/swagger',
      '@fastify/type-provider-typebox',
      'prom-client',
      'typebox',
      'undici',
    ],
    node: true,
  },
  {
    path: 'src/cli/',
    may: [
      'src/kit/',
      'src/records/',
      'src/roles/',
      'src/verifier/',
      'src/verifier/signature-node.ts',
      'src/audit/',
      'src/journal/extract.ts',
      'src/rules/',
      'src/rules/analysis/solver/',
      'vm/',
      'vm/translator/',
      'vm/translator/check',
    ],
    packages: ['commander', 'vscode-languageserver', 'vscode-languageserver-textdocument'],
    node: true,
  },
  {
    path: 'src/appliance/',
    may: 'everything',
    packages: ['@peculiar/x509', 'reflect-metadata', 'typebox'],
    node: true,
  },
  { path: 'src/main.ts', may: 'everything', packages: [], node: true },
];

/** Where a program or a build begins. */
const entries = [
  'src/main.ts',
  'hsm/signer-process.ts',
  'firmware-sim/device-process.ts',
  'src/rules/analysis/solver/solver-process.ts',
  'vm/assembly/index.ts',
  'vm/assembly/stepping.ts',
  'vm/assembly/translated.ts',
  'vm/assembly/build.d.ts',
  'vm/index.ts',
  'vm/webassembly.d.ts',
  'vitest.config.ts',
];
/** Tables that are one noun however long they are. */
const longFiles = new Set(['vm/isa.ts']);

interface Import {
  readonly line: number;
  readonly from: string;
  readonly typesOnly: boolean;
  readonly names: readonly string[];
}

function importsOf(file: string): Import[] {
  const text = read(file);
  const found: Import[] = [];
  const pattern =
    /^(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]\s*\)|new URL\(\s*(?:\w+ \? )?'(\.[^']+\.ts)'/gm;
  for (const match of text.matchAll(pattern)) {
    const names = (match[2] ?? '').match(/[\w$]+/g) ?? [];
    const from = match[3] ?? match[4] ?? match[5] ?? match[6] ?? '';
    const bindings = /\{([^}]*)\}/.exec(match[2] ?? '')?.[1];
    const allTypes =
      bindings?.split(',').every((binding) => binding.trim() === '' || binding.trim().startsWith('type ')) ??
      false;
    found.push({
      line: text.slice(0, match.index).split('\n').length,
      from,
      typesOnly: match[1] !== undefined || allTypes,
      names,
    });
  }
  return found;
}

function resolveImport(file: string, from: string): string {
  const path = normalize(join(dirname(file), from));
  return path.endsWith('.ts') || path.endsWith('.json') ? path : `${path}.ts`;
}

function layerOf(file: string): Layer | undefined {
  return layers
    .filter((layer) => file.startsWith(layer.path))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

const sources = files.filter((file) => /^(src|vm|hsm|firmware-sim)\/.*\.ts$/.test(file));
const scripts = files.filter((file) => /^(test|scripts)\/.*\.ts$/.test(file) || file === 'vitest.config.ts');
const documents = files.filter((file) => file.endsWith('.md') && !file.includes('AAA-NOTE'));

describe('the house', () => {
  it('lets a layer import only what docs/ARCHITECTURE.md says', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const layer = layerOf(file);
      if (layer === undefined) {
        wrong.push(`${file}: is in no layer; add its folder to the table here and in docs/ARCHITECTURE.md`);
        continue;
      }
      for (const { from, line } of importsOf(file)) {
        if (from.startsWith('.')) {
          const target = resolveImport(file, from);
          const own = layerOf(target) === layer;
          const path = layerOf(target)?.path ?? target;
          const allowed =
            layer.may === 'everything' || layer.may.includes(path) || layer.may.includes(target);
          if (!own && !allowed) {
            wrong.push(`${file}:${line}: ${layer.path} may not import ${target}`);
          }
        } else if (from.startsWith('node:') || builtinModules.includes(from)) {
          if (!layer.node)
            wrong.push(`${file}:${line}: ${layer.path} runs without Node, and may not import ${from}`);
        } else {
          const name = from
            .split('/')
            .slice(0, from.startsWith('@') ? 2 : 1)
            .join('/');
          if (!layer.packages.includes(name))
            wrong.push(`${file}:${line}: ${layer.path} may not import the package ${name}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps roles apart, takes only types of the signer, and lets nobody import the composition root', () => {
    const wrong: string[] = [];
    const roles = ['central', 'issuance', 'quota-control'].map((role) => `src/roles/${role}.ts`);
    for (const file of [...sources, ...scripts]) {
      for (const { from, line, typesOnly } of importsOf(file)) {
        if (!from.startsWith('.')) continue;
        const target = resolveImport(file, from);
        if (roles.includes(file) && roles.includes(target))
          wrong.push(`${file}:${line}: roles exchange records, and do not import each other`);
        if (file.startsWith('src/roles/') && target.startsWith('hsm/') && !typesOnly)
          wrong.push(`${file}:${line}: only types of ${target} may be imported`);
        if (target === 'src/main.ts') wrong.push(`${file}:${line}: nobody imports the composition root`);
        if (
          target.startsWith('src/appliance/') &&
          file.startsWith('src/') &&
          !file.startsWith('src/appliance/') &&
          file !== 'src/main.ts'
        ) {
          wrong.push(`${file}:${line}: only src/main.ts imports src/appliance/`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has no dead file: each is reached from a program, a test or a script', () => {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file) || !existsSync(join(root, file))) return;
      reached.add(file);
      for (const { from } of importsOf(file)) if (from.startsWith('.')) visit(resolveImport(file, from));
    };
    const named = files.filter(
      (file) =>
        file.endsWith('.ts') && Object.values(packageScripts()).some((script) => script.includes(file)),
    );
    for (const file of [
      ...entries,
      ...named,
      ...files.filter((name) => /^test\/.*(\.test\.ts|main\.ts)$/.test(name)),
    ])
      visit(file);
    // A test may start a file of its own as a process, and names it then.
    const started = scripts.filter((file) =>
      scripts.some((other) => other !== file && read(other).includes(file.split('/').at(-1) ?? file)),
    );
    for (const file of started) visit(file);
    expect([...sources, ...scripts].filter((file) => !reached.has(file))).toEqual([]);
  });

  it('has no dead export: each is used in another file', () => {
    const dead: string[] = [];
    const used = new Map<string, Set<string>>();
    for (const file of [...sources, ...scripts]) {
      for (const { from, names } of importsOf(file)) {
        if (!from.startsWith('.')) continue;
        const target = resolveImport(file, from);
        const set = used.get(target) ?? new Set<string>();
        for (const name of names) set.add(name);
        if (names.length === 0 || /\* as/.test(read(file))) set.add('*');
        used.set(target, set);
      }
    }
    for (const file of sources) {
      if (entries.includes(file) || file === 'vm/assembly/isa.ts') continue;
      for (const match of read(file).matchAll(
        /^export (?:async )?(?:function\*?|const|let|class) ([\w$]+)/gm,
      )) {
        const name = match[1] ?? '';
        if (!used.get(file)?.has(name) && !used.get(file)?.has('*'))
          dead.push(`${file}: nobody imports ${name}: remove its \`export\`, or it`);
      }
    }
    expect(dead).toEqual([]);
  });

  it('names files by nouns in kebab-case, and keeps them short', () => {
    const wrong: string[] = [];
    for (const file of [...sources, ...scripts]) {
      const name = file.split('/').at(-1) ?? '';
      if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config|\.d)?\.ts$/.test(name)) wrong.push(`${file}: kebab-case`);
      if (/\b(utils?|helpers?|managers?|misc|common)\b/.test(name))
        wrong.push(`${file}: a name that says what is in it`);
      const lines = read(file).split('\n').length;
      if (sources.includes(file) && lines > 400 && !longFiles.has(file))
        wrong.push(`${file}: ${lines} lines, so most likely two nouns`);
    }
    expect(wrong).toEqual([]);
  });

  it('has errors whose codes are snake_case', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      for (const match of read(file).matchAll(
        /(?:refuse|SignerError|StoreError|ApplianceError)\(\s*'([^']*)'/g,
      )) {
        if (!/^[a-z]+(_[a-z]+)*$/.test(match[1] ?? '')) wrong.push(`${file}: ${match[1]}`);
      }
      for (const union of read(file).matchAll(/^export type \w+Code =[^;]*;/gm)) {
        for (const [, code = ''] of union[0].matchAll(/'([^']*)'/g))
          if (!/^[a-z]+(_[a-z]+)*$/.test(code)) wrong.push(`${file}: ${code}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

function packageScripts(): Record<string, string> {
  return (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;
}

describe('documents', () => {
  it('link to files that are there, and name files and scripts that are there', () => {
    const wrong: string[] = [];
    for (const file of documents) {
      for (const [index, line] of read(file).split('\n').entries()) {
        for (const match of line.matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)/g)) {
          if (!existsSync(join(root, dirname(file), match[1] ?? '')))
            wrong.push(`${file}:${index + 1}: broken link ${match[1]}`);
        }
        for (const match of line.matchAll(/`((?:src|vm|hsm|test|scripts|docs|samples|\.ci)\/[\w./-]*)`/g)) {
          const path = match[1] ?? '';
          if (!path.includes('dist') && path !== 'vm/machine.wasm' && !existsSync(join(root, path)))
            wrong.push(`${file}:${index + 1}: ${path} is not there`);
        }
        for (const match of line.matchAll(/npm run ([\w:]+)/g)) {
          if (packageScripts()[match[1] ?? ''] === undefined)
            wrong.push(`${file}:${index + 1}: there is no script ${match[1]}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('name no command of ringmint that is not there', () => {
    const program = read('src/cli/program.ts');
    const wrong = documents.flatMap((file) =>
      [...read(file).matchAll(/`ringmint ([a-z]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((name) => !program.includes(`command('${name}'`))
        .map((name) => `${file}: ringmint ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('are all there', () => {
    for (const file of [
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      'SECURITY.md',
      'CONTRIBUTING.md',
      'docs/ARCHITECTURE.md',
      '.ci/run',
      'run',
    ]) {
      expect(files, file).toContain(file);
    }
  });
});

describe('a commit', () => {
  const own = 'test/tidy.test.ts';
  const texts = files.filter(
    (file) => /\.(ts|md|json|rasm|yml|yaml)$|^run$|^\.ci\/|^scripts\/|^hsm\/ci\//.test(file) && file !== own,
  );

  it('holds no path of a machine, and no registry address', () => {
    const wrong = texts.flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, index) =>
          /(^|[\s'"`(=])\/(work|home\/\w|root|tmp\/\w|Users)\b/.test(line)
            ? [`${file}:${index + 1}: ${line.trim().slice(0, 80)}`]
            : [],
        ),
    );
    expect(wrong).toEqual([]);
    expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*registry/);
  });

  it('holds nothing unfinished, switched off or silenced', () => {
    const pattern =
      /\b(TODO|FIXME)\b|\b(it|test|describe)\.(only|todo)\b|\b(?:biome|oxlint|eslint)-(?:ignore|disable)|@ts-(?:nocheck|expect-error|ignore(?!: decorator))|\b(?:it|test|describe)\.skip\b|catch *(\([^)]*\))? *\{ *\}/;
    const wrong = texts
      .filter((file) => !file.endsWith('.md') && !file.endsWith('.json'))
      .flatMap((file) =>
        read(file)
          .split('\n')
          .flatMap((line, index) =>
            pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 80)}`] : [],
          ),
      );
    expect(wrong).toEqual([]);
  });

  it('skips a test only where it says so aloud', () => {
    const silent = files.filter(
      (file) =>
        file.endsWith('.test.ts') &&
        /\.(?:skipIf|runIf)\(/.test(read(file)) &&
        !/\bSKIPPED\b/.test(read(file)),
    );
    expect(
      silent.filter((file) => file !== own).map((file) => `${file}: print \`SKIPPED:\` and why`),
    ).toEqual([]);
  });

  it('depends on no package that nothing uses', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const imported = new Set(
      [...sources, ...scripts].flatMap((file) => importsOf(file).map(({ from }) => from)),
    );
    const unused = Object.keys(dependencies ?? {}).filter(
      (name) => ![...imported].some((from) => from === name || from.startsWith(`${name}/`)),
    );
    const tools = [
      '@biomejs/biome',
      '@types/better-sqlite3',
      '@types/json-logic-js',
      '@types/node',
      '@vitest/coverage-v8',
      'assemblyscript',
      'oxlint',
      'oxlint-tsgolint',
      'tsx',
      'typescript',
    ];
    const idle = Object.keys(devDependencies ?? {}).filter(
      (name) =>
        !tools.includes(name) && ![...imported].some((from) => from === name || from.startsWith(`${name}/`)),
    );
    expect([...unused, ...idle]).toEqual([]);
  });

  it('has a lockfile that is whole', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { version?: string; optionalDependencies?: Record<string, string> }>;
    };
    const missing = Object.entries(packages).flatMap(([name, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter(
          (dependency) =>
            packages[`node_modules/${dependency}`]?.version === undefined &&
            packages[`${name}/node_modules/${dependency}`]?.version === undefined,
        )
        .map((dependency) => `${name}: ${dependency}`),
    );
    expect(missing).toEqual([]);
  });
});
