/** Appends to the signing log named by its argument until that fails, and twice more; prints what came of each, as JSON. */
import { openSigningLog } from '../../hsm/signing-log.ts';

const log = await openSigningLog(process.argv[2] ?? '', { now: () => new Date(0) });
const outcomes: string[] = [];
while (outcomes.filter((outcome) => outcome !== 'written').length < 2) {
  await log.append({ key: 'aa', purpose: 'p', intent: 'i', digest: 'bb', outcome: 'signed', ms: 1 }).then(
    () => outcomes.push('written'),
    (error: { code: string }) => outcomes.push(error.code),
  );
}
process.stdout.write(JSON.stringify(outcomes));
