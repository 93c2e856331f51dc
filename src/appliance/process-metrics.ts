/** Which of several processes of a system this is, for Prometheus: text exposition, version 0.0.4. */
import type { QuotaProcess } from './configuration.ts';

/** Series and journal have no character that would have to be escaped. */
export function showProcess({ series, epoch, journal }: QuotaProcess): string {
  const lines = [
    '# HELP ringmint_process_info Which of several processes of the system this is; what is said of quotas and stops is said by each of them.',
    '# TYPE ringmint_process_info gauge',
    `ringmint_process_info{role="quota",series="${series}",epoch="${epoch}",journal="${journal}"} 1`,
  ];
  return `${lines.join('\n')}\n`;
}
