/** Who is at the other end of a mutually authenticated connection, read off its certificate. */
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';

export type PeerRole = 'central' | 'issuance' | 'quota' | 'operator';

export interface Peer {
  readonly role: PeerRole;
  /** The issuer's name for issuance, the role's own name for the others. */
  readonly name: string;
}

/** The subject alternative name (RFC 5280 §4.2.1.6) of a Ringmint certificate: `urn:ringmint:issuance:demo-issuer`. */
export function peerUri(peer: Peer): string {
  return `urn:ringmint:${peer.role}:${peer.name}`;
}

const uriPattern = /^URI:urn:ringmint:(central|issuance|quota|operator):([a-z0-9-]{1,64})$/;

/** The peer of `request`, or `undefined` where the certificate is not one that `ringmint init` made. */
export function peerOf(request: FastifyRequest): Peer | undefined {
  const socket = request.raw.socket as TLSSocket;
  if (!socket.authorized) return undefined;
  for (const name of (socket.getPeerCertificate().subjectaltname ?? '').split(', ')) {
    const match = uriPattern.exec(name);
    if (match?.[1] !== undefined && match[2] !== undefined)
      return { role: match[1] as PeerRole, name: match[2] };
  }
  return undefined;
}
