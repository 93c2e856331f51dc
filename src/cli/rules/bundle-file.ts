/** `ringmint rules build` and `show`: a rule set put into one file, and what is in one. */

import { toHex, utf8 } from '../../kit/bytes.ts';
import { quote, refuse } from '../../kit/result.ts';
import { verificationKey } from '../../records/signature.ts';
import type { Value } from '../../rules/checker/checked.ts';
import { jurisdictionOf } from '../../rules/checker/owners.ts';
import { wholeReader } from '../../rules/clearance.ts';
import { showValue } from '../../rules/facts-json.ts';
import { openRules } from '../../rules/rules.ts';
import { type BundleCode, makeBundle, openBundle } from '../../rules/set/bundle.ts';
import type { RuleSetSource } from '../../rules/set/read-rule-set.ts';
import { type SignatureCode, verifyModule } from '../../rules/set/signatures.ts';
import { fulfils, setOfTests } from '../../rules/set/test-set.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { openMachine } from '../vm/program-file.ts';
import { readTrustedKeys, type TrustArguments } from '../vm/trusted-key.ts';
import { readFolder, readRuleSource, refuseRuleSource } from './rule-source.ts';

/** What the name of a bundle's file ends with. */
export const bundleEnding = '.rulebundle';

export interface BuildArguments {
  readonly folder: string;
  /** `NAME-VERSION.rulebundle` where nothing is said. */
  readonly out: string | undefined;
  /** Whether files of secret lists are put into the bundle. */
  readonly secretLists: boolean;
}

/** A set without faults, whose tests hold, with all signatures that it needs but its publisher's; or the exit code of what was told instead. */
export async function readBuildable(
  terminal: Terminal,
  folder: string,
): Promise<{ readonly source: RuleSetSource; readonly verified: VerifiedModules } | ExitCode> {
  const read = await readFolder(folder);
  if (!read.ok) return refuseRuleSource(terminal, read);
  const source = read.value;
  const verified = verifyAll(source);
  const unsigned = verified.flatMap(({ refusals }) => refusals);
  if (unsigned.length > 0) return refuseUnsigned(terminal, unsigned);
  const failed = await failedTests(terminal, source);
  if (failed.length === 0) return { source, verified };
  const titles = failed.map(({ module, title }) => `${module} ${quote(title)}`).join(', ');
  return terminal.refuse(
    refuse('rule_test_failed', `tests fail: ${titles}; \`ringmint rules test\` says why`),
    { failed },
  );
}

/** Writes the bundle of a folder's set, the same bytes for the same files. */
export async function runBuild(terminal: Terminal, given: BuildArguments): Promise<ExitCode> {
  const read = await readBuildable(terminal, given.folder);
  if (typeof read === 'number') return read;
  const { source, verified } = read;
  const { set } = source;
  const bytes = makeBundle(source, !given.secretLists);
  const opened = openBundle(bytes, { trust: undefined, lists: [...source.listFiles.values()] });
  if (!opened.ok) return terminal.refuse(opened);
  const out = given.out ?? `${set.name}-${set.version}${bundleEnding}`;
  const written = await writeOutput(out, bytes);
  if (!written.ok) return terminal.refuse(written);
  const secret = secretLists(source);
  const result = {
    file: out,
    ...describe(source, verified),
    bytes: bytes.length,
    secret_lists: given.secretLists ? secret : [],
  };
  return terminal.result(result, [
    `${out}: rule set ${set.name} ${set.version}, ${set.modules.length} modules, ${bytes.length} bytes`,
    `  hash  ${toHex(set.hash)}`,
    ...(secret.length === 0
      ? []
      : given.secretLists
        ? [`  the secret ${lists(secret)} in it: whoever has the file has them`]
        : [`  the secret ${lists(secret)} not in it: whoever loads it needs their files, too`]),
    '  next: `ringmint rules sign`, by its publisher',
  ]);
}

/** Of all modules, decided by the machine. */
async function failedTests(
  terminal: Terminal,
  { set }: RuleSetSource,
): Promise<readonly { readonly module: string; readonly title: string }[]> {
  const failed: { module: string; title: string }[] = [];
  const reader = wholeReader(set);
  for (const module of set.modules) {
    terminal.status(`  ${module.name}: ${module.tests.length} tests`);
    const rules = await openRules(setOfTests(set, module), openMachine);
    for (const test of module.tests)
      if (!fulfils(rules.decide(test.facts, reader), test, module))
        failed.push({ module: module.name, title: test.title });
  }
  return failed;
}

