/**
 * PKCS#11 URIs (RFC 7512): how a token and its keys are named in a configuration, whatever slot the token is in today.
 *
 * ```
 * pkcs11:token=ringmint-issuance;serial=8c1e;object=signing;type=private?module-path=/usr/lib/libsofthsm2.so&pin-source=file:/run/pin
 *        ╰─ path: which token, which object; attributes joined by `;` ─╯ ╰─ query: how to get there; joined by `&` ─────────────╯
 * ```
 */
import { SignerError } from './signer.ts';

const objectTypes = ['public', 'private', 'cert', 'secret-key', 'data'] as const;
export type ObjectType = (typeof objectTypes)[number];

/** What of a URI Ringmint uses; every attribute may be left out, and then matches any value. */
export interface Pkcs11Uri {
  /** CK_TOKEN_INFO, without the blanks that pad it. */
  readonly token?: string;
  readonly serial?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  /** CKA_LABEL. */
  readonly object?: string;
  readonly type?: ObjectType;
  /** CKA_ID. */
  readonly id?: Uint8Array;
  readonly slotId?: number;
  /** Of the module's own description. */
  readonly libraryManufacturer?: string;
  readonly libraryDescription?: string;
  /** `2.6`, or `2`, which is 2.0. */
  readonly libraryVersion?: string;
  readonly slotManufacturer?: string;
  readonly slotDescription?: string;
  /** Path of the module. */
  readonly modulePath?: string;
  /** Where the PIN comes from: see pin-source.ts. */
  readonly pinSource?: string;
}

type TextAttribute = Exclude<keyof Pkcs11Uri, 'type' | 'id' | 'slotId'>;

const pathText: Readonly<Record<string, TextAttribute>> = {
  token: 'token',
  serial: 'serial',
  manufacturer: 'manufacturer',
  model: 'model',
  object: 'object',
  'library-manufacturer': 'libraryManufacturer',
  'library-description': 'libraryDescription',
  'library-version': 'libraryVersion',
  'slot-manufacturer': 'slotManufacturer',
  'slot-description': 'slotDescription',
};
const queryText: Readonly<Record<string, TextAttribute>> = {
  'module-path': 'modulePath',
  'pin-source': 'pinSource',
};

/** `unreserved` of RFC 3986, and what RFC 7512 §2.3 lets stand in a path or a query as it is. */
const pathCharacters = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*$/;
const queryCharacters = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*$/;

/**
 * Reads a URI. Throws `uri_malformed`, which names the attribute. An attribute that RFC 7512 does not know is refused and not
 * skipped, for it may be a known one misspelt, and then more objects would match than were meant. `pin-value` is refused: a
 * PIN does not belong into what is stored, shown and logged.
 *
 * @example
 * const uri = parsePkcs11Uri('pkcs11:token=ringmint-issuance;object=signing?pin-source=file:/run/pin');
 */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  const [, rest] = /^pkcs11:(.*)$/s.exec(text) ?? [];
  if (rest === undefined) throw malformed(text, 'a URI that begins with `pkcs11:` is accepted');
  const question = rest.indexOf('?');
  const path = question < 0 ? rest : rest.slice(0, question);
  const query = question < 0 ? '' : rest.slice(question + 1);
  const uri: { -readonly [key in keyof Pkcs11Uri]: Pkcs11Uri[key] } = {};
  for (const [name, value] of attributes(text, path, ';', pathCharacters)) {
    const key = pathText[name];
    if (key !== undefined) {
      uri[key] = textOf(text, name, value);
    } else if (name === 'type') {
      const type = objectTypes.find((known) => known === value);
      if (type === undefined) throw malformed(text, `\`type\` is one of ${objectTypes.join(', ')}`);
      uri.type = type;
    } else if (name === 'id') {
      uri.id = new Uint8Array(bytesOf(value));
    } else if (name === 'slot-id') {
      if (!/^\d{1,15}$/.test(value)) throw malformed(text, '`slot-id` is a whole number');
      uri.slotId = Number(value);
    } else {
      throw malformed(
        text,
        `\`${name}\` is no attribute of its path: ${[...Object.keys(pathText), 'type', 'id', 'slot-id'].join(', ')} are accepted`,
      );
    }
  }
  if (uri.libraryVersion !== undefined && !/^\d{1,3}(?:\.\d{1,3})?$/.test(uri.libraryVersion))
    throw malformed(text, '`library-version` is such as 2.6');
  for (const [name, value] of attributes(text, query, '&', queryCharacters)) {
    const key = queryText[name];
    if (name === 'pin-value')
      throw malformed(hidePin(text), 'a PIN does not belong into a URI: `pin-source` says where it is kept');
    if (key === undefined)
      throw malformed(
        text,
        `\`${name}\` is no attribute of its query: ${Object.keys(queryText).join(', ')} are accepted`,
      );
    uri[key] = textOf(text, name, value);
  }
  return uri;
}

