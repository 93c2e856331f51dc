/** What the commands that verify have in common. */
import { fromHex } from '../kit/bytes.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

/** The key id of `--root`, as options of a verification; none where none is pinned. */
export function readRootOption(
  root: string | undefined,
): Result<{ readonly rootKeyId?: Uint8Array }, 'usage'> {
  if (root === undefined) return succeed({});
  const rootKeyId = fromHex(root);
  if (rootKeyId?.length === 32) return succeed({ rootKeyId });
  return refuse('usage', `--root ${quote(root)}: the root key's id, 64 hex digits, is accepted`);
}

/** Says why something is not authentic; exit code 4, whatever the reason. */
export function refuseAsNotAuthentic(terminal: Terminal, refusal: Refusal): ExitCode {
  return terminal.refuse(
    { ...refusal, message: `not authentic: ${refusal.message}` },
    { authentic: false },
    exitCode.notAuthentic,
  );
}
