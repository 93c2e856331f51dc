/**
 * The certificates of mutual TLS between the systems: one authority, one certificate a holder, named by
 * a `urn:ringmint:` subject alternative name. They protect the transport; the records protect the money.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Peer, peerUri } from '../api/peer.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';

cryptoProvider.set(webcrypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** Ten years: `ringmint init` makes them once, and key rotation is the operators' to plan. */
const lifetimeMs = 3650 * dayMs;

export interface Certificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface Authority extends Certificate {
  /** Makes the key and the certificate of `peer`, good for `hosts` as a server and for anyone as a client. */
  issue(peer: Peer, hosts: readonly string[]): Promise<Certificate>;
}

/** Makes a new TLS authority (RFC 5280) with a P-256 key. */
export async function makeAuthority(name: string, clock: Clock, random: RandomBytes): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const issuer = `CN=${name}`;
  const validity = {
    // A day back, so that a system whose clock is behind can start.
    notBefore: new Date(clock.nowMs() - dayMs),
    notAfter: new Date(clock.nowMs() + lifetimeMs),
  };
  const authority = await X509CertificateGenerator.create({
    serialNumber: serialNumber(random),
    subject: issuer,
    issuer,
    ...validity,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });

  return {
    certificatePem: authority.toString('pem'),
    keyPem: await privateKeyPem(keys.privateKey),
    async issue(peer, hosts) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const certificate = await X509CertificateGenerator.create({
        serialNumber: serialNumber(random),
        subject: `CN=${peer.name}`,
        issuer,
        ...validity,
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension([
            { type: 'url', value: peerUri(peer) },
            ...hosts.map((host) => ({
              type: /^[\d.]+$|:/.test(host) ? ('ip' as const) : ('dns' as const),
              value: host,
            })),
          ]),
        ],
      });
      return { certificatePem: certificate.toString('pem'), keyPem: await privateKeyPem(own.privateKey) };
    },
  };
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** 16 random bytes with the top bits 01: positive and of one length (RFC 5280 §4.1.2.2). */
function serialNumber(random: RandomBytes): string {
  const bytes = random(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return toHex(bytes);
}
