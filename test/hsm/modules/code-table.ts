/** Which CKR codes the modules give: what was seen in the sheets, beside what their sources can give at all. */
import pkcs11js from 'pkcs11js';
import type { Sheet } from './sheet.ts';
import type { ModuleName } from './started-module.ts';

/** Counted once in the sources named; `counts` are places that give a code, comparisons left out. */
export type SourceCounts = Readonly<
  Record<
    ModuleName,
    {
      readonly repository: string;
      readonly tag: string;
      readonly commit: string;
      readonly folders: readonly string[];
      readonly files: number;
      readonly counts: Readonly<Record<string, number>>;
    }
  >
>;

export interface CodeRow {
  readonly name: string;
  /** Left out for names that pkcs11js does not have. */
  readonly value?: number;
  /** `CALL: when` of each time that a module gave it. */
  readonly seen: Readonly<Partial<Record<ModuleName, readonly string[]>>>;
  /** Places in the module's source that give it. */
  readonly inSource: Readonly<Partial<Record<ModuleName, number>>>;
}

export interface CodesByModule {
  readonly sources: Readonly<Record<ModuleName, string>>;
  readonly codes: readonly CodeRow[];
}

/** What ends a task in place of an answer, as a row of its own. */
const isCode = (answer: string): boolean => /^(CKR_|0x)/.test(answer);

export function codesByModule(sheets: readonly Sheet[], counts: SourceCounts): CodesByModule {
  const names = new Set(sheets.flatMap((sheet) => Object.keys(counts[sheet.module].counts)));
  const answers = sheets.flatMap((sheet) =>
    [...Object.values(sheet.probes), ...Object.values(sheet.breakages)].flatMap((record) =>
      record.answers.map((answer) => ({ module: sheet.module, ...answer })),
    ),
  );
  for (const { answer } of answers) if (isCode(answer)) names.add(answer);
  const codes = [...names].sort().map((name): CodeRow => {
    const value = (pkcs11js as unknown as Record<string, unknown>)[name];
    // When it is CKR_OK is of no interest here.
    const given = name === 'CKR_OK' ? [] : answers.filter(({ answer }) => answer === name);
    const pairs = sheets.map(({ module }) => {
      const when = given.filter((one) => one.module === module).map((one) => `${one.call}: ${one.when}`);
      return [module, [...new Set(when)]] as const;
    });
    const inSource = sheets.flatMap(({ module }) => {
      const count = counts[module].counts[name];
      return count === undefined ? [] : [[module, count] as const];
    });
    return {
      name,
      ...(typeof value === 'number' ? { value } : {}),
      seen: Object.fromEntries(pairs.filter(([, when]) => when.length > 0)),
      inSource: Object.fromEntries(inSource),
    };
  });
  const sources = Object.fromEntries(
    sheets.map(({ module }) => {
      const { repository, tag, commit, folders, files } = counts[module];
      return [
        module,
        `${repository} ${tag} (${commit.slice(0, 12)}), ${files} files of ${folders.join(', ')}`,
      ];
    }),
  ) as Record<ModuleName, string>;
  return { sources, codes };
}
