/** A rule set from its files: the text of the set, modules, lists and signatures, wherever their bytes are from. */
import { decodeUtf8, sha256, toHex, utf8 } from '../../kit/bytes.ts';
import { quote } from '../../kit/result.ts';
import { type VerificationKey, verificationKey } from '../../records/signature.ts';
import { checkModule } from '../checker/check-module.ts';
import type { CheckedModule, Value } from '../checker/checked.ts';
import { readModule } from '../language/parse.ts';
import { issuancePolicy } from '../policy/issuance-policy.ts';
import { checkSet } from './check-set.ts';
import { compareText } from './groups.ts';
import { issuersOfNoCountry } from './issuer.ts';
import { type ListItems, readListFile, sortItems } from './list-file.ts';
import { checkValue, readValue } from './parameter-value.ts';
import type { RuleSet } from './rule-set.ts';
import { faultIn, placeIn, type SetFault, type SetPlace } from './set-fault.ts';
import { hashSet } from './set-hash.ts';
import { type ModuleLine, parseSetText, type SetText } from './set-text.ts';

/** A finding of the analysis that is known and accepted for a time. */
export interface Suppression {
  /** Code of the finding and what it is about: `overlap us.payments/day us.payments/other`. */
  readonly finding: string;
  /** `YYYY-MM-DD`: on that day it is told again. */
  readonly until: string;
  readonly because: string;
}

export interface RuleSetSource {
  readonly set: RuleSet;
  readonly suppressions: readonly Suppression[];
  /** Of jurisdictions. */
  readonly keys: ReadonlyMap<string, readonly VerificationKey[]>;
  /** Files of lists that modules of the set name, by their SHA-256 in hex. */
  readonly listFiles: ReadonlyMap<string, Uint8Array>;
  /** By the name of a module: what was signed beside it. */
  readonly signatures: ReadonlyMap<string, readonly Uint8Array[]>;
  /** Which file each module is from; of one that comes with Ringmint none. */
  readonly files: ReadonlyMap<string, string>;
}

type Files = ReadonlyMap<string, Uint8Array>;

/**
 * Reads and checks the set that `files` (by their names) are: one `*.ruleset`, modules in `*.rules`, lists in `*.list`, signatures in
 * `MODULE-FILE.….sig`. The set is there where there are no faults.
 *
 * @example
 * readRuleSet(new Map([['demo.ruleset', utf8('ruleset demo 1\nmodule us.payments 7\n')], ['us.rules', utf8('module us.payments 7 …')]]))
 */
export function readRuleSet(files: Files): {
  readonly source: RuleSetSource | undefined;
  readonly faults: readonly SetFault[];
} {
  const faults: SetFault[] = [];
  const texts = [...files.keys()].filter((name) => name.endsWith('.ruleset')).sort(compareText);
  const [file, ...others] = texts;
  if (file === undefined || others.length > 0) {
    const place = placeIn(file ?? '', '', { start: 0, end: 0 });
    const found =
      file === undefined ? 'no file of a rule set' : `${texts.length} rule sets: ${texts.join(', ')}`;
    const code = file === undefined ? 'ruleset_missing' : 'ruleset_repeated';
    return {
      source: undefined,
      faults: [{ code, message: `${found}; one \`NAME.ruleset\` is accepted`, place, other: undefined }],
    };
  }
  const reading = new SetReading(file, files, faults);
  const source = reading.read();
  return { source: faults.length === 0 ? source : undefined, faults };
}

interface ModuleFile {
  readonly file: string | undefined;
  readonly text: string;
  readonly name: string;
  readonly version: bigint;
}

class SetReading {
  private readonly file: string;
  private readonly files: Files;
  private readonly faults: SetFault[];
  private text = '';

  constructor(file: string, files: Files, faults: SetFault[]) {
    this.file = file;
    this.files = files;
    this.faults = faults;
  }

