/** In the place of firmware-sim/device-program.ts wherever vitest imports it: the same program, compiled as it ships. */
import { inject } from 'vitest';
import type { deviceProgram as inSources } from '../../firmware-sim/device-program.ts';

export const deviceProgram: typeof inSources = { entry: inject('deviceProcess'), execArgv: [] };
