/** `ringmint status`: whether each system answers and its token signs, and how far its journal is. */
import type { Refusal } from '../kit/result.ts';
import { type Appliance, roles } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export async function runStatus(
  appliance: Appliance,
  terminal: Terminal,
  given: { home: string },
): Promise<ExitCode> {
  const operator = await appliance.connect(given.home);
  const systems: Record<string, unknown>[] = [];
  const lines: string[] = [];
  let firstRefusal: Refusal | undefined;
  try {
    for (const role of roles) {
      const status = await operator.status(role);
      if (status.ok) {
        const { keyId, journal, unsigned, stopped } = status.value;
        systems.push({ ...status.value, ok: true });
        lines.push(
          `${role.padEnd(9)} signs with ${keyId.slice(0, 16)}; journal ${journal.sequence}, ${journal.hash.slice(0, 16)}; ${unsigned} unsigned`,
        );
        if (stopped !== null)
          lines.push(
            `  issuing is STOPPED by ${stopped.by}: ${stopped.reason} (journal ${stopped.sequence})`,
          );
      } else {
        firstRefusal ??= status;
        systems.push({ role, ok: false, code: status.code, message: status.message });
        lines.push(`${role.padEnd(9)} ${status.message} [${status.code}]`);
      }
    }
  } finally {
    await operator.close();
  }
  if (firstRefusal === undefined) return terminal.result({ systems }, lines);
  for (const line of lines) terminal.say(line);
  return terminal.refuse(firstRefusal, { systems });
}
