/** `ringmint rules fmt` with real files. */
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enterFolder, type Folder, ringmint } from '../../cli/session.ts';

let folder: Folder;
beforeEach(() => {
  folder = enterFolder();
});
afterEach(() => folder.leave());

const untidy = 'module  a 1 // mine\n  on transfer jurisdiction US\nlet x=1+2\n';
const tidy = 'module a 1 // mine\n  jurisdiction US\n  on transfer\nlet x = 1 + 2\n';

describe('ringmint rules fmt', () => {
  it('writes a file anew once, and leaves who may read it as it was, also behind a link', async () => {
    writeFileSync('a.rules', untidy);
    chmodSync('a.rules', 0o640);
    symlinkSync('a.rules', 'link.rules');
    expect(await ringmint(['rules', 'fmt', 'link.rules'])).toMatchObject({
      code: 0,
      out: 'link.rules: written in canonical form\n',
      err: '',
    });
    expect(readFileSync('a.rules', 'utf8')).toBe(tidy);
    expect(statSync('a.rules').mode & 0o777).toBe(0o640);
    expect(await ringmint(['rules', 'fmt', 'a.rules'])).toMatchObject({ code: 0, out: '' });
  });

  it('with --check writes nothing, and refuses what is not canonical', async () => {
    mkdirSync('modules');
    writeFileSync('modules/a.rules', untidy);
    writeFileSync('modules/b.rules', tidy);
    writeFileSync('modules/c.txt', 'no module');
    const said = await ringmint(['rules', 'fmt', '--check', 'modules', '--json']);
    expect(said.code).toBe(3);
    expect(said.json()).toMatchObject({
      ok: false,
      code: 'not_canonical',
      files: [
        { file: 'modules/a.rules', changed: true },
        { file: 'modules/b.rules', changed: false },
      ],
    });
    expect(readFileSync('modules/a.rules', 'utf8')).toBe(untidy);
    expect((await ringmint(['rules', 'fmt', '--check', 'modules/b.rules'])).code).toBe(0);
  });

  it('formats standard input to standard output', async () => {
    expect(await ringmint(['rules', 'fmt', '-'], { stdin: untidy })).toMatchObject({ code: 0, out: tidy });
    const said = await ringmint(['rules', 'fmt', '-', '--json'], { stdin: untidy });
    expect(said.json()).toMatchObject({ ok: true, files: [{ file: '-', changed: true, text: tidy }] });
  });

  it('leaves a file with a fault alone, tells all faults, and still writes the others', async () => {
    const faulty = 'module a 1\nrul b\nlet x = (\n';
    writeFileSync('bad.rules', faulty);
    writeFileSync('good.rules', untidy);
    const said = await ringmint(['rules', 'fmt', 'bad.rules', 'good.rules']);
    expect(said.code).toBe(2);
    expect(said.out).toContain(
      'bad.rules:2:1: declaration_unknown: `rul`: did you mean `rule`?\n     2 | rul b\n       | ^^^\n',
    );
    expect(said.out).toContain('bad.rules:3:9: bracket_unmatched');
    expect(said.err).toContain('`bad.rules`: 2 faults');
    expect(readFileSync('bad.rules', 'utf8')).toBe(faulty);
    expect(readFileSync('good.rules', 'utf8')).toBe(tidy);
    const json = (await ringmint(['rules', 'fmt', 'bad.rules', '--json'])).json();
    expect(json).toMatchObject({
      code: 'rules_malformed',
      faults: [
        {
          file: 'bad.rules',
          code: 'declaration_unknown',
          line: 2,
          column: 1,
          end_line: 2,
          end_column: 4,
          start: 11,
          end: 14,
        },
        { code: 'bracket_unmatched', line: 3, column: 9 },
      ],
    });
  });

  it.each([
    ['missing.rules', 'file_unreadable'],
    ['empty', 'file_unreadable'],
    ['latin.rules', 'rules_malformed'],
    ['nothing.rules', 'file_empty'],
  ])('refuses %s with exit code 2', async (name, code) => {
    mkdirSync('empty');
    writeFileSync('latin.rules', Buffer.from([0x6d, 0xe9]));
    writeFileSync('nothing.rules', '');
    const said = await ringmint(['rules', 'fmt', name, '--json']);
    expect(said.code).toBe(2);
    expect(said.json()).toMatchObject({ ok: false, code });
  });

  it('refuses no files at all, and tells of itself', async () => {
    expect((await ringmint(['rules', 'fmt'])).code).toBe(2);
    expect((await ringmint(['rules', 'fmt', '--help'])).out).toContain('canonical form');
  });
});
