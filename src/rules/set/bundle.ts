/**
 * A rule set in one file, `NAME-VERSION.rulebundle`: what central management loads. Equal sets have equal bytes.
 *
 * ```
 * deterministic CBOR  [ 1, payload: bstr, [ signature of a publisher, … ], [ file of a list, … ] ]
 * payload             [ 1, name, version, hash (32), [ [ text of a module: bstr, [ signature, … ] ], … ], { union: [ member, … ] },
 *                       { currency: issuer }, { parameter: value }, { jurisdiction: [ point (65), … ] }, [ [ finding, until, because ], … ] ]
 * ```
 * Publishers sign the payload. Lists are outside of it, so that secret ones may be handed over apart: their hashes are in the modules.
 */
import { decodeUtf8, equalBytes, sha256, toHex, utf8 } from '../../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../kit/encoding.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { type VerificationKey, type VerifySignature, verificationKey } from '../../records/signature.ts';
import { checkModule } from '../checker/check-module.ts';
import type { CheckedModule, Value } from '../checker/checked.ts';
import { showFault } from '../language/place.ts';
import { checkSet } from './check-set.ts';
import { compareText } from './groups.ts';
import { type ListItems, readListFile, sortItems } from './list-file.ts';
import type { RuleSetSource, Suppression } from './read-rule-set.ts';
import type { RuleSet } from './rule-set.ts';
import { showSetFault } from './set-fault.ts';
import { hashSet } from './set-hash.ts';
import { type SignatureCode, verifyDetached, verifyModule } from './signatures.ts';

export type BundleCode =
  | SignatureCode
  | 'not_cbor'
  | 'rule_bundle_malformed'
  | 'rule_bundle_faulty'
  | 'rule_bundle_hash'
  | 'rule_list_missing'
  | 'rule_publisher_missing';

const version = 1;

/** What a bundle is opened with. */
export interface BundleTrust {
  readonly verifySignature: VerifySignature;
  /** One of them has to have signed the set. */
  readonly publishers: readonly VerificationKey[];
}

export interface RuleBundle extends RuleSetSource {
  /** What publishers sign. */
  readonly payload: Uint8Array;
  readonly publisherSignatures: readonly Uint8Array[];
  /** Whose signature was verified; `undefined` where none was asked for. */
  readonly publisher: VerificationKey | undefined;
  /** By the name of a module: the jurisdictions that signed it, with the id of the key. */
  readonly signers: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;
}

/** The bundle of a set, without its publisher's signature. `leaveOutSecrets` leaves out the files of secret lists. */
export function makeBundle(source: RuleSetSource, leaveOutSecrets = false): Uint8Array {
  const { set, suppressions, keys, signatures, listFiles } = source;
  const payload = encodeCbor([
    version,
    set.name,
    set.version,
    set.hash,
    byName(set.modules).map(({ name, text }) => [utf8(text), sortBytes(signatures.get(name) ?? [])]),
    set.unions,
    set.issuers,
    set.parameters,
    new Map([...keys].map(([code, own]) => [code, sortBytes(own.map(({ point }) => point))])),
    suppressions
      .map(({ finding, until, because }) => [finding, until, because])
      .sort((a, b) => compareText(a.join('\n'), b.join('\n'))),
  ]);
  const secret = new Set(
    set.modules.flatMap(({ lists }) =>
      lists.flatMap((list) => (list.secret && 'sha256' in list.source ? [list.source.sha256] : [])),
    ),
  );
  const lists = [...listFiles].filter(([hash]) => !leaveOutSecrets || !secret.has(hash));
  return encodeBundle(
    payload,
    [],
    lists.sort(([a], [b]) => compareText(a, b)).map(([, bytes]) => bytes),
  );
}

/** The same bundle with one more signature of a publisher, over its payload. */
export function addPublisher(bytes: Uint8Array, signature: Uint8Array): Result<Uint8Array, BundleCode> {
  const parts = readParts(bytes);
  if (!parts.ok) return parts;
  const { payload, signatures, lists } = parts.value;
  return succeed(encodeBundle(payload, [...signatures, signature], lists));
}

/** What a publisher signs of a bundle. */
export function payloadOf(bytes: Uint8Array): Result<Uint8Array, BundleCode> {
  const parts = readParts(bytes);
  return parts.ok ? succeed(parts.value.payload) : parts;
}

function encodeBundle(
  payload: Uint8Array,
  signatures: readonly Uint8Array[],
  lists: readonly Uint8Array[],
): Uint8Array {
  return encodeCbor([version, payload, sortBytes(signatures), lists]);
}

/**
 * Opens a bundle of whatever came: checks everything anew, and the signatures of publisher and jurisdictions where `trust` is given. `lists` are
 * files of lists that it may lack. The first thing that is wrong is the answer.
 */
