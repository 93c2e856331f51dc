import { assert, integer, property, shuffledSubarray, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, sha256, toHex, utf8 } from '../../../src/kit/bytes.ts';
import { decodeCbor, encodeCbor } from '../../../src/kit/encoding.ts';
import {
  addPublisher,
  type BundleTrust,
  makeBundle,
  openBundle,
  payloadOf,
} from '../../../src/rules/set/bundle.ts';
import type { RuleSetSource } from '../../../src/rules/set/read-rule-set.ts';
import { encodeSignature, prepareSignature, type Signed } from '../../../src/rules/set/signatures.ts';
import { verifySignatureNoble } from '../../../src/verifier/signature-noble.ts';
import { type TestKey, testKey } from '../../records/samples.ts';
import { type ModuleText, moduleText, readSource, setFiles } from './set-files.ts';

const keys = {
  us: testKey('US'),
  fr: testKey('FR'),
  publisher: testKey('publisher'),
  other: testKey('other'),
};
const sign = (what: Signed, content: Uint8Array, by: TestKey): Uint8Array => {
  const prepared = prepareSignature(what, by.key.keyId, content);
  return encodeSignature(prepared, by.sign(prepared));
};
const list = utf8('aa\nbb\n');
const us: ModuleText = {
  name: 'us.pay',
  body: `control party verdict
list names of symbol secret sha256:${toHex(sha256(list))}
param most : int = 5 range 1 .. 9
rule open derogable control party
  HOLD when tx.origin == "US"
rule listed control party
  DENY when tx.origin in list.names
  reveals verdict
`,
};
const fr: ModuleText = {
  name: 'fr.us',
  jurisdiction: 'FR + US',
  layer: 'bilateral',
  body: 'control party verdict\nrule out control party exception to us.pay/open\n  ALLOW when tx.destination == "FR"\n',
};
const keyLine = (code: string, { key }: TestKey): string => `key ${code} = ${toHex(key.point)}\n`;
const more = `union EU = FR DE\nset us.pay/most = 7\nsuppress gap us.pay until 2027-01-01 because "known"\n${keyLine('US', keys.us)}${keyLine('FR', keys.fr)}`;
const usText = utf8(moduleText(us));
const frText = utf8(moduleText(fr));
const signatures = {
  'us.pay.rules.US.sig': sign('module', usText, keys.us),
  'fr.us.rules.US.sig': sign('module', frText, keys.us),
  'fr.us.rules.FR.sig': sign('module', frText, keys.fr),
};
const sourceWith = (files: Readonly<Record<string, Uint8Array>> = signatures, text = more): RuleSetSource =>
  readSource(setFiles([us, fr], text, { 'names.list': list, ...files }));
const trust: BundleTrust = { publishers: [keys.publisher.key], verifySignature: verifySignatureNoble };
const published = (bundle: Uint8Array, by = keys.publisher): Uint8Array => {
  const payload = payloadOf(bundle);
  if (!payload.ok) throw new Error(payload.message);
  const signed = addPublisher(bundle, sign('set', payload.value, by));
  if (!signed.ok) throw new Error(signed.message);
  return signed.value;
};
const codeOf = (bytes: Uint8Array, given: Partial<Parameters<typeof openBundle>[1]> = {}): string => {
  const opened = openBundle(bytes, { trust, ...given });
  return opened.ok ? 'ok' : opened.code;
};
const bundle = makeBundle(sourceWith());

describe('a bundle', () => {
  it('gives the set back, with who signed what', () => {
    const source = sourceWith();
    const opened = openBundle(published(bundle), { trust });
    if (!opened.ok) throw new Error(opened.message);
    const { set, suppressions, publisher, signers } = opened.value;
    expect(set).toEqual(source.set);
    expect(suppressions).toEqual(source.suppressions);
    expect(opened.value.keys).toEqual(source.keys);
    expect(publisher).toEqual(keys.publisher.key);
    expect(signers).toEqual(
      new Map([
        [
          'fr.us',
          new Map([
            ['FR', keys.fr.key.keyId],
            ['US', keys.us.key.keyId],
          ]),
        ],
        ['us.pay', new Map([['US', keys.us.key.keyId]])],
      ]),
    );
  });

  it('has the same bytes each time, in whatever order its files come and its text says things', () => {
    const files = [...setFiles([us, fr], more, { 'names.list': list, ...signatures })];
    const lines = more.trim().split('\n');
    assert(
      property(
        shuffledSubarray(files, { minLength: files.length }),
        shuffledSubarray(lines, { minLength: lines.length }),
        (order, said) => {
          const text = utf8(`ruleset demo 1\n${said.join('\n')}\nmodule fr.us 1\nmodule us.pay 1\n`);
          const made = makeBundle(readSource(new Map([...order, ['demo.ruleset', text]])));
          expect(toHex(made)).toBe(toHex(bundle));
        },
      ),
      { seed: 41, numRuns: 20 },
    );
    expect(toHex(published(published(bundle), keys.other))).toBe(
      toHex(published(published(bundle, keys.other))),
    );
  });

  it('may lack its secret lists, which are then given beside it, and no others', () => {
    const without = published(makeBundle(sourceWith(), true));
    expect(without.length).toBeLessThan(published(bundle).length);
    expect(codeOf(without)).toBe('rule_list_missing');
    expect(codeOf(without, { lists: [utf8('cc\n')] })).toBe('rule_list_missing');
    expect(codeOf(without, { lists: [list] })).toBe('ok');
  });

  it('is opened without any signature by whoever asks for none', () => {
    expect(codeOf(bundle, { trust: undefined })).toBe('ok');
    expect(codeOf(makeBundle(sourceWith({})), { trust: undefined })).toBe('ok');
  });
});