/** The URI, with its attributes in the order of the RFC's table, and everything encoded that has to be. */
export function formatPkcs11Uri(uri: Pkcs11Uri): string {
  const path: string[] = [];
  for (const [name, key] of Object.entries(pathText)) {
    const value = uri[key];
    if (value !== undefined) path.push(`${name}=${encode(value, pathCharacters)}`);
  }
  if (uri.id !== undefined)
    path.push(
      `id=${[...uri.id].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')}`,
    );
  if (uri.slotId !== undefined) path.push(`slot-id=${uri.slotId}`);
  if (uri.type !== undefined) path.push(`type=${uri.type}`);
  const query: string[] = [];
  for (const [name, key] of Object.entries(queryText)) {
    const value = uri[key];
    if (value !== undefined) query.push(`${name}=${encode(value, queryCharacters)}`);
  }
  return `pkcs11:${path.join(';')}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

/** What a token says of itself, without the blanks that pad it. */
export interface TokenDescription {
  readonly label: string;
  readonly serial: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly slotId: number;
}

/** Whether the URI names this token; an attribute that it does not have matches any (RFC 7512 §2.5). */
export function namesToken(uri: Pkcs11Uri, token: TokenDescription): boolean {
  return (
    (uri.token ?? token.label) === token.label &&
    (uri.serial ?? token.serial) === token.serial &&
    (uri.manufacturer ?? token.manufacturer) === token.manufacturer &&
    (uri.model ?? token.model) === token.model &&
    (uri.slotId ?? token.slotId) === token.slotId
  );
}

function* attributes(
  uri: string,
  part: string,
  separator: string,
  characters: RegExp,
): Generator<readonly [string, string]> {
  if (part === '') return;
  const seen = new Set<string>();
  for (const pair of part.split(separator)) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (equals < 0 || name === '')
      throw malformed(uri, `\`${pair}\` is no attribute: NAME=VALUE is accepted`);
    if (seen.has(name)) throw malformed(uri, `\`${name}\` is there twice: once is accepted`);
    seen.add(name);
    const value = pair.slice(equals + 1);
    if (!characters.test(value))
      throw malformed(uri, `\`${name}\` has a character that is written as %xx in a URI`);
    yield [name, value];
  }
}

function bytesOf(value: string): Buffer {
  const bytes: Buffer[] = [];
  for (const [, hex, plain] of value.matchAll(/%([0-9A-Fa-f]{2})|([^%]+)/g))
    bytes.push(hex === undefined ? Buffer.from(plain ?? '', 'utf8') : Buffer.from(hex, 'hex'));
  return Buffer.concat(bytes);
}

function textOf(uri: string, name: string, value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(value));
  } catch {
    throw malformed(uri, `\`${name}\` is not UTF-8`);
  }
}

function encode(value: string, characters: RegExp): string {
  let encoded = '';
  for (const character of value) {
    // A percent sign alone does not match, and `&` may stand in a path, where it separates nothing.
    encoded += characters.test(character)
      ? character
      : [...Buffer.from(character, 'utf8')]
          .map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`)
          .join('');
  }
  return encoded;
}

function hidePin(uri: string): string {
  return uri.replace(/pin-value=[^&]*/g, 'pin-value=…');
}

function malformed(uri: string, accepted: string): SignerError {
  return new SignerError('uri_malformed', `\`${hidePin(uri)}\` cannot be used: ${accepted}`);
}
