/** Where the PKCS#11 module is: what was asked for, else SoftHSM where Debian or hsm/ci/install-softhsm put it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SignerError } from './signer.ts';

const file = 'libsofthsm2.so';

/**
 * The path of the module: `asked` unless it is `auto`, then SOFTHSM2_MODULE, then the known places; `module_missing`
 * where there is none. `projectFolder` is where a rootless set-up unpacks SoftHSM.
 */
export function findModule(
  asked: string,
  environment: Readonly<Record<string, string | undefined>>,
  projectFolder: string,
): string {
  const named = asked === 'auto' ? environment['SOFTHSM2_MODULE'] : asked;
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return named;
    throw new SignerError(
      'module_missing',
      `no PKCS#11 module at \`${named}\`: the path of an installed module is accepted`,
    );
  }
  const rootless = join(projectFolder, '.softhsm', 'usr', 'lib');
  const candidates = [
    join('/usr/lib/softhsm', file),
    join('/usr/local/lib/softhsm', file),
    ...multiarch('/usr/lib'),
    join(rootless, 'softhsm', file),
    ...multiarch(rootless),
  ];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new SignerError(
    'module_missing',
    'no PKCS#11 module found: run `hsm/ci/install-softhsm`, or set SOFTHSM2_MODULE to the path of one',
  );
}

function multiarch(base: string): string[] {
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(base, name, 'softhsm', file));
}
