/** PKCS#11 URIs: the examples of RFC 7512 §3, round trips, and everything that is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPkcs11Uri, namesToken, type Pkcs11Uri, parsePkcs11Uri } from '../../hsm/pkcs11-uri.ts';

const snakeOil = 'Snake Oil, Inc.';

describe('a PKCS#11 URI', () => {
  it.each<[string, Pkcs11Uri]>([
    ['pkcs11:', {}],
    ['pkcs11:object=my-pubkey;type=public', { object: 'my-pubkey', type: 'public' }],
    [
      'pkcs11:object=my-key;type=private?pin-source=file:/etc/token',
      { object: 'my-key', type: 'private', pinSource: 'file:/etc/token' },
    ],
    [
      'pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin',
      {
        token: 'The Software PKCS#11 Softtoken',
        manufacturer: snakeOil,
        model: '1.0',
        object: 'my-certificate',
        type: 'cert',
        id: Uint8Array.of(0x69, 0x95, 0x3e, 0x5c, 0xf4, 0xbd, 0xec, 0x91),
        serial: '',
        pinSource: 'file:/etc/token_pin',
      },
    ],
    [
      'pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1',
      { object: 'my-sign-key', type: 'private', modulePath: '/mnt/libmypkcs11.so.1' },
    ],
    ['pkcs11:slot-description=Sun%20Metaslot', { slotDescription: 'Sun Metaslot' }],
    [
      'pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23',
      {
        libraryManufacturer: snakeOil,
        libraryDescription: 'Soft Token Library',
        libraryVersion: '1.23',
      },
    ],
    [
      'pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06',
      {
        token: 'My token% created by Joe',
        libraryVersion: '3',
        id: Uint8Array.of(1, 2, 3, 0xba, 0xdd, 0xca, 0xfe, 4, 5, 6),
      },
    ],
    [
      'pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert',
      { token: 'Name with a small A with acute: á', object: 'my-certificate', type: 'cert' },
    ],
    [
      'pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert',
      { token: 'A name with a substring %;', object: 'my-certificate', type: 'cert' },
    ],
    ['pkcs11:slot-id=327', { slotId: 327 }],
  ])('is read as RFC 7512 §3 has it: %s', (text, uri) => {
    expect(parsePkcs11Uri(text)).toEqual(uri);
    expect(parsePkcs11Uri(formatPkcs11Uri(uri))).toEqual(uri);
  });

  it('is the same after a round trip, whatever is in it', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 24 });
    const uri = fc.record(
      {
        token: text,
        serial: text,
        manufacturer: text,
        model: text,
        object: text,
        type: fc.constantFrom('public', 'private', 'cert', 'secret-key', 'data'),
        id: fc.uint8Array({ maxLength: 12 }),
        slotId: fc.nat(),
        slotDescription: text,
        slotManufacturer: text,
        libraryManufacturer: text,
        libraryDescription: text,
        libraryVersion: fc.constantFrom('2', '2.40', '0.0', '255.255'),
        modulePath: text,
        pinSource: text,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(uri, (one) => {
        expect(parsePkcs11Uri(formatPkcs11Uri(one as Pkcs11Uri))).toEqual({ ...one });
      }),
    );
  });

  it.each([
    ['https://example.org/', 'begins with `pkcs11:`'],
    ['pkcs11:token', 'NAME=VALUE'],
    ['pkcs11:=x', 'NAME=VALUE'],
    ['pkcs11:token=a;', 'NAME=VALUE'],
    ['pkcs11:token=a;token=b', '`token` is there twice'],
    ['pkcs11:tokn=a', '`tokn` is no attribute of its path: token, serial'],
    ['pkcs11:token=a b', '`token` has a character that is written as %xx'],
    ['pkcs11:token=%4', '`token` has a character that is written as %xx'],
    ['pkcs11:token=%FF%FE', '`token` is not UTF-8'],
    ['pkcs11:type=key', '`type` is one of public, private'],
    ['pkcs11:slot-id=one', '`slot-id` is a whole number'],
    ['pkcs11:library-version=2.x', '`library-version` is such as 2.6'],
    [
      'pkcs11:object=a?module-name=softhsm',
      '`module-name` is no attribute of its query: module-path, pin-source',
    ],
    ['pkcs11:object=a?pin-source=file:/a;b', '`pin-source` has a character that is written as %xx'],
  ])('is refused where it is %s', (text, why) => {
    expect(() => parsePkcs11Uri(text)).toThrow(expect.objectContaining({ code: 'uri_malformed' }));
    expect(() => parsePkcs11Uri(text)).toThrow(why);
  });

  it('never shows a PIN that was put into it', () => {
    const read = (): unknown => parsePkcs11Uri('pkcs11:token=a?pin-value=4711&module-path=/x');
    expect(read).toThrow('a PIN does not belong into a URI');
    expect(read).not.toThrow('4711');
  });

  it('names the tokens that have what it says, and any where it says nothing', () => {
    const token = {
      label: 'a token',
      serial: '8c1e',
      manufacturer: 'SoftHSM project',
      model: 'v2',
      slotId: 4,
    };
    const names = (text: string): boolean => namesToken(parsePkcs11Uri(text), token);
    expect(names('pkcs11:')).toBe(true);
    expect(names('pkcs11:token=a%20token;serial=8c1e;slot-id=4;model=v2')).toBe(true);
    expect(names('pkcs11:token=a%20token;serial=8c1f')).toBe(false);
    expect(names('pkcs11:token=A%20token')).toBe(false);
    expect(names('pkcs11:serial=')).toBe(false);
    expect(names('pkcs11:slot-id=5')).toBe(false);
    expect(names('pkcs11:manufacturer=SoftHSM')).toBe(false);
  });
});
