/** Writes docs/openapi/ROLE.json, as each system serves it at /openapi.json; with `--check` it only tells whether they are up to date. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { defaultLimits } from '../src/api/limits.ts';
import { addResources, type RoleService } from '../src/api/resources.ts';
import { makeServer } from '../src/api/server.ts';
import { makeAuthority } from '../src/appliance/certificate.ts';
import { systemClock, systemRandom } from '../src/kit/clock.ts';

const folder = new URL('../docs/openapi/', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Resources are declared before anybody asks: here nobody does. */
function nobody(): never {
  throw new Error('a document is generated without a running system');
}

const services: readonly RoleService[] = [
  {
    role: 'central',
    central: { submit: nobody, finishUnsigned: nobody },
    quotaChanges: { apply: nobody, stop: nobody, stopped: nobody, since: nobody },
  },
  {
    role: 'issuance',
    issuance: {
      issue: nobody,
      place: nobody,
      closings: { lastWords: nobody },
      vouching: { vouch: nobody },
      finishUnsigned: nobody,
    },
    reservations: { reserve: nobody, release: nobody, list: nobody },
  },
  {
    role: 'quota',
    quotaControl: {
      redeem: nobody,
      position: nobody,
      positions: nobody,
      usualPositions: nobody,
      finishUnsigned: nobody,
    },
    quotaChanges: { apply: nobody, stop: nobody, stopped: nobody, since: nobody },
    settlements: {
      retire: nobody,
      transfer: nobody,
      receipt: nobody,
      units: nobody,
      list: nobody,
      account: nobody,
    },
    reservations: { reserve: nobody, release: nobody, releaseAs: nobody, find: nobody, list: nobody },
  },
];

async function documentOf(service: RoleService): Promise<string> {
  const authority = await makeAuthority('generation', systemClock, systemRandom);
  const { keyPem, certificatePem } = await authority.issue({ role: service.role, name: service.role }, []);
  const server = await makeServer({
    role: service.role,
    version,
    tls: { key: keyPem, certificate: certificatePem, authority: authority.certificatePem },
    limits: defaultLimits,
    logLevel: 'silent',
    describeFault: () => undefined,
  });
  addResources(server, {
    service,
    witness: {} as never,
    own: {} as never,
    keySet: { trustBundle: new Uint8Array(), jwkSet: nobody },
    status: nobody,
    figures: nobody,
    clock: systemClock,
  });
  await server.ready();
  const document = `${JSON.stringify(server.swagger(), null, 2)}\n`;
  await server.close();
  return document;
}

mkdirSync(folder, { recursive: true });
for (const service of services) {
  const file = new URL(`${service.role}.json`, folder);
  const made = await documentOf(service);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, made);
  } else if (made !== readFileSync(file, 'utf8')) {
    console.error(
      `docs/openapi/${service.role}.json is not what scripts/generate-openapi.ts makes: run \`npm run generate\``,
    );
    process.exitCode = 1;
  }
}
