/** The certificate, key and authority of one holder, as `ringmint init` wrote them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientOptions } from '../api/client.ts';
import { ApplianceError } from './appliance-error.ts';
import { type Home, type Role, tlsFiles } from './home.ts';

export async function readTls(home: Home, holder: Role | 'operator'): Promise<ClientOptions['tls']> {
  const read = async (file: string): Promise<string> => {
    const path = join(home.folder(holder), file);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new ApplianceError(
        'home_unreadable',
        `cannot read \`${path}\` (${(error as NodeJS.ErrnoException).code}): run this as the user who made the appliance`,
      );
    }
  };
  return {
    key: await read(tlsFiles.key),
    certificate: await read(tlsFiles.certificate),
    authority: await read(tlsFiles.authority),
  };
}
