/** What a system remembers of the trust bundles that it has served with: one that lacks a revocation is never taken again. */
import { readFile } from 'node:fs/promises';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { ApplianceError } from './appliance-error.ts';
import type { Home, Role } from './home.ts';
import { writeFileDurably } from './private-file.ts';

/** Holds the bundle's revocation epoch against the highest one seen, and remembers it. Throws `bundle_superseded`. */
export async function noteTrustEpoch(
  home: Home,
  role: Role,
  { revocationEpoch }: TrustBundle,
): Promise<void> {
  const seen = await readSeen(home.trustEpoch(role));
  if (revocationEpoch < seen)
    throw new ApplianceError(
      'bundle_superseded',
      `\`${home.trustBundle}\` is of revocation epoch ${revocationEpoch}, and ${role} has seen ${seen}: put the newer bundle back`,
    );
  if (revocationEpoch > seen) await writeFileDurably(home.trustEpoch(role), `${revocationEpoch}\n`, 0o600);
}

/** None is 0: a system that is new has seen no revocation. */
async function readSeen(path: string): Promise<number> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw new ApplianceError(
      'home_unreadable',
      `cannot read \`${path}\` (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  if (!/^\d{1,15}\n$/.test(text))
    throw new ApplianceError(
      'configuration_invalid',
      `\`${path}\`: a number is accepted, not \`${text.trim()}\``,
    );
  return Number(text);
}