  read(): RuleSetSource | undefined {
    const text = this.decode(this.file);
    if (text === undefined) return undefined;
    this.text = text;
    const parsed = parseSetText(text);
    for (const fault of parsed.faults) this.faults.push(faultIn(this.file, text, fault));
    if (parsed.set === undefined) return undefined;
    const said = parsed.set;
    const found = this.modules(said);
    const modules = [...found.values()]
      .map(({ module }) => module)
      .sort((a, b) => compareText(a.name, b.name));
    const unions = this.once(said.unions, 'union').map(
      ({ name, value }) =>
        [name.value, [...new Set(value.map((member) => member.value))].sort(compareText)] as const,
    );
    const issuers = this.once(said.issuers, 'issuer').map(
      ({ name, value }) => [name.value, value.value] as const,
    );
    const { lists, listFiles } = this.lists(found);
    const meaning = {
      modules,
      unions: new Map(unions),
      issuers: new Map([...issuersOfNoCountry, ...issuers]),
      parameters: this.parameters(said, found),
    };
    const set: RuleSet = {
      name: said.name.value,
      version: said.version.value,
      hash: hashSet(meaning),
      ...meaning,
      lists,
    };
    if (this.faults.length === 0) this.check(set, said, found);
    const keys = new Map<string, VerificationKey[]>();
    for (const { name, value } of said.keys)
      keys.set(name.value, [...(keys.get(name.value) ?? []), verificationKey(value)]);
    const origin = [...found].flatMap(([name, { file }]) =>
      file === undefined ? [] : [[name, file] as const],
    );
    return {
      set,
      suppressions: said.suppressions.map(({ finding, until, because }) => ({
        finding: finding.value,
        until,
        because,
      })),
      keys,
      listFiles,
      signatures: new Map(origin.map(([name, file]) => [name, this.signaturesOf(file)])),
      files: new Map(origin),
    };
  }

  private fault(code: string, message: string, span: { start: number; end: number }, other?: SetPlace): void {
    this.faults.push({ code, message, place: placeIn(this.file, this.text, span), other });
  }

  private decode(file: string): string | undefined {
    // A byte order mark stays: it is part of the hash.
    const text = decodeUtf8(this.files.get(file) ?? new Uint8Array());
    if (text === undefined)
      this.faults.push({
        code: 'not_text',
        message: 'text in UTF-8 is accepted',
        place: placeIn(file, '', { start: 0, end: 0 }),
        other: undefined,
      });
    return text;
  }

  private modules(said: SetText): ReadonlyMap<string, ModuleFile & { readonly module: CheckedModule }> {
    const candidates = this.candidates();
    const found = new Map<string, ModuleFile & { readonly module: CheckedModule }>();
    const lines = new Map<string, ModuleLine>();
    for (const line of said.modules) {
      const { name } = line;
      const before = lines.get(name.value);
      lines.set(name.value, line);
      if (before !== undefined) {
        this.fault(
          'module_repeated',
          `${quote(name.value)} is in the set twice`,
          name.span,
          placeIn(this.file, this.text, before.name.span),
        );
        continue;
      }
      const candidate = this.choose(line, candidates);
      if (candidate === undefined) continue;
      const { module, faults } = checkModule(candidate.text);
      for (const fault of faults)
        this.faults.push(faultIn(candidate.file ?? name.value, candidate.text, fault));
      if (module !== undefined) found.set(name.value, { ...candidate, module });
    }
    return found;
  }

  private candidates(): readonly ModuleFile[] {
    const found: ModuleFile[] = [];
    const add = (file: string | undefined, text: string): void => {
      const { module, faults } = readModule(text);
      if (module !== undefined)
        found.push({ file, text, name: module.name.value, version: module.version.value });
      else for (const fault of faults) this.faults.push(faultIn(file ?? '', text, fault));
    };
    for (const file of [...this.files.keys()].sort(compareText)) {
      const text = file.endsWith('.rules') ? this.decode(file) : undefined;
      if (text !== undefined) add(file, text);
    }
    if (!found.some(({ name }) => name === 'policy.issuance')) add(undefined, issuancePolicy);
    return found;
  }

  private choose(line: ModuleLine, candidates: readonly ModuleFile[]): ModuleFile | undefined {
    const { name, version, sha256: hash } = line;
    const named = candidates.filter((one) => one.name === name.value && one.version === version.value);
    const [first, second] =
      hash === undefined ? named : named.filter(({ text }) => hashOf(text) === hash.value);
    if (first === undefined) {
      const [other] = named;
      const versions = candidates.filter((one) => one.name === name.value).map((one) => String(one.version));
      if (other !== undefined)
        this.fault(
          'module_hash',
          `${quote(name.value)} has another text than that of this hash: of ${other.file ?? 'the one that comes with Ringmint'} \`sha256:${hashOf(other.text)}\` is accepted`,
          hash?.span ?? name.span,
        );
      else
        this.fault(
          'module_missing',
          `no file has ${quote(name.value)} in version ${version.value}${versions.length > 0 ? `, but in ${versions.join(', ')}` : ': a file `*.rules` with it is accepted'}`,
          name.span,
        );
    } else if (second !== undefined) {
      this.fault(
        'module_repeated',
        `${quote(name.value)} is in ${first.file} and in ${second.file}: one of them, or its hash in the set, is accepted`,
        name.span,
      );
    }
    return first;
  }