export function openBundle(
  bytes: Uint8Array,
  { trust, lists = [] }: { readonly trust: BundleTrust | undefined; readonly lists?: readonly Uint8Array[] },
): Result<RuleBundle, BundleCode> {
  const parts = readParts(bytes);
  if (!parts.ok) return parts;
  const { payload, signatures: publisherSignatures } = parts.value;
  // Before anything of it is looked at: who publishes rules is trusted, and nobody else.
  const publisher = trust === undefined ? undefined : findPublisher(payload, publisherSignatures, trust);
  if (publisher?.ok === false) return publisher;
  const read = readPayload(payload);
  if (!read.ok) return read;
  const { hash, texts, ...said } = read.value;
  const written: { readonly module: CheckedModule; readonly own: readonly Uint8Array[] }[] = [];
  for (const { text, signatures: own } of texts) {
    const { module, faults } = checkModule(text);
    const [fault] = faults;
    if (module !== undefined) written.push({ module, own });
    else return faulty(faults.length, fault === undefined ? '' : (showFault(text, fault, 'module')[0] ?? ''));
  }
  written.sort((a, b) => compareText(a.module.name, b.module.name));
  const modules = written.map(({ module }) => module);
  const meaning = { modules, unions: said.unions, issuers: said.issuers, parameters: said.parameters };
  if (!equalBytes(hashSet(meaning), hash))
    return refuse(
      'rule_bundle_hash',
      'the hash in the bundle is not of the rules in it: a bundle as it was built is accepted',
    );
  const found = findLists(modules, [...parts.value.lists, ...lists]);
  if (!found.ok) return found;
  const set: RuleSet = { name: said.name, version: said.version, hash, ...meaning, lists: found.value.lists };
  const setFaults = checkSet(set);
  const [fault] = setFaults;
  if (fault !== undefined) return faulty(setFaults.length, showSetFault(fault));
  const signatures = new Map(written.map(({ module, own }) => [module.name, own]));
  const signers = new Map<string, ReadonlyMap<string, Uint8Array>>();
  for (const module of trust === undefined ? [] : modules) {
    const verified = verifyModule(set, module, {
      content: utf8(module.text),
      signatures: signatures.get(module.name) ?? [],
      keys: said.keys,
      verifySignature: (trust as BundleTrust).verifySignature,
    });
    const [refused] = verified.refusals;
    if (refused !== undefined) return refuse(refused.code, refused.message);
    signers.set(module.name, verified.signers);
  }
  return succeed({
    set,
    suppressions: said.suppressions,
    keys: said.keys,
    listFiles: found.value.files,
    signatures,
    files: new Map(),
    payload,
    publisherSignatures,
    publisher: publisher?.value,
    signers,
  });
}

function findPublisher(
  payload: Uint8Array,
  signatures: readonly Uint8Array[],
  { publishers, verifySignature }: BundleTrust,
): Result<VerificationKey, BundleCode> {
  let first: Refusal<SignatureCode> | undefined;
  for (const signature of signatures) {
    const verified = verifyDetached('set', { signature, content: payload }, publishers, verifySignature);
    if (verified.ok) return verified;
    first ??= verified;
  }
  return (
    first ??
    refuse(
      'rule_publisher_missing',
      'no publisher has signed the bundle: one of `ringmint rules sign` is accepted',
    )
  );
}

function faulty(count: number, first: string): Refusal<BundleCode> {
  return refuse(
    'rule_bundle_faulty',
    `the rules in the bundle have ${count} ${count === 1 ? 'fault' : 'faults'}, first ${first}`,
  );
}

function findLists(
  modules: readonly CheckedModule[],
  given: readonly Uint8Array[],
): Result<{ readonly lists: RuleSet['lists']; readonly files: ReadonlyMap<string, Uint8Array> }, BundleCode> {
  const byHash = new Map(given.map((bytes) => [toHex(sha256(bytes)), bytes]));
  const files = new Map<string, Uint8Array>();
  const lists = new Map<string, ListItems>();
  for (const { name: module, lists: declared } of modules)
    for (const { name, of, source } of declared) {
      const id = `${module}/${name}`;
      if ('items' in source) {
        lists.set(id, sortItems(source.items, of));
        continue;
      }
      const bytes = byHash.get(source.sha256);
      if (bytes === undefined)
        return refuse(
          'rule_list_missing',
          `the list ${quote(id)} is not in the bundle: its file is accepted beside it, with the SHA-256 ${source.sha256}`,
        );
      const { items, faults } = readListFile(bytes, of);
      if (faults.length > 0) return faulty(faults.length, `${id}: ${faults[0]?.message}`);
      lists.set(id, items);
      files.set(source.sha256, bytes);
    }
  return succeed({ lists, files });
}

function readParts(bytes: Uint8Array): Result<
  {
    readonly payload: Uint8Array;
    readonly signatures: readonly Uint8Array[];
    readonly lists: readonly Uint8Array[];
  },
  BundleCode
> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const [first, payload, signatures, lists] = arrayOf(decoded.value, 4) ?? [];
  if (first !== version || !(payload instanceof Uint8Array) || !areBytes(signatures) || !areBytes(lists))
    return malformed('an array of version 1, payload, signatures and lists');
  return succeed({ payload, signatures, lists });
}

interface Payload extends Pick<RuleSet, 'name' | 'version' | 'hash' | 'unions' | 'issuers' | 'parameters'> {
  readonly texts: readonly { readonly text: string; readonly signatures: readonly Uint8Array[] }[];
  readonly keys: ReadonlyMap<string, readonly VerificationKey[]>;
  readonly suppressions: readonly Suppression[];
}

function readPayload(payload: Uint8Array): Result<Payload, BundleCode> {
  const decoded = decodeCbor(payload);
  if (!decoded.ok) return decoded;
  const fields = arrayOf(decoded.value, 10);
  if (fields?.[0] !== version) return malformed('a payload of ten fields, version 1');
  const [, name, setVersion, hash, modules, unions, issuers, parameters, keys, suppressions] = fields;
  if (typeof name !== 'string' || !isCount(setVersion) || !(hash instanceof Uint8Array) || hash.length !== 32)
    return malformed('name, version and hash of the set');
  const texts = readTexts(modules);
  if (texts === undefined) return malformed('modules of text in UTF-8, each with its signatures');
  const readUnions = readMap(unions, (value) => (areTexts(value) ? value : undefined));
  const readIssuers = readMap(issuers, (value) => (typeof value === 'string' ? value : undefined));
  const readParameters = readMap(parameters, readValue);
  const readKeys = readMap(keys, (value) =>
    areBytes(value) && value.every((point) => point.length === 65 && point[0] === 4)
      ? value.map((point) => verificationKey(point))
      : undefined,
  );
  if (!readUnions || !readIssuers || !readParameters || !readKeys)
    return malformed('unions, issuers, parameters and keys by their names');
  const readSuppressions = Array.isArray(suppressions) ? suppressions.filter(areTexts) : [];
  if (
    !Array.isArray(suppressions) ||
    readSuppressions.some(({ length }) => length !== 3) ||
    readSuppressions.length !== suppressions.length
  )
    return malformed('suppressions of three texts');
  return succeed({
    name,
    version: BigInt(setVersion),
    hash,
    texts,
    unions: readUnions,
    issuers: readIssuers,
    parameters: readParameters,
    keys: readKeys,
    suppressions: readSuppressions.map(([finding = '', until = '', because = '']) => ({
      finding,
      until,
      because,
    })),
  });
}

function readTexts(value: CborValue | undefined): Payload['texts'] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts: { text: string; signatures: readonly Uint8Array[] }[] = [];
  for (const item of value as readonly CborValue[]) {
    const [bytes, signatures] = arrayOf(item, 2) ?? [];
    const text = bytes instanceof Uint8Array ? decodeUtf8(bytes) : undefined;
    if (text === undefined || !areBytes(signatures)) return undefined;
    texts.push({ text, signatures });
  }
  return texts;
}

function readMap<T>(
  value: CborValue | undefined,
  read: (item: CborValue) => T | undefined,
): ReadonlyMap<string, T> | undefined {
  if (!(value instanceof Map)) return undefined;
  const found = new Map<string, T>();
  for (const [name, item] of value as ReadonlyMap<number | string, CborValue>) {
    const one = read(item);
    if (typeof name !== 'string' || one === undefined) return undefined;
    found.set(name, one);
  }
  return found;
}

function readValue(value: CborValue): Value | undefined {
  if (typeof value === 'number') return BigInt(value);
  return typeof value === 'bigint' ||
    typeof value === 'boolean' ||
    typeof value === 'string' ||
    value instanceof Uint8Array
    ? value
    : undefined;
}

function arrayOf(value: CborValue | undefined, length: number): readonly CborValue[] | undefined {
  return Array.isArray(value) && value.length === length ? value : undefined;
}

function areBytes(value: CborValue | undefined): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.every((item) => item instanceof Uint8Array);
}

function areTexts(value: CborValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isCount(value: CborValue | undefined): value is number | bigint {
  return (typeof value === 'number' || typeof value === 'bigint') && value >= 0;
}

function malformed(accepted: string): Refusal<BundleCode> {
  return refuse('rule_bundle_malformed', `no rule bundle: ${accepted} is accepted`);
}

function byName(modules: readonly CheckedModule[]): readonly CheckedModule[] {
  return [...modules].sort((a, b) => compareText(a.name, b.name));
}

function sortBytes(items: readonly Uint8Array[]): readonly Uint8Array[] {
  return [...items].sort((a, b) => compareText(toHex(a), toHex(b)));
}
