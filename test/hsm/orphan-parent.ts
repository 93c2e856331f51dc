/** A parent that opens a token, prints its signer process's id, and stays until it is killed. Arguments: module, directory, token label. */

import { readTokenDirectory } from '../../hsm/token-directory.ts';
import { openToken } from '../../hsm/token-signer.ts';

const [module = '', path = '', tokenLabel = ''] = process.argv.slice(2);
const directory = readTokenDirectory(path, module, tokenLabel);
if (directory === undefined) throw new Error(`no token in \`${path}\``);
const token = await openToken({
  address: directory.address,
  environment: directory.environment,
  signingKey: 'signing',
});
process.stdout.write(`${token.processIds[0]}\n`);
// Load, so that the parent is killed while operations are in flight.
for (;;) await Promise.all(Array.from({ length: 50 }, (_, i) => token.sign(Buffer.from(`m${i}`))));