  /** The first of each name; of others it is told. */
  private once<
    T extends { readonly name: { readonly value: string; readonly span: { start: number; end: number } } },
  >(said: readonly T[], what: string): readonly T[] {
    const seen = new Map<string, T>();
    for (const one of said) {
      const before = seen.get(one.name.value);
      if (before === undefined) seen.set(one.name.value, one);
      else
        this.fault(
          `${what}_repeated`,
          `${quote(one.name.value)} is said twice: once is accepted`,
          one.name.span,
          placeIn(this.file, this.text, before.name.span),
        );
    }
    return [...seen.values()];
  }

  private parameters(
    said: SetText,
    modules: ReadonlyMap<string, ModuleFile & { readonly module: CheckedModule }>,
  ): ReadonlyMap<string, Value> {
    const values = new Map<string, Value>();
    for (const { name, value } of this.once(said.parameters, 'parameter')) {
      const [moduleName = '', parameterName = ''] = name.value.split('/');
      const { module, file = moduleName } = modules.get(moduleName) ?? {};
      const parameter = module?.parameters.find((one) => one.name === parameterName);
      if (module === undefined || parameter === undefined) {
        // Of a module with faults nothing is known.
        if (!said.modules.some((line) => line.name.value === moduleName) || module !== undefined)
          this.fault(
            'parameter_unknown',
            `${quote(name.value)}: no module of the set has this parameter`,
            name.span,
          );
        continue;
      }
      const at = placeIn(file, module.text, parameter.span);
      const read = readValue(parameter, value);
      if ('message' in read) {
        this.fault(read.code, read.message, read.span, at);
        continue;
      }
      const refused = checkValue(parameter, read.value);
      if (refused === undefined) values.set(name.value, read.value);
      else this.fault(refused.code, `${quote(name.value)}: ${refused.message}`, value.span, at);
    }
    return values;
  }

  private lists(
    modules: ReadonlyMap<string, { readonly module: CheckedModule; readonly file: string | undefined }>,
  ): {
    readonly lists: RuleSet['lists'];
    readonly listFiles: ReadonlyMap<string, Uint8Array>;
  } {
    const names = [...this.files.keys()].filter((name) => name.endsWith('.list')).sort(compareText);
    const byHash = new Map(names.map((name) => [toHex(sha256(this.files.get(name) as Uint8Array)), name]));
    const lists = new Map<string, ListItems>();
    const listFiles = new Map<string, Uint8Array>();
    for (const { module, file: moduleFile = module.name } of modules.values())
      for (const { name, of, source, span } of module.lists) {
        const id = `${module.name}/${name}`;
        if ('items' in source) {
          lists.set(id, sortItems(source.items, of));
          continue;
        }
        const file = byHash.get(source.sha256);
        const bytes = this.files.get(file ?? '');
        if (file === undefined || bytes === undefined) {
          const have = [...byHash].map(([hash, other]) => `${other} (${hash})`).join(', ');
          this.faults.push({
            code: 'list_missing',
            message: `no list has the SHA-256 of ${quote(name)}: ${have === '' ? 'a file `*.list`' : `one of ${have}`} is accepted`,
            place: placeIn(moduleFile, module.text, span),
            other: undefined,
          });
          continue;
        }
        const { items, faults } = readListFile(bytes, of);
        const text = faults.length > 0 ? new TextDecoder().decode(bytes) : '';
        for (const fault of faults) this.faults.push(faultIn(file, text, fault));
        lists.set(id, items);
        listFiles.set(source.sha256, bytes);
      }
    return { lists, listFiles };
  }

  private check(set: RuleSet, said: SetText, found: ReadonlyMap<string, ModuleFile>): void {
    const unions = new Map(
      said.unions.map(({ name }) => [name.value, placeIn(this.file, this.text, name.span)]),
    );
    const rename = (place: SetPlace): SetPlace => {
      if (place.source === set.name && !found.has(place.source)) return { ...place, source: this.file };
      return { ...place, source: found.get(place.source)?.file ?? place.source };
    };
    for (const fault of checkSet(set, unions))
      this.faults.push({
        ...fault,
        place: rename(fault.place),
        other: fault.other === undefined ? undefined : rename(fault.other),
      });
  }

  private signaturesOf(file: string): readonly Uint8Array[] {
    return [...this.files.keys()]
      .filter((name) => name.startsWith(`${file}.`) && name.endsWith('.sig'))
      .sort(compareText)
      .map((name) => this.files.get(name) as Uint8Array);
  }
}

function hashOf(text: string): string {
  return toHex(sha256(utf8(text)));
}
