/** `--root`: the root that a verifier pins. */
import { fromHex } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';

/** The key id, as options of a verification; none where none is pinned. */
export function readRootOption(
  root: string | undefined,
): Result<{ readonly rootKeyId?: Uint8Array }, 'usage'> {
  if (root === undefined) return succeed({});
  const rootKeyId = fromHex(root);
  if (rootKeyId?.length === 32) return succeed({ rootKeyId });
  return refuse('usage', `--root ${quote(root)}: the root key's id, 64 hex digits, is accepted`);
}
