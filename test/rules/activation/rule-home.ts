/** Central management's folder without its token and its ledger: what rule sets are staged and activated in. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../../src/kit/bytes.ts';
import { encodeTrustBundle, type TrustBundle } from '../../../src/records/trust-bundle.ts';
import { addPublisher, makeBundle, payloadOf } from '../../../src/rules/set/bundle.ts';
import { readRuleSet } from '../../../src/rules/set/read-rule-set.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { encodeSignature, prepareSignature } from '../../../src/rules/set/signatures.ts';
import { keys, signed, type TestKey, trustBundle } from '../../records/samples.ts';

export interface RuleHome {
  readonly path: string;
  readonly bundle: TrustBundle;
  remove(): void;
}

export function makeRuleHome(changes: Partial<TrustBundle> = {}): RuleHome {
  const path = mkdtempSync(join(tmpdir(), 'ringmint-rules-'));
  mkdirSync(join(path, 'central'));
  const bundle = { ...trustBundle, ...changes };
  writeFileSync(join(path, 'trust.cbor'), signed(encodeTrustBundle(bundle, keys.root.key.keyId), keys.root));
  const signing = {
    hsms: [{ name: 'softhsm', kind: 'softhsm' }],
    processes: 1,
    sessions: 1,
    signaturesPerMinute: null,
    amountPerDay: null,
  };
  const api = {
    requestsPerSecond: 100,
    connections: 100,
    connectionsPerPeer: 100,
    requestsPerConnection: 100,
    handshakeSeconds: 10,
    requestSeconds: 10,
    idleSeconds: 10,
  };
  const limits = [
    { issuer: 'demo-issuer', currency: 'EUR', requestMaximum: '100000', ceiling: '60000', frequencyCap: 20 },
  ];
  const seconds = { frequencyWindowSeconds: 60, credentialLifetimeSeconds: 300, clockSkewSeconds: 60 };
  writeFileSync(
    join(path, 'central', 'config.json'),
    JSON.stringify({ version: 1, signing, api, ...seconds, limits }),
  );
  return { path, bundle, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A set of these modules beside the policy that ships. */
export function setOf(name: string, version: number, ...modules: readonly string[]) {
  const named = modules.map((text) => /module (\S+) (\d+)/.exec(text) ?? []);
  const text = `ruleset ${name} ${version}\nmodule policy.issuance 1\n${named
    .map(([, module, number]) => `module ${module} ${number}\n`)
    .join('')}`;
  const files = new Map([[`${name}.ruleset`, utf8(text)]]);
  for (const [place, module] of modules.entries()) files.set(`${place}.rules`, utf8(module));
  const { source, faults } = readRuleSet(files);
  if (source === undefined) throw new Error(faults.map(({ message }) => message).join('\n'));
  return source;
}

export function bundleOf(source: ReturnType<typeof setOf>, ...signers: readonly TestKey[]): Uint8Array {
  let bytes = makeBundle(source);
  for (const signer of signers) {
    const payload = payloadOf(bytes);
    if (!payload.ok) throw new Error(payload.message);
    const prepared = prepareSignature('set', signer.key.keyId, payload.value);
    const added = addPublisher(bytes, encodeSignature(prepared, signer.sign(prepared)));
    if (!added.ok) throw new Error(added.message);
    bytes = added.value;
  }
  return bytes;
}

/** A module that flags what comes after so many orders. */
export function flagging(version: number, orders: string): string {
  return `module demo.flags ${version}
  jurisdiction ANY
  layer issuer
  on issuance

control often verdict

rule often control often
  FLAG when account.requests >= ${orders}
`;
}

export function setHash({ hash }: RuleSet): string {
  return Buffer.from(hash).toString('hex');
}
