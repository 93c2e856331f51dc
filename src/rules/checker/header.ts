/** What a module says of itself. */
import { quote } from '../../kit/result.ts';
import { type Located, layers, type ModuleSyntax, transactionKinds } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import { type CheckedModule, numberLimit } from './checked.ts';
import { checkWord } from './declaration.ts';
import type { FaultList } from './fault-list.ts';

type Header = Pick<CheckedModule, 'name' | 'version' | 'jurisdictions' | 'layer' | 'on' | 'law' | 'note'>;

const moduleLayers = layers.filter((layer) => layer !== 'strict');

/** What the header says; `layer` is not there where it is at fault. */
export function checkHeader(
  syntax: ModuleSyntax,
  faults: FaultList,
): Omit<Header, 'layer'> & { readonly layer: Header['layer'] | undefined } {
  const layer = checkLayer(syntax, faults);
  const on = checkKinds(syntax, faults);
  checkJurisdictions(syntax, layer, faults);
  const { value: version, span } = syntax.version;
  if (version < 1n || version >= numberLimit)
    faults.report('bad_version', span, `${quote(version)} is no version: whole numbers from 1 are accepted`);
  return {
    name: syntax.name.value,
    version,
    jurisdictions: syntax.jurisdictions.map(({ value }) => value).sort(),
    layer,
    on,
    law: syntax.law?.value,
    note: syntax.note?.value,
  };
}

function checkLayer({ layer, header }: ModuleSyntax, faults: FaultList): Header['layer'] | undefined {
  if (layer !== undefined) return checkWord(layer, moduleLayers, 'layer of a module', faults);
  return faults.report(
    'clause_missing',
    header,
    `no \`layer\`: one of ${moduleLayers.join(', ')} is accepted`,
  );
}

function checkKinds({ on, header }: ModuleSyntax, faults: FaultList): Header['on'] {
  if (on.length === 0)
    faults.report(
      'clause_missing',
      header,
      `no \`on\`: ${transactionKinds.join(', or ')}, or both, are accepted`,
    );
  const kinds = new Set<Header['on'][number]>();
  for (const word of on) {
    const kind = checkWord(word, transactionKinds, 'kind of transaction', faults);
    if (kind !== undefined && kinds.has(kind))
      faults.report('name_twice', word.span, `${quote(kind)} is said already`);
    if (kind !== undefined) kinds.add(kind);
  }
  return [...kinds];
}

function checkJurisdictions(
  { jurisdictions, header }: ModuleSyntax,
  layer: string | undefined,
  faults: FaultList,
): void {
  if (jurisdictions.length === 0) {
    faults.report(
      'clause_missing',
      header,
      'no `jurisdiction`: a country such as US, a union, or ANY is accepted',
    );
    return;
  }
  const before = new Set<string>();
  for (const one of jurisdictions) {
    if (!/^[A-Z][A-Z0-9_]{1,31}$/.test(one.value)) {
      const message = `${quote(one.value)} is no jurisdiction: two capitals of ISO 3166, or the name of a union in capitals, are accepted`;
      faults.report('bad_jurisdiction', one.span, message);
    }
    if (before.has(one.value))
      faults.report('jurisdiction_twice', one.span, `${quote(one.value)} is said already`);
    before.add(one.value);
  }
  checkJurisdictionCount(jurisdictions, layer, faults);
}

function checkJurisdictionCount(
  found: readonly Located<string>[],
  layer: string | undefined,
  faults: FaultList,
): void {
  const span = { start: found[0]?.span.start ?? 0, end: found.at(-1)?.span.end ?? 0 };
  const report = (message: string): void => faults.report('jurisdiction_count', span, message);
  if (found.length > limits.jurisdictions)
    report(`${found.length} jurisdictions: at most ${limits.jurisdictions} are accepted`);
  else if (found.length > 1 && found.some(({ value }) => value === 'ANY')) report('`ANY` is accepted alone');
  else if (layer === 'bilateral' && found.length === 1)
    report('one jurisdiction in a bilateral module: two or more with `+` between them are accepted');
  else if (layer !== undefined && layer !== 'bilateral' && found.length > 1)
    report(
      `${found.length} jurisdictions in a module of layer \`${layer}\`: one is accepted, or layer \`bilateral\``,
    );
}
