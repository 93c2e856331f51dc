/** What `ringmint up` says of keys that are in a simulator, so that nobody takes them for keys in an HSM. */
import { type Home, type Role, roles } from './home.ts';
import { readSigning } from './hsm-access.ts';

/** None where no system's keys are in one. */
export async function noticeOfSimulators(home: Home): Promise<readonly string[]> {
  const simulated: Role[] = [];
  for (const role of roles) {
    const { hsms } = await readSigning(home, role);
    if (hsms.some(({ kind }) => kind === 'firmware-sim')) simulated.push(role);
  }
  if (simulated.length === 0) return [];
  return [
    `THE KEYS OF ${simulated.join(', ')} ARE IN A SIMULATOR (firmware-sim): whoever can read the files of its device folders has them`,
  ];
}
