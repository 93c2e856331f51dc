/**
 * Where an appliance keeps what: one folder a system, so that none can read another's token or database.
 *
 * ```
 * HOME/
 *   trust.cbor               the trust bundle: public, all a verifier needs
 *   appliance.json           names and ports: no secret
 *   endpoints.json           where the running systems listen; written by `ringmint up`, gone when it stops
 *   root/                    the offline root's key and the TLS authority's: move it off the machine
 *   central/ issuance/ quota/
 *     config.json  keys.json  trust-pin.json  commands.log  tls-key.pem  tls-certificate.pem  tls-authority.pem  ledger.db  signing.log  token/  device/
 *   central/rules/           rule sets that were ever active, which one is, and the key that seals what decisions were made of
 *   operator/                the TLS key and certificate of the command line
 * ```
 */
import { join } from 'node:path';

export type Role = 'central' | 'issuance' | 'quota';

export const roles: readonly Role[] = ['central', 'issuance', 'quota'];

export interface Home {
  readonly path: string;
  readonly trustBundle: string;
  readonly appliance: string;
  readonly endpoints: string;
  readonly root: string;
  readonly folder: (holder: Role | 'operator') => string;
  readonly token: (role: Role) => string;
  /** Of the simulated secure element (docs/DEVICE.md). */
  readonly device: (role: Role) => string;
  readonly ledger: (role: Role) => string;
  /** What its key signed, in a hash chain. */
  readonly signingLog: (role: Role) => string;
  /** What commands had its key sign while it may have been serving, in a chain of its own. */
  readonly commandLog: (role: Role) => string;
  readonly config: (role: Role) => string;
  /** Which key is in which of its HSMs. */
  readonly keys: (role: Role) => string;
  /** The root and the highest revocation epoch that it knows. */
  readonly trustPin: (role: Role) => string;
  /** Of central management: rule sets and what belongs to them. */
  readonly rules: string;
}

export function homeAt(path: string): Home {
  return {
    path,
    trustBundle: join(path, 'trust.cbor'),
    appliance: join(path, 'appliance.json'),
    endpoints: join(path, 'endpoints.json'),
    root: join(path, 'root'),
    folder: (holder) => join(path, holder),
    token: (role) => join(path, role, 'token'),
    device: (role) => join(path, role, 'device'),
    ledger: (role) => join(path, role, 'ledger.db'),
    signingLog: (role) => join(path, role, 'signing.log'),
    commandLog: (role) => join(path, role, 'commands.log'),
    config: (role) => join(path, role, 'config.json'),
    keys: (role) => join(path, role, 'keys.json'),
    trustPin: (role) => join(path, role, 'trust-pin.json'),
    rules: join(path, 'central', 'rules'),
  };
}

/** The three files of one holder's mutual TLS. */
export const tlsFiles = {
  key: 'tls-key.pem',
  certificate: 'tls-certificate.pem',
  authority: 'tls-authority.pem',
} as const;
