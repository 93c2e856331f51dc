/** The appliance as an operator meets it: three processes, mutual TLS, three tokens, one folder. */
import { spawnSync } from 'node:child_process';
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSigningLog } from '../../hsm/signing-log.ts';
import { keyThumbprint } from '../../src/records/signature.ts';
import { makeWorkplace, processesOf, project, type Systems, type Workplace, waitFor } from './ringmint.ts';

let place: Workplace;
let systems: Systems;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  systems = await place.up();
});

afterAll(async () => {
  await systems.stop();
  place.remove();
});

const inFolder = (name: string): string => join(place.folder, name);
const sampleRequest = join(project, 'samples/request.json');

async function makeRequest(out: string, total = '250.00'): Promise<void> {
  const json = {
    currency: 'EUR',
    total,
    denominations: [{ value: total, count: 1 }],
    owner: 'Alice',
    purpose: 'test',
    origin: 'DE',
    destination: 'FR',
  };
  writeFileSync(inFolder(`${out}.json`), JSON.stringify(json));
  const made = await place.run('request', `${out}.json`, '--out', out);
  expect(made.err).toBe('');
}

describe('the sample request', () => {
  it('is issued in six steps, verified offline, and answered with the same bytes when it is sent again', async () => {
    expect((await place.run('request', sampleRequest, '--out', 'sample.cbor')).code).toBe(0);
    const issued = await place.run('issue', 'sample.cbor', '--out', 'sample', '--json');
    expect(issued.json()).toMatchObject({
      ok: true,
      kind: 'issued',
      total: '250000.00',
      currency: 'EUR',
      units: 12_300,
    });
    expect((issued.json()['steps'] as { step: number }[]).map((step) => step.step)).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    const first = readFileSync(inFolder('sample/currency.cbor'));
    expect((await place.run('issue', 'sample.cbor', '--out', 'again')).code).toBe(0);
    expect(readFileSync(inFolder('again/currency.cbor')).equals(first)).toBe(true);
    const verified = await place.run('verify', 'sample/currency.cbor', '--json');
    expect(verified.json()).toMatchObject({ ok: true, authentic: true, total: '250000.00', count: 12_300 });
    expect(statSync(inFolder('sample/currency.cbor')).mode & 0o777).toBe(0o600);
  });

  it('gives units that are verified one by one, and against the pinned root', async () => {
    const { rootKeyId } = (await place.run('verify', 'sample/currency.cbor', '--json')).json();
    expect((await place.run('unit', 'sample/currency.cbor', '12299', '--out', 'unit.cbor')).code).toBe(0);
    const verified = await place.run('verify', 'unit.cbor', '--root', String(rootKeyId), '--json');
    expect(verified.json()).toMatchObject({
      authentic: true,
      kind: 'unit',
      total: '0.20',
      batchCount: 12_300,
      pinned: true,
    });
    const other = await place.run('verify', 'unit.cbor', '--root', '00'.repeat(32), '--json');
    expect([other.code, other.json()]).toMatchObject([
      4,
      { ok: false, authentic: false, code: 'root_mismatch' },
    ]);
    expect((await place.run('unit', 'sample/currency.cbor', '12300')).code).toBe(2);
  });

  it('is not authentic with one byte changed, cut short, or as a file of another kind', async () => {
    const bytes = readFileSync(inFolder('unit.cbor'));
    const changed = Buffer.from(bytes);
    changed[200] = (changed[200] ?? 0) ^ 1;
    writeFileSync(inFolder('changed.cbor'), changed);
    writeFileSync(inFolder('cut.cbor'), bytes.subarray(0, -1));
    for (const file of ['changed.cbor', 'cut.cbor', 'sample/request.cose', join(place.home, 'trust.cbor')]) {
      const verified = await place.run('verify', file, '--json');
      expect(verified.code, file).toBe(4);
      expect(verified.json(), file).toMatchObject({ ok: false, authentic: false });
    }
  });

  it('leaves records that are decoded and explained', async () => {
    for (const [file, kind] of [
      ['sample.cbor', 'draft'],
      ['sample/request.cose', 'request'],
      ['sample/control-bit.cose', 'control bit'],
      ['sample/currency.cbor', 'currency file'],
      ['unit.cbor', 'unit file'],
      [join(place.home, 'trust.cbor'), 'trust bundle'],
    ] as const) {
      const inspected = await place.run('inspect', file, '--json');
      expect(inspected.json(), file).toMatchObject({ ok: true, kind });
    }
  });
});

