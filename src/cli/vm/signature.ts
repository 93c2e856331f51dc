/** `ringmint vm sign` and `verify`: modules, and translations of them, under the signature of an HSM. */
import { moduleHash, readNames, stripNames } from '../../../vm/module.ts';
import { type ModuleSigner, signModule } from '../../../vm/signed-module.ts';
import { signTranslation } from '../../../vm/signed-translation.ts';
import { toHex } from '../../kit/bytes.ts';
import { quote, refuse, succeed } from '../../kit/result.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import {
  loadProgram,
  type ProgramArguments,
  type ProgramFile,
  type ProgramResult,
  readGivenFile,
  refuseProgram,
  type TranslationFile,
} from './program-file.ts';
import { writeResult } from './result-file.ts';
import { openChecked, openSource, openTranslation } from './translation-file.ts';

interface SignCommand extends ProgramArguments {
  readonly home: string;
  readonly out: string;
  readonly names: boolean;
  /** The module that a translation is of. */
  readonly source: string | undefined;
}

/** What may be signed, as it will be. */
interface Signable {
  /** SHA-256 of the module, in hex. */
  readonly hash: string;
  readonly sign: (signer: ModuleSigner) => Promise<Uint8Array>;
}

/** Signs what the loader takes, or the checker, with the key of central management, which decides by modules. */
export async function runSign(
  appliance: Appliance,
  terminal: Terminal,
  given: SignCommand,
): Promise<ExitCode> {
  const signable = await openSignable(given);
  if (!signable.ok) return refuseProgram(terminal, signable);
  const { hash, sign } = signable.value;
  const signer = await appliance.openModuleSigner(given.home);
  let signed: Uint8Array;
  try {
    signed = await sign(signer);
  } finally {
    await signer.close();
  }
  const written = await writeResult(given.out, given.file, signed);
  if (!written.ok) return terminal.refuse(written);
  const keyId = toHex(signer.publicKey.keyId);
  return terminal.result({ file: given.out, hash, keyId, bytes: signed.length }, [
    `${given.out}: signed by central management, ${signed.length} bytes`,
    `  hash  ${hash}`,
    `  key   ${keyId}`,
  ]);
}

async function openSignable(given: SignCommand): Promise<ProgramResult<Signable>> {
  const read = await readGivenFile(given);
  if (!read.ok) return read;
  const { value } = read;
  if ('wasm' in value) return signableTranslation(given, value);
  if (given.source !== undefined)
    return refuse('usage', '--source: accepted with a translated module, whose source it is');
  const opened = await loadProgram(given.file, value);
  if (!opened.ok) return opened;
  const { file, hash } = opened.value;
  return succeed({ hash, sign: (signer) => signModule(given.names ? file : stripNames(file), signer) });
}

/** Nothing is signed as a translation that the checker has not taken. */
async function signableTranslation(
  given: SignCommand,
  translation: TranslationFile,
): Promise<ProgramResult<Signable>> {
  if (given.source === undefined)
    return refuse(
      'usage',
      `${quote(given.file)} is a translated module: say with \`--source\` which module it is of, for the checker`,
    );
  const source = await openSource(given.source, given);
  if (!source.ok) return source;
  const checked = await openChecked(given.file, translation, source.value);
  if (!checked.ok) return checked;
  const { wasm } = translation;
  const { hash } = checked.value;
  return succeed({ hash: toHex(hash), sign: (signer) => signTranslation({ wasm, module: hash }, signer) });
}

/** Tells whether a module or a translation is signed by a trusted key, and gives it without the signature. */
export async function runVmVerify(
  terminal: Terminal,
  given: ProgramArguments & { readonly out: string | undefined },
): Promise<ExitCode> {
  if (given.key.length === 0 && given.trust === undefined)
    return terminal.refuse(
      refuse(
        'usage',
        'who may have signed it: `--key` with a public key, or `--trust` with a trust bundle, is accepted',
      ),
    );
  const read = await readGivenFile(given);
  if (!read.ok) return refuseProgram(terminal, read);
  const { value } = read;
  const told =
    'wasm' in value ? await describeTranslation(given.file, value) : succeed(describeModule(value));
  if (!told.ok) return refuseProgram(terminal, told);
  const { bytes, json, lines } = told.value;
  if (given.out !== undefined) {
    const written = await writeResult(given.out, given.file, bytes);
    if (!written.ok) return terminal.refuse(written);
  }
  const unpinned = given.root === undefined && given.trust !== undefined;
  return terminal.result({ authentic: true, ...json, file: given.out ?? null }, [
    'authentic: signed by a trusted key',
    ...lines,
    ...(unpinned
      ? [
          '  the root key of the trust bundle was not pinned: give `--root` the id that you had from the issuer',
        ]
      : []),
    ...(given.out === undefined ? [] : [`  ${'wasm' in value ? 'translation' : 'module'} in ${given.out}`]),
  ]);
}

interface Described {
  /** What was signed, without the signature. */
  readonly bytes: Uint8Array;
  readonly json: Readonly<Record<string, unknown>>;
  readonly lines: readonly string[];
}

function describeModule({ file, signedBy = '' }: ProgramFile): Described {
  const module = stripNames(file);
  const hash = toHex(moduleHash(module));
  const hasNames = readNames(file) !== undefined;
  return {
    bytes: file,
    json: { hash, keyId: signedBy, bytes: module.length, names: hasNames },
    lines: [
      `  hash   ${hash}`,
      `  key    ${signedBy}`,
      `  names  ${hasNames ? 'with the module, and not signed' : 'none'}`,
    ],
  };
}

/** Refused where what was signed is no translation, or one of another module than was signed with it. */
async function describeTranslation(
  path: string,
  translation: TranslationFile,
): Promise<ProgramResult<Described>> {
  const opened = await openTranslation(path, translation);
  if (!opened.ok) return opened;
  const { wasm, signedBy = '' } = translation;
  const hash = toHex(opened.value.hash);
  return succeed({
    bytes: wasm,
    json: { hash, keyId: signedBy, bytes: wasm.length, translation: true },
    lines: [`  hash   ${hash}, of the module that it is a translation of`, `  key    ${signedBy}`],
  });
}
