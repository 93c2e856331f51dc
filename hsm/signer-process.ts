/** Entry point of a signer process: answers calls from its parent over IPC, and ends when the parent does. */
import process from 'node:process';
import type { Call, CallMessage, OpenedToken, Reply } from './messages.ts';
import { signerError, Token } from './pkcs11.ts';
import { provision } from './provisioning.ts';
import { SignerError } from './signer.ts';

let token: Token | undefined;

async function answer(call: Call): Promise<unknown> {
  switch (call.name) {
    case 'provision':
      return provision(call.token, call.soPinFile, call.keys);
    case 'open': {
      token = new Token(call.token, { signing: call.signing, agreement: call.agreement }, call.sessions);
      return { signing: token.signingPoint, agreement: token.agreementPoint } satisfies OpenedToken;
    }
    case 'sign':
      return openToken().sign(call.digest);
    case 'derive':
      return openToken().derive(call.peerPoint);
  }
}

function openToken(): Token {
  if (token === undefined) throw new SignerError('signer_closed', 'the token is not open');
  return token;
}

process.on('message', (message: CallMessage) => {
  answer(message.call).then(
    (value) => reply({ id: message.id, ok: true, value }),
    (thrown: unknown) => {
      const { error, recovery } = signerError(thrown);
      const { code, message: text, ckr } = error;
      reply({ id: message.id, ok: false, error: { code, message: text, ckr, fatal: recovery === 'process' } });
    },
  );
});

function reply(message: Reply): void {
  // The parent may have gone in the meantime; `disconnect` then ends this process.
  if (process.connected) process.send?.(message);
}

process.on('disconnect', () => {
  token?.close();
  process.exit(0);
});

// Ctrl-C goes to the whole group of processes: the parent drains first, then disconnects.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
