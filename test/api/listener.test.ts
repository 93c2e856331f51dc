/** Where connections come in, on a busy server and real TLS. */
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { HttpMetrics } from '../../src/api/http-metrics.ts';
import { defaultLimits } from '../../src/api/limits.ts';
import { makeListener } from '../../src/api/listener.ts';
import { makeAuthority } from '../../src/appliance/certificate.ts';
import { systemClock, systemRandom } from '../../src/kit/clock.ts';

/** On a thread of its own, since the server's is busy: long requests one after another on one connection; gives the status of each. */
const caller = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Agent, request } = require('node:https');
  const { tls, port, calls, size } = workerData;
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  const call = () => new Promise((resolve) => {
    const asked = request({ agent, host: '127.0.0.1', port, method: 'POST', headers: { 'content-length': size } }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    asked.on('error', ({ code }) => resolve(code));
    asked.end(Buffer.alloc(size));
  });
  (async () => {
    const statuses = [];
    for (let i = 0; i < calls; i++) statuses.push(await call());
    agent.destroy();
    parentPort.postMessage(statuses);
  })();
`;

describe('the listener', () => {
  it('takes a request that comes while it is not yet told that the answer before it was sent', async () => {
    const authority = await makeAuthority('test authority', systemClock, systemRandom);
    const { keyPem: key, certificatePem: certificate } = await authority.issue(
      { role: 'quota', name: 'quota' },
      ['127.0.0.1'],
    );
    const tls = { key, certificate, authority: authority.certificatePem };
    const listener = makeListener(
      { tls, limits: defaultLimits },
      (request, response) => {
        request.resume().on('end', () =>
          setImmediate(() => {
            response.end(Buffer.alloc(100_000));
            // Until the caller has the answer, and has sent all of the next request.
            const untilMs = performance.now() + 10;
            while (performance.now() < untilMs);
          }),
        );
      },
      new HttpMetrics('quota'),
    );
    await new Promise<void>((resolve) => {
      listener.listen(0, '127.0.0.1', resolve);
    });
    const worker = new Worker(caller, {
      eval: true,
      workerData: {
        tls: { key, cert: certificate, ca: authority.certificatePem },
        port: (listener.address() as AddressInfo).port,
        calls: 40,
        size: 400_000,
      },
    });
    const statuses = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    await worker.terminate();
    await new Promise((resolve) => {
      listener.close(resolve);
    });
    expect(statuses).toEqual(Array.from({ length: 40 }, () => 200));
  });
});