function lists(names: readonly string[]): string {
  return `${names.length === 1 ? 'list' : 'lists'} ${names.map(quote).join(', ')} ${names.length === 1 ? 'is' : 'are'}`;
}

export interface ShowArguments {
  /** A folder or a bundle. */
  readonly path: string;
  readonly lists: readonly string[];
  /** Whose signature a bundle has to have, where any is given. */
  readonly trust: TrustArguments;
}

/** Tells what is in a rule set, and who has signed what of it. */
export async function runShow(terminal: Terminal, given: ShowArguments): Promise<ExitCode> {
  const points = await readTrustedKeys(given.trust);
  if (!points.ok) return terminal.refuse(points);
  const publishers = points.value?.map((point) => verificationKey(point));
  const read = await readRuleSource({
    path: given.path,
    lists: given.lists,
    ...(publishers === undefined ? {} : { publishers }),
  });
  if (!read.ok) return refuseRuleSource(terminal, read);
  const source = read.value;
  const { set, suppressions } = source;
  const verified = verifyAll(source);
  const described = describe(source, verified);
  const { publisher } = source;
  const publishedBy = publisher === undefined ? null : toHex(publisher.keyId);
  const unsigned = verified.flatMap(({ refusals }) => refusals);
  return terminal.result({ ...described, published_by: publishedBy, unsigned, suppressions }, [
    `rule set ${set.name} ${set.version}`,
    `  hash       ${toHex(set.hash)}`,
    `  published  ${publishedBy === null ? 'nobody was asked for (`--key`, `--trust`)' : `by the trusted key ${publishedBy}`}`,
    ...described.modules.flatMap(({ name, version, jurisdiction, layer, rules, signed_by }) => [
      `  ${name} ${version}: ${jurisdiction}, ${layer}, ${rules} ${rules === 1 ? 'rule' : 'rules'}${signed_by.length > 0 ? `, signed by ${signed_by.join(', ')}` : ''}`,
    ]),
    ...[...set.unions].map(([union, members]) => `  union ${union} = ${members.join(' ')}`),
    ...[...set.parameters].map(([name, value]) => `  set ${name} = ${showParameter(source, name, value)}`),
    ...suppressions.map(({ finding, until, because }) => `  suppress ${finding} until ${until}: ${because}`),
    ...unsigned.map(({ message }) => `  not signed: ${message}`),
  ]);
}

function showParameter({ set }: RuleSetSource, id: string, value: Value): string {
  const [moduleName, name] = id.split('/');
  const module = set.modules.find((one) => one.name === moduleName);
  const type = module?.parameters.find((one) => one.name === name)?.type;
  return String(showValue(type, value, undefined));
}

function describe({ set }: RuleSetSource, verified: VerifiedModules) {
  const signers = new Map(verified.map(({ name, signers: by }) => [name, by]));
  return {
    name: set.name,
    version: set.version,
    hash: toHex(set.hash),
    modules: set.modules.map((module) => ({
      name: module.name,
      version: module.version,
      jurisdiction: jurisdictionOf(module),
      layer: module.layer,
      hash: toHex(module.hash),
      rules: module.rules.length,
      signed_by: signers.get(module.name) ?? [],
    })),
  };
}

type VerifiedModules = ReturnType<typeof verifyAll>;

function verifyAll(source: RuleSetSource) {
  const verifySignature = makeNodeVerifySignature();
  return source.set.modules.map((module) => {
    const { signers, refusals } = verifyModule(source.set, module, {
      content: utf8(module.text),
      signatures: source.signatures.get(module.name) ?? [],
      keys: source.keys,
      verifySignature,
    });
    return { name: module.name, signers: [...signers.keys()].sort(), refusals };
  });
}

interface Unsigned {
  readonly code: SignatureCode | BundleCode;
  readonly message: string;
}

function refuseUnsigned(terminal: Terminal, unsigned: readonly Unsigned[]): ExitCode {
  for (const { code, message } of unsigned) terminal.say(`${code}: ${message}`);
  const [first] = unsigned;
  return terminal.refuse(
    refuse(
      first?.code ?? 'rule_signature_missing',
      `${unsigned.length} ${unsigned.length === 1 ? 'signature is' : 'signatures are'} missing or wrong: those of \`ringmint rules sign\` are accepted`,
    ),
    { unsigned },
    exitCode.notAuthentic,
  );
}

/** `MODULE/LIST` of each secret list that has a file. */
function secretLists({ set }: RuleSetSource): readonly string[] {
  return set.modules.flatMap(({ name, lists: declared }) =>
    declared.flatMap((list) => (list.secret && 'sha256' in list.source ? [`${name}/${list.name}`] : [])),
  );
}