describe('a CSV of 1,000 payees', () => {
  it('is issued with a unit for each, and the names stay with who made the request', async () => {
    const csv = join(project, 'samples/payees.csv');
    const made = await place.run(
      'request',
      csv,
      '--currency',
      'EUR',
      '--origin',
      'DE',
      '--destination',
      'FR',
      '--out',
      'payees.cbor',
      '--json',
    );
    expect(made.json()).toMatchObject({ ok: true, units: 1_000, total: '104836.11' });
    expect((await place.run('issue', 'payees.cbor', '--out', 'payees')).code).toBe(0);
    for (const file of ['payees.cbor', 'payees/request.cose', 'payees/currency.cbor']) {
      expect(readFileSync(inFolder(file)).includes('payee-0001'), file).toBe(false);
    }
    const openings = JSON.parse(readFileSync(inFolder('payees.cbor.owners.json'), 'utf8')) as {
      owner: string;
    }[];
    expect(openings).toHaveLength(1_000);
  });
});

describe('refusals, each with its code, its exit code and no stack trace', () => {
  const json = (changed: Record<string, unknown>): string =>
    JSON.stringify({
      currency: 'EUR',
      total: '10.00',
      denominations: [{ value: '5.00', count: 2 }],
      owner: 'Alice',
      purpose: 'test',
      origin: 'DE',
      destination: 'FR',
      ...changed,
    });
  const cases: [title: string, content: string | Uint8Array, code: string][] = [
    ['an empty file', '', 'file_empty'],
    ['a file that is neither CBOR nor JSON', 'hello', 'draft_not_json'],
    ['bytes that are no text', Uint8Array.of(0x99, 0xff, 0xfe), 'draft_not_text'],
    ['CBOR that is no draft', Uint8Array.of(0x8a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 'record_malformed'],
    ['an unknown currency', json({ currency: 'XXX' }), 'currency_unknown'],
    ['denominations that do not add up', json({ total: '11.00' }), 'denominations_mismatch'],
    ['a negative amount', json({ total: '-10.00' }), 'amount_not_positive'],
    ['zero', json({ total: '0.00' }), 'amount_not_positive'],
    ['a fraction of a cent', json({ total: '10.001' }), 'amount_fraction'],
    ['an enormous amount', json({ total: '300000000000000.00' }), 'amount_out_of_range'],
    ['an amount as a number', json({ total: 10 }), 'amount_malformed'],
    ['separators of thousands', json({ total: '250,000.00' }), 'amount_malformed'],
    ['no denominations', json({ denominations: undefined }), 'draft_field_missing'],
    ['a field that is not known', json({ amount: '10.00' }), 'draft_field_unknown'],
    ['a count of zero', json({ denominations: [{ value: '5.00', count: 0 }] }), 'draft_field_invalid'],
    [
      'too many units',
      json({ total: '655.37', denominations: [{ value: '0.01', count: 65_537 }] }),
      'draft_field_invalid',
    ],
    ['a country in words', json({ origin: 'Germany' }), 'draft_field_invalid'],
    ['an id that is no UUID', json({ id: '7' }), 'draft_field_invalid'],
  ];
  it.each(cases)('%s', async (_title, content, code) => {
    writeFileSync(inFolder('bad'), content);
    const ran = await place.run('request', 'bad', '--out', 'never.cbor', '--json');
    expect(ran.json()).toMatchObject({ ok: false, code });
    expect(ran.code).toBe(2);
    const text = await place.run('issue', 'bad');
    expect(text.err).toContain(`[${code}]`);
    expect(text.err).not.toMatch(/\bat .*:\d+:\d+/);
  });

  it('a file of 2 GB, without reading it', () => {
    closeSync(openSync(inFolder('huge'), 'w'));
    truncateSync(inFolder('huge'), 2 ** 31);
    const tellRead = `data:text/javascript,import { readFileSync, writeSync } from 'node:fs';
      process.on('exit', () => writeSync(3, /rchar: (\\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]));`;
    for (const command of ['request', 'issue', 'verify', 'inspect']) {
      const words = ['--import', tellRead, join(project, 'dist/src/main.js'), command, 'huge', '--json'];
      const { status, output } = spawnSync(process.execPath, words, {
        cwd: place.folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      });
      expect([status, JSON.parse(output[1] ?? '')]).toMatchObject([2, { ok: false, code: 'too_large' }]);
      const read = Number(output[3]);
      expect(read, 'the program itself').toBeGreaterThan(100_000);
      expect(read).toBeLessThan(2 ** 26);
    }
  });

  it('an amount above the confidential ceiling: denied, and the ceiling is nowhere in what comes back', async () => {
    await makeRequest('over.cbor', '600000.01');
    const ran = await place.run('issue', 'over.cbor', '--out', 'over', '--json');
    expect([ran.code, ran.json()]).toMatchObject([
      3,
      { ok: false, kind: 'denied', reasons: ['issuer_ceiling'], wouldPass: null },
    ]);
    expect(ran.out).not.toContain('600000.00');
    expect(ran.out).not.toContain('60000000');
    expect((await place.run('inspect', 'over/denial.cose', '--json')).json()).toMatchObject({
      kind: 'denial',
    });
  });

  it('an amount above the day and the quota: denied, with what would pass', async () => {
    await makeRequest('day.cbor', '20000000.00');
    const slip = await place.run('issue', 'day.cbor', '--out', 'day', '--json');
    expect([slip.code, slip.json()]).toMatchObject([2, { code: 'amount_unconfirmed' }]);
    const confirmed = ['--confirm-amount', '20000000.00'];
    const ran = await place.run('issue', 'day.cbor', '--out', 'day', '--json', ...confirmed);
    expect(ran.json()).toMatchObject({
      code: 'quota_exceeded',
      reasons: ['quota_exceeded', 'daily_limit', 'request_maximum', 'issuer_ceiling'],
      wouldPass: '1000000.00',
    });
  });

  it('an id that was used with other content', async () => {
    const id = '01a1fb5e-91ec-7e24-80f8-b03fa9a2bb18';
    for (const [total, code] of [
      ['1.00', undefined],
      ['2.00', 'request_id_conflict'],
    ] as const) {
      writeFileSync(
        inFolder('same.json'),
        json({ id, total, denominations: [{ value: total, count: 1 }], owner: 'ab'.repeat(32) }),
      );
      const ran = await place.run('issue', 'same.json', '--out', 'same', '--json');
      expect(ran.json()['code']).toBe(code);
    }
  });

  it('an unknown command, option or argument', async () => {
    for (const words of [
      ['mint'],
      ['issue'],
      ['issue', 'x', '--force'],
      ['serve', 'bank'],
      ['init', '--quotas', 'nowhere.json', '--home', 'new'],
    ]) {
      const ran = await place.run(...words);
      expect(ran.code, words.join(' ')).toBe(2);
    }
  });

  it('a second appliance in the same folder', async () => {
    const ran = await place.run('init', '--quotas', join(project, 'samples/quotas.json'), '--json');
    expect([ran.code, ran.json()]).toMatchObject([2, { code: 'home_exists' }]);
  });

  it('a second process on the same ledger', async () => {
    const ran = await place.run('serve', 'quota', '--port', '0', '--json');
    expect([ran.code, ran.json()]).toMatchObject([6, { code: 'store_in_use' }]);
  });
});

describe('the systems', () => {
  function endpoint(role: string): string {
    return (
      (JSON.parse(readFileSync(join(place.home, 'endpoints.json'), 'utf8')) as Record<string, string>)[
        role
      ] ?? ''
    );
  }

  function post(
    url: string,
    holder: string | undefined,
    body: string,
    method: 'POST' | 'GET' = 'POST',
  ): Promise<{ status: number; body: string }> {
    const file = (name: string): Buffer => readFileSync(join(place.home, holder ?? 'operator', name));
    return new Promise((resolve, reject) => {
      const sent = request(
        url,
        {
          method,
          ca: file('tls-authority.pem'),
          headers: method === 'POST' ? { 'content-type': 'application/cbor' } : {},
          ...(holder === undefined ? {} : { key: file('tls-key.pem'), cert: file('tls-certificate.pem') }),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        },
      );
      sent.on('error', reject);
      sent.end(method === 'POST' ? body : undefined);
    });
  }

  it('answer with their key and their journal', async () => {
    const status = await place.run('status', '--json');
    expect(status.json()).toMatchObject({
      ok: true,
      systems: [
        { role: 'central', ok: true },
        { role: 'issuance', ok: true },
        { role: 'quota', ok: true },
      ],
    });
    const quota = (await place.run('quota', '--json')).json();
    expect(quota).toMatchObject({
      positions: [
        { currency: 'EUR', allocated: '10000000.00', reserved: '0.00' },
        { currency: 'JPY', issued: '0' },
      ],
    });
  });

  it('tell the operator what was signed, how often and how quickly, and no role', async () => {
    for (const role of ['central', 'issuance', 'quota']) {
      const { status, body } = await post(`${endpoint(role)}/metrics`, 'operator', '', 'GET');
      expect(status).toBe(200);
      expect(body).toMatch(new RegExp(`^ringmint_signing_seconds_count\\{role="${role}"\\} \\d+$`, 'm'));
      expect(body).toMatch(
        new RegExp(`^ringmint_hsm_up\\{role="${role}",hsm="softhsm",key="[0-9a-f]{64}"\\} 1$`, 'm'),
      );
      expect(body).toContain(`ringmint_witness_open{role="${role}"} 1\n`);
      expect(body).toMatch(/^ringmint_witness_held\{.*\} \d+$/m);
      expect(body).toMatch(/^ringmint_hsm_sessions\{.*\} 4$/m);
      expect((await post(`${endpoint(role)}/metrics`, 'quota', '', 'GET')).status).toBe(403);
    }
  });

  it('say that they live and are ready, serve the documents that are in git, and count what they are asked', async () => {
    for (const role of ['central', 'issuance', 'quota']) {
      for (const [path, health] of [
        ['health', 'up'],
        ['ready', 'ready'],
      ] as const) {
        const { status, body } = await post(`${endpoint(role)}/${path}`, 'quota', '', 'GET');
        expect([status, JSON.parse(body)]).toEqual([200, { role, health }]);
      }
      const served = await post(`${endpoint(role)}/openapi.json`, 'issuance', '', 'GET');
      expect(served.status).toBe(200);
      expect(JSON.parse(served.body)).toEqual(
        JSON.parse(readFileSync(join(project, `docs/openapi/${role}.json`), 'utf8')),
      );
      const { body } = await post(`${endpoint(role)}/metrics`, 'operator', '', 'GET');
      expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
      expect(body).toMatch(
        new RegExp(
          `^ringmint_http_request_seconds_count\\{role="${role}",method="GET",route="/ready",status="200"\\} \\d+$`,
          'm',
        ),
      );
      // One text of several sources: no family twice.
      const families = body.match(/^# TYPE \S+/gm) ?? [];
      expect(new Set(families).size).toBe(families.length);
    }
  });

  it('publish the key set, as its root signed it and as a JWK Set, to whoever has a certificate', async () => {
    const bundle = readFileSync(join(place.home, 'trust.cbor'));
    for (const role of ['central', 'issuance', 'quota']) {
      const cose = await post(`${endpoint(role)}/trust-bundle`, 'operator', '', 'GET');
      expect([cose.status, cose.body]).toEqual([200, bundle.toString('utf8')]);
      const { status, body } = await post(`${endpoint(role)}/jwks`, 'quota', '', 'GET');
      expect(status).toBe(200);
      const { keys } = JSON.parse(body) as { keys: (JsonWebKey & { kid: string })[] };
      expect(keys.map(({ use, alg }) => [use, alg])).toEqual([
        ['sig', 'ES256'],
        ['sig', 'ES256'],
        ['sig', 'ES256'],
        ['enc', 'ECDH-ES'],
      ]);
      for (const key of keys) {
        const { x = '', y = '' } = createPublicKey({ key, format: 'jwk' }).export({ format: 'jwk' });
        const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
        expect(Buffer.from(keyThumbprint(point)).toString('hex')).toBe(key.kid);
      }
    }
  });

  it('have a log of every signature, each with its intent, in a chain', () => {
    for (const [role, purposes] of [
      ['central', ['credential', 'denial', 'journal-head']],
      ['issuance', ['currency', 'journal-head', 'request']],
      ['quota', ['control-bit', 'journal-head']],
    ] as const) {
      const entries = [...readSigningLog(readFileSync(join(place.home, role, 'signing.log'), 'utf8'))];
      expect([...new Set(entries.map(({ purpose }) => purpose))].sort()).toEqual(purposes);
      for (const { outcome, intent } of entries) {
        expect(outcome).toBe('signed');
        expect(intent).toMatch(/^[0-9a-f]{32}$/);
      }
      const worth = entries.filter(({ amount }) => amount !== undefined).map(({ purpose }) => purpose);
      if (role !== 'central') expect(new Set(worth)).toEqual(new Set([purposes[0]]));
    }
  });

  it('talk to nobody without a certificate, and to no role about what is not its business', async () => {
    await expect(post(`${endpoint('quota')}/credentials`, undefined, 'x')).rejects.toThrow();
    for (const [role, path, holder] of [
      ['quota', 'credentials', 'central'],
      ['quota', 'credentials', 'operator'],
      ['central', 'requests', 'operator'],
      ['issuance', 'issuances', 'central'],
      ['issuance', 'witness', 'operator'],
      ['issuance', 'orders', 'quota'],
      ['quota', 'journal-heads', 'central'],
    ] as const) {
      expect(JSON.parse((await post(`${endpoint(role)}/${path}`, holder, 'x')).body)).toMatchObject({
        status: 403,
        code: 'not_permitted',
      });
    }
    expect(
      JSON.parse((await post(`${endpoint('quota')}/credentials`, 'issuance', '\u0001')).body),
    ).toMatchObject({ status: 422, code: 'record_malformed' });
    expect(JSON.parse((await post(`${endpoint('quota')}/nothing`, 'issuance', 'x')).body)).toMatchObject({
      status: 404,
      code: 'not_found',
    });
  });

  it('come back after kill -9, and the same request is then issued once', async () => {
    await makeRequest('killed.cbor');
    const before = (await place.run('quota', '--json')).json() as { positions: { issued: string }[] };
    const role = processesOf(place.folder).filter((id) =>
      readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('serve\0quota'),
    );
    expect(role).toHaveLength(1);
    process.kill(role[0] ?? 0, 'SIGKILL');
    const during = await place.run('issue', 'killed.cbor', '--out', 'killed', '--json');
    if (during.code !== 0)
      expect([during.code, during.json()]).toMatchObject([
        6,
        { code: expect.stringMatching(/^(peer|witness)_unavailable$/) },
      ]);
    await waitFor('quota control to be back', async () => (await place.run('status')).code === 0);
    expect((await place.run('issue', 'killed.cbor', '--out', 'killed')).code).toBe(0);
    expect((await place.run('issue', 'killed.cbor', '--out', 'killed')).code).toBe(0);
    const after = (await place.run('quota', '--json')).json() as { positions: { issued: string }[] };
    expect(Number(after.positions[0]?.issued) - Number(before.positions[0]?.issued)).toBeCloseTo(250, 2);
  });

  it('stop when they are told to, and leave nothing running', async () => {
    await systems.stop();
    expect(processesOf(place.folder)).toEqual([]);
    const ran = await place.run('issue', 'killed.cbor', '--json');
    expect([ran.code, ran.json()]).toMatchObject([6, { code: 'peer_unavailable' }]);
  });

  it('leave nothing running either when their supervisor is killed', async () => {
    const again = await place.up();
    again.process.kill('SIGKILL');
    await again.stop();
    await waitFor('the systems to end', () => processesOf(place.folder).length === 0);
  });

  it('say what is wrong with a PIN, a module, a token or a ledger, and do not start', async () => {
    const attempt = async (code: string, exit: number): Promise<void> => {
      const ran = await place.run('up');
      expect(ran.err).toContain(`[${code}]`);
      expect(ran.code).toBe(exit);
      expect(processesOf(place.folder)).toEqual([]);
    };
    const token = join(place.home, 'quota/token');
    const pin = readFileSync(join(token, 'pin'), 'utf8');
    writeFileSync(join(token, 'pin'), 'not-the-pin');
    await attempt('pin_incorrect', 5);
    writeFileSync(join(token, 'pin'), pin);

    renameSync(join(token, 'tokens'), join(token, 'gone'));
    mkdirSync(join(token, 'tokens'));
    await attempt('token_missing', 5);
    renameSync(join(token, 'gone'), join(token, 'tokens-back'));
    const configuration = readFileSync(join(token, 'softhsm2.conf'), 'utf8');
    writeFileSync(join(token, 'softhsm2.conf'), configuration.replace('/tokens', '/tokens-back'));

    const appliance = join(place.home, 'appliance.json');
    copyFileSync(appliance, `${appliance}.kept`);
    writeFileSync(appliance, readFileSync(appliance, 'utf8').replace('"auto"', '"/nowhere/libsofthsm2.so"'));
    await attempt('module_missing', 5);
    renameSync(`${appliance}.kept`, appliance);

    const ledger = join(place.home, 'quota/ledger.db');
    renameSync(ledger, `${ledger}.kept`);
    await attempt('store_missing', 6);
    renameSync(`${ledger}.kept`, ledger);

    const mended = await place.up();
    expect((await place.run('issue', 'killed.cbor', '--out', 'killed')).code).toBe(0);
    await mended.stop();
  });
});

describe('every command', () => {
  it('explains itself, and completion knows them all', async () => {
    const help = await place.run('--help');
    const names = [
      'init',
      'up',
      'serve',
      'request',
      'issue',
      'verify',
      'unit',
      'inspect',
      'quota',
      'status',
      'completion',
    ];
    for (const name of names) {
      expect(help.out).toContain(name);
      const own = await place.run(name, '--help');
      expect([own.code, own.out]).toMatchObject([0, expect.stringContaining('--json')]);
    }
    const completion = await place.run('completion', 'bash');
    for (const name of names) expect(completion.out).toContain(name);
  });
});
