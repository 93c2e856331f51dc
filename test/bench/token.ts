/** A SoftHSM token with one signing key, in a folder of a bench's own. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { findModule } from '../../hsm/module-path.ts';
import { provisionDirectory, type TokenDirectory } from '../../hsm/token-directory.ts';
import { project } from '../flow/ringmint.ts';

export function makeBenchToken(folder: string): Promise<TokenDirectory> {
  return provisionDirectory({
    module: findModule('auto', process.env, project),
    path: join(folder, 'token'),
    tokenLabel: 'bench',
    keys: [{ label: 'signing', kind: 'signing' }],
    random: randomBytes,
  });
}
