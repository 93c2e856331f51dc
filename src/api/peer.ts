/** Who is at the other end of a mutually authenticated connection, read off its certificate. */
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';

export const peerRoles = ['central', 'issuance', 'quota', 'operator'] as const;

export type PeerRole = (typeof peerRoles)[number];

export interface Peer {
  readonly role: PeerRole;
  /** The issuer's name for issuance, the role's own name for the others. */
  readonly name: string;
}

export interface Identity {
  /** `undefined` where the certificate is not one that `ringmint init` made. */
  readonly peer: Peer | undefined;
  /** What limits are counted by: the peer's name, or the certificate's fingerprint. */
  readonly key: string;
}

/** The subject alternative name (RFC 5280 §4.2.1.6) of a Ringmint certificate: `urn:ringmint:issuance:demo-issuer`. */
export function peerUri(peer: Peer): string {
  return `urn:ringmint:${peer.role}:${peer.name}`;
}

const uriPattern = /^URI:urn:ringmint:(central|issuance|quota|operator):([a-z0-9-]{1,64})$/;

/** A connection has one certificate for as long as it lasts. */
const identities = new WeakMap<TLSSocket, Identity>();

export function identityOf(socket: TLSSocket): Identity {
  let identity = identities.get(socket);
  if (identity === undefined) {
    identity = readIdentity(socket);
    identities.set(socket, identity);
  }
  return identity;
}

function readIdentity(socket: TLSSocket): Identity {
  const certificate = socket.getPeerCertificate();
  // Without a certificate that the authority signed there is no connection; this holds where that is configured otherwise.
  if (!socket.authorized) return { peer: undefined, key: '' };
  for (const name of (certificate.subjectaltname ?? '').split(', ')) {
    const match = uriPattern.exec(name);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      const peer = { role: match[1] as PeerRole, name: match[2] };
      return { peer, key: peerUri(peer) };
    }
  }
  return { peer: undefined, key: certificate.fingerprint256 };
}

export function identityOfRequest(request: FastifyRequest): Identity {
  return identityOf(request.raw.socket as TLSSocket);
}
