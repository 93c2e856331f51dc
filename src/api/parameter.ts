/** Refusals of parameters and headers: which one, what it was, and what its schema would accept. */
import type { FastifyRequest } from 'fastify';
import { quote, type Refusal, refuse } from '../kit/result.ts';

/** What the validator says of one fault; the first is the one that is told. */
export interface ValidationFault {
  readonly instancePath: string;
  readonly params: {
    readonly additionalProperties?: readonly string[];
    readonly requiredProperties?: readonly string[];
  };
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly description?: string;
}

export function parameterRefusal(
  request: FastifyRequest,
  context: string | undefined,
  [first]: readonly ValidationFault[],
): Refusal<'parameter_invalid'> {
  const inHeaders = context === 'headers';
  const schema = (
    inHeaders ? request.routeOptions.schema?.headers : request.routeOptions.schema?.querystring
  ) as Schema | undefined;
  const given = (inHeaders ? request.headers : request.query) as Readonly<Record<string, unknown>>;
  const known = Object.keys(schema?.properties ?? {});
  // The validator names a parameter that there is none of by its path as well.
  const name =
    first?.params.additionalProperties?.[0] ??
    (first?.instancePath.slice(1) || first?.params.requiredProperties?.[0]) ??
    '';
  const what = inHeaders ? 'header' : 'parameter';
  const one = schema?.properties?.[name];
  if (one === undefined) {
    const accepted =
      known.length === 0
        ? 'none is accepted here'
        : `${known.map((other) => `\`${other}\``).join(', ')} are accepted`;
    return refuse('parameter_invalid', `${what} ${quote(name)} is not known: ${accepted}`, name);
  }
  return refuse(
    'parameter_invalid',
    `${what} ${quote(name)} is ${quote(given[name])}: ${accepts(one)} is accepted`,
    name,
  );
}

function accepts({ anyOf, type, minimum, maximum, pattern, maxLength, description }: Schema): string {
  if (anyOf !== undefined) return anyOf.map((one) => `\`${String(one.const)}\``).join(' or ');
  if (type === 'integer') {
    const from = minimum === undefined ? '' : ` from ${minimum}`;
    return `a whole number${from}${maximum === undefined ? '' : ` to ${maximum}`}`;
  }
  const form =
    pattern === undefined
      ? `text of at most ${maxLength ?? 0} characters`
      : `text that matches \`${pattern}\``;
  return description === undefined ? form : `${form} (${description})`;
}
