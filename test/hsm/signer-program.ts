/** In the place of hsm/signer-program.ts wherever vitest imports it: the same program, compiled as it ships. Programs that tests start with tsx have the sources. */
import { inject } from 'vitest';
import type { signerProgram as inSources } from '../../hsm/signer-program.ts';

export const signerProgram: typeof inSources = { entry: inject('signerProcess'), execArgv: [] };
