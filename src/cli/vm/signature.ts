/** `ringmint vm sign` and `verify`: modules under the signature of an HSM. */
import { moduleHash, readNames, stripNames } from '../../../vm/module.ts';
import { signModule } from '../../../vm/signed-module.ts';
import { toHex } from '../../kit/bytes.ts';
import { refuse } from '../../kit/result.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { openProgram, type ProgramArguments, readProgramFile, refuseProgram } from './program-file.ts';
import { writeResult } from './result-file.ts';

/** Signs what the loader takes with the key of central management, which decides by modules. */
export async function runSign(
  appliance: Appliance,
  terminal: Terminal,
  given: ProgramArguments & { readonly home: string; readonly out: string; readonly names: boolean },
): Promise<ExitCode> {
  const opened = await openProgram(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { file, hash } = opened.value;
  const signer = await appliance.openModuleSigner(given.home);
  let signed: Uint8Array;
  try {
    signed = await signModule(given.names ? file : stripNames(file), signer);
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

/** Tells whether a module is signed by a trusted key, and gives the module. */
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
  const read = await readProgramFile(given);
  if (!read.ok) return refuseProgram(terminal, read);
  const { file, signedBy = '' } = read.value;
  if (given.out !== undefined) {
    const written = await writeResult(given.out, given.file, file);
    if (!written.ok) return terminal.refuse(written);
  }
  const hash = toHex(moduleHash(stripNames(file)));
  const hasNames = readNames(file) !== undefined;
  return terminal.result(
    {
      authentic: true,
      hash,
      keyId: signedBy,
      bytes: stripNames(file).length,
      names: hasNames,
      file: given.out ?? null,
    },
    [
      'authentic: signed by a trusted key',
      `  hash   ${hash}`,
      `  key    ${signedBy}`,
      `  names  ${hasNames ? 'with the module, and not signed' : 'none'}`,
      ...(given.root === undefined && given.trust !== undefined
        ? [
            '  the root key of the trust bundle was not pinned: give `--root` the id that you had from the issuer',
          ]
        : []),
      ...(given.out === undefined ? [] : [`  module in ${given.out}`]),
    ],
  );
}
