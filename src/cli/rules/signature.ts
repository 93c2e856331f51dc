/** `ringmint rules sign`: a jurisdiction signs a module, a publisher a bundle or the programs of a set; by a key in a file, or in an HSM. */
import { basename } from 'node:path';
import { decodeUtf8, toHex } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { type VerificationKey, verificationKey } from '../../records/signature.ts';
import { checkModule } from '../../rules/checker/check-module.ts';
import { addPublisher, payloadOf } from '../../rules/set/bundle.ts';
import {
  encodeSignature,
  prepareSignature,
  type Signed,
  verifyDetached,
} from '../../rules/set/signatures.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import type { Appliance } from '../appliance.ts';
import { readApproverKey } from '../ceremony/approver-key.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { bundleEnding } from './bundle-file.ts';
import { moduleEnding, refuseNoText } from './module-file.ts';
import { indexName, readPrograms } from './program-files.ts';

const mostBytes = 64 * 1024 * 1024;

export interface SignArguments {
  /** A module or a bundle. */
  readonly file: string;
  /** A private key in PEM; else the key of central management in the HSM of `home`. */
  readonly key: string | undefined;
  readonly home: string;
  /** Of a module: the jurisdiction that signs. */
  readonly as: string | undefined;
  /** Where the bundle, or the signature of a module, is written; the bundle itself, or `FILE.CODE.sig`, where nothing is said. */
  readonly out: string | undefined;
}

/** Whoever signs. */
interface RuleKey {
  readonly key: VerificationKey;
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
  close(): Promise<void>;
}

export async function runRulesSign(
  appliance: Pick<Appliance, 'openModuleSigner'>,
  terminal: Terminal,
  given: SignArguments,
): Promise<ExitCode> {
  const { file, as } = given;
  const what = whatIs(file);
  if (what === undefined)
    return terminal.refuse(
      refuse(
        'usage',
        `${quote(file)}: a module (\`*${moduleEnding}\`), a bundle (\`*${bundleEnding}\`) or programs (\`${indexName}\`) are accepted`,
      ),
    );
  if ((what === 'module') !== (as !== undefined) || (as !== undefined && !/^[A-Z][A-Z0-9_]*$/.test(as)))
    return terminal.refuse(
      refuse(
        'usage',
        what === 'module'
          ? 'who signs the module? `--as US`, a jurisdiction of it or of the rules that it has exceptions to, is accepted'
          : '--as: of a module it is accepted; a bundle and programs have a publisher',
      ),
    );
  const bytes = await readInput(file, mostBytes);
  if (!bytes.ok) return terminal.refuse(bytes);
  const content = await contentOf(what, file, bytes.value);
  if (!content.ok) return terminal.refuse(content);
  const signer = await openKey(appliance, given);
  if (!signer.ok) return terminal.refuse(signer);
  const { key } = signer.value;
  const prepared = prepareSignature(what, key.keyId, content.value);
  let signature: Uint8Array;
  try {
    signature = encodeSignature(prepared, await signer.value.sign(new Uint8Array(prepared)));
  } finally {
    await signer.value.close();
  }
  const verified = verifyDetached(
    what,
    { signature, content: content.value },
    [key],
    makeNodeVerifySignature(),
  );
  if (!verified.ok) return terminal.refuse(verified);
  const signed = what === 'set' ? addPublisher(bytes.value, signature) : succeed(signature);
  if (!signed.ok) return terminal.refuse(signed);
  const beside = { module: `${file}.${as}.sig`, set: file, programs: `${file}.sig` };
  const out = given.out ?? beside[what];
  const written = await writeOutput(out, signed.value);
  if (!written.ok) return terminal.refuse(written);
  const keyId = toHex(key.keyId);
  const point = toHex(key.point);
  return terminal.result({ file: out, signed: what, key_id: keyId, point }, [
    `${out}: ${what === 'module' ? `the signature of ${as} over ${file}` : 'signed by its publisher'}`,
    `  key   ${keyId}`,
    ...(as === undefined ? [] : ['  in the rule set, once:', `key ${as} = ${point}`]),
  ]);
}

function whatIs(file: string): Signed | undefined {
  if (file.endsWith(moduleEnding)) return 'module';
  if (file.endsWith(bundleEnding)) return 'set';
  return basename(file) === indexName ? 'programs' : undefined;
}

/** What is signed of a file. */
async function contentOf(what: Signed, file: string, bytes: Uint8Array): Promise<Result<Uint8Array>> {
  switch (what) {
    case 'module':
      return readModuleContent(file, bytes);
    case 'set':
      return payloadOf(bytes);
    case 'programs':
      return readPrograms(file, bytes);
  }
}

/** The bytes of a module, which has to have no faults: nobody signs what is no law. */
function readModuleContent(file: string, bytes: Uint8Array): Result<Uint8Array> {
  const text = decodeUtf8(bytes);
  if (text === undefined) return refuseNoText(file);
  const { faults } = checkModule(text);
  return faults.length === 0
    ? succeed(bytes)
    : refuse('rules_malformed', `${quote(file)} has ${faults.length} faults, first: ${faults[0]?.message}`);
}

async function openKey(
  appliance: Pick<Appliance, 'openModuleSigner'>,
  { key, home }: SignArguments,
): Promise<Result<RuleKey>> {
  if (key !== undefined) {
    const read = await readApproverKey(key);
    if (!read.ok) return read;
    const { value } = read;
    return succeed({
      key: value.key,
      sign: (message) => Promise.resolve(value.sign(message)),
      close: () => Promise.resolve(),
    });
  }
  const signer = await appliance.openModuleSigner(home);
  return succeed({
    key: verificationKey(signer.publicKey.point),
    sign: (message) => signer.sign(message),
    close: () => signer.close(),
  });
}