describe('signatures of a bundle', () => {
  it('are wanted of a publisher that is trusted', () => {
    expect(codeOf(bundle)).toBe('rule_publisher_missing');
    expect(codeOf(published(bundle))).toBe('ok');
    expect(codeOf(published(bundle, keys.other))).toBe('rule_key_unknown');
    expect(codeOf(published(published(bundle, keys.other)))).toBe('ok');
    expect(codeOf(published(bundle), { trust: { ...trust, publishers: [] } })).toBe('rule_key_unknown');
  });

  it('are wanted of every jurisdiction that the set has a key of, and of both sides of an exception between modules', () => {
    const signed = (files: Readonly<Record<string, Uint8Array>>, text = more) =>
      codeOf(published(makeBundle(sourceWith(files, text))));
    const { 'us.pay.rules.US.sig': own, ...between } = signatures;
    expect(signed(between)).toBe('rule_signature_missing');
    const { 'fr.us.rules.FR.sig': fromFrance, ...without } = signatures;
    expect(signed(without)).toBe('rule_signature_missing');
    expect(signed(signatures, more.replace(/key FR.*\n/, ''))).toBe('rule_key_unknown');
    expect(signed(without, more.replace(/key FR.*\n/, ''))).toBe('rule_key_missing');
    expect(signed({ ...signatures, 'us.pay.rules.US.sig': fromFrance })).toBe('rule_signature_invalid');
    expect(signed({ ...without, 'fr.us.rules.FR.sig': own })).toBe('rule_signature_invalid');
    expect(signed({ ...without, 'fr.us.rules.FR.sig': sign('set', frText, keys.fr) })).toBe(
      'rule_signature_type',
    );
    expect(signed({ ...without, 'fr.us.rules.FR.sig': sign('module', frText, keys.other) })).toBe(
      'rule_key_unknown',
    );
    expect(signed({ ...without, 'fr.us.rules.FR.sig': Uint8Array.of(1) })).toBe('rule_signature_malformed');
  });

  it('take any of several keys of a jurisdiction, so that one follows another', () => {
    const both = `${more}${keyLine('FR', keys.other)}`;
    const next = { ...signatures, 'fr.us.rules.FR.sig': sign('module', frText, keys.other) };
    expect(codeOf(published(makeBundle(sourceWith(next, both))))).toBe('ok');
    expect(codeOf(published(makeBundle(sourceWith(signatures, both))))).toBe('ok');
  });

  it('are of the whole payload: no byte of it can be another one', () => {
    const whole = published(bundle);
    const payload = payloadOf(bundle);
    if (!payload.ok) throw new Error(payload.message);
    const from = Buffer.from(whole).indexOf(Buffer.from(payload.value));
    assert(
      property(
        integer({ min: 0, max: payload.value.length - 1 }),
        integer({ min: 1, max: 255 }),
        (at, change) => {
          const altered = whole.slice();
          altered[from + at] = (altered[from + at] ?? 0) ^ change;
          expect(codeOf(altered)).toBe('rule_signature_invalid');
        },
      ),
      { seed: 42, numRuns: 50 },
    );
  });
});

describe('bytes that are no bundle', () => {
  const parts = (): unknown[] => {
    const decoded = decodeCbor(bundle);
    if (!decoded.ok) throw new Error(decoded.message);
    return [...(decoded.value as unknown[])];
  };
  const withPayload = (change: (fields: unknown[]) => void): Uint8Array => {
    const [version, payload, ...rest] = parts();
    const decoded = decodeCbor(payload as Uint8Array);
    if (!decoded.ok) throw new Error(decoded.message);
    const fields = [...(decoded.value as unknown[])];
    change(fields);
    return encodeCbor([version, encodeCbor(fields as never), ...rest] as never);
  };
  const unsigned = (bytes: Uint8Array): string => codeOf(bytes, { trust: undefined });

  it('are refused with a code, and never by a throw', () => {
    assert(
      property(uint8Array({ maxLength: 60 }), (bytes) => {
        expect(['not_cbor', 'rule_bundle_malformed']).toContain(unsigned(bytes));
      }),
      { seed: 43, numRuns: 300 },
    );
    assert(
      property(integer({ min: 0, max: bundle.length - 1 }), integer({ min: 1, max: 255 }), (at, change) => {
        const altered = bundle.slice();
        altered[at] = (altered[at] ?? 0) ^ change;
        const code = unsigned(altered);
        expect(code).toMatch(/^(ok|not_cbor|rule_bundle_(malformed|faulty|hash)|rule_list_missing)$/);
      }),
      { seed: 44, numRuns: 300 },
    );
  });

  it('are refused where the hash is not of what is in them, or what is in them has faults', () => {
    expect(unsigned(withPayload(() => undefined))).toBe('ok');
    expect(unsigned(withPayload((fields) => (fields[2] = 9)))).toBe('ok');
    expect(unsigned(withPayload((fields) => (fields[3] = new Uint8Array(32))))).toBe('rule_bundle_hash');
    expect(unsigned(withPayload((fields) => (fields[7] = new Map([['us.pay/most', 8]]))))).toBe(
      'rule_bundle_hash',
    );
    expect(unsigned(withPayload((fields) => (fields[4] = [[utf8('module'), []]])))).toBe(
      'rule_bundle_faulty',
    );
    expect(unsigned(withPayload((fields) => (fields[4] = [[Uint8Array.of(0xff), []]])))).toBe(
      'rule_bundle_malformed',
    );
    expect(unsigned(withPayload((fields) => (fields[9] = [['a', 'b']])))).toBe('rule_bundle_malformed');
    expect(unsigned(concatBytes(bundle, Uint8Array.of(0)))).toBe('not_cbor');
  });
});
