/** What of a sheet must be the same on every run and every machine that has the same version of the module. */
import type { Sheet } from './sheet.ts';
import type { AuditedKey, Description, MadeKey, SignedRoute } from './token-tasks.ts';

export interface Measured {
  readonly description: Description;
  readonly keys: readonly Pick<MadeKey, 'kind' | 'answer'>[];
  readonly routes: readonly SignedRoute[];
  readonly audit: readonly AuditedKey[];
}

/** Leaves out rates, counts and serial numbers. */
export function stableFacts({ description, keys, routes, audit }: Measured | Sheet): unknown {
  return {
    library: description.library,
    tokenFlags: description.token.flags,
    pinLengths: [description.token.minPinLength, description.token.maxPinLength],
    mechanisms: description.mechanisms,
    keys: keys.map(({ kind, answer }) => ({ kind, answer })),
    routes: routes.map(({ algorithm, route, answer }) => ({ algorithm, route, answer })),
    audit,
  };
}
