/** The OpenAPI documents: valid by a validator of others, the same as in git, and whole. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const folder = join(import.meta.dirname, '../../docs/openapi');
const documentOf = (role: string): Document =>
  JSON.parse(readFileSync(join(folder, `${role}.json`), 'utf8')) as Document;

describe.each(['central', 'issuance', 'quota'])('the document of %s', (role) => {
  const document = documentOf(role);
  const operations = Object.values(document.paths).flatMap((item) => Object.entries(item));

  it('is valid as OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate({ ...structuredClone(document) })).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    // The validator can say no.
    const broken = structuredClone(document) as unknown as {
      paths: Record<string, Record<string, { responses: unknown }>>;
    };
    const status = broken.paths['/status']?.['get'];
    if (status !== undefined) status.responses = { '200': { content: {} } };
    expect(await validator.validate(broken)).toMatchObject({ valid: false });
  });

  it('names for each operation its id, its roles, and problems of every kind', () => {
    expect(operations.length).toBeGreaterThan(6);
    expect(new Set(operations.map(([, { operationId }]) => operationId)).size).toBe(operations.length);
    for (const [method, { operationId, summary, security, requestBody, responses }] of operations) {
      expect(operationId).toMatch(/^[a-z][A-Za-z]+$/);
      expect(summary.length, operationId).toBeGreaterThan(5);
      expect(security.length, operationId).toBeGreaterThan(0);
      for (const scheme of security) expect(Object.keys(scheme)).toEqual(['mutualTLS']);
      expect(requestBody !== undefined, operationId).toBe(method === 'post');
      const expected = ['200', '400', '403', '408', '429', '431', '500', '503'];
      expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(expected));
      for (const [status, { content }] of Object.entries(responses)) {
        if (status === '304') expect(content, operationId).toBeUndefined();
        else if (status !== '200') expect(Object.keys(content ?? {})).toEqual(['application/problem+json']);
      }
    }
  });

  it('is of the version that is in package.json', () => {
    const { version } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8')) as {
      version: string;
    };
    expect([document.openapi, document.info.version]).toEqual(['3.1.1', version]);
  });
});
