/** Provisions a token, and is killed meanwhile. Arguments: module, directory. */
import { randomBytes } from 'node:crypto';
import { provisionDirectory } from '../../hsm/token-directory.ts';

const [module = '', path = ''] = process.argv.slice(2);
await provisionDirectory({
  module,
  path,
  tokenLabel: 'test token',
  keys: [{ label: 'signing', kind: 'signing' }],
  random: randomBytes,
});
