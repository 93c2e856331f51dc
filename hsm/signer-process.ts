/** Entry point of a signer process: answers calls from its parent over IPC, and ends when the parent does. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import type { Call, CallMessage, Reply } from './messages.ts';
import { openModule, signerError } from './module.ts';
import { readPin } from './pin-source.ts';
import { generate, provision } from './provisioning.ts';
import { SignerError } from './signer.ts';
import { Token } from './token.ts';

let token: Token | undefined;

/** Where a PIN that was typed comes in; it is read once and kept, for the token may have to be opened again. */
const pinChannel = 4;
let typed: string | undefined;

const surroundings = {
  environment: process.env,
  ask: () => (typed ??= readFileSync(pinChannel, 'utf8')),
};

async function answer(call: Call): Promise<unknown> {
  switch (call.name) {
    case 'provision':
      return provision(call.token, call.soPin, call.keys, (source) => readPin(source, surroundings));
    case 'generate':
      return generate(call.token, call.key, (source) => readPin(source, surroundings));
    case 'open': {
      const { token: address, signing, agreement, sessions } = call;
      const options = {
        address,
        keys: { signing, agreement },
        sessions,
        readPin: () => readPin(address.pin, surroundings),
      };
      token = await openModule(
        address.module,
        address.libraryParameters,
        (module) => new Token(module, options),
      );
      return token.opened;
    }
    case 'sign':
      return openToken().sign(call.input);
    case 'audit':
      return openToken().audit();
    case 'derive':
      return openToken().derive(call.peerPoint);
    case 'read-anchor':
      return openToken().readAnchor(call.anchor);
    case 'advance-anchor':
      return openToken().advanceAnchor(call.anchor, call.from, call.to);
  }
}

function openToken(): Token {
  if (token === undefined) throw new SignerError('signer_closed', 'the token is not open');
  return token;
}

process.on('message', (messages: readonly CallMessage[]) => {
  for (const { id, call } of messages) {
    answer(call).then(
      (value) => reply({ id, ok: true, value }),
      (thrown: unknown) => {
        const { error, recovery } = signerError(thrown);
        const { code, message, ckr } = error;
        const fatal = recovery === 'replace' || token?.isBroken === true;
        reply({ id, ok: false, error: { code, message, ckr, fatal } });
      },
    );
  }
});

const replies: Reply[] = [];

function reply(message: Reply): void {
  replies.push(message);
  if (replies.length === 1) setImmediate(flush);
}

/** Sends what came about in this turn of the event loop. */
function flush(): void {
  const sent = replies.splice(0);
  // The parent may have gone in the meantime; `disconnect` then ends this process. Without a callback, a broken
  // pipe would be an unhandled `error` event.
  if (process.connected) process.send?.(sent, undefined, undefined, () => undefined);
}

process.on('disconnect', end);
// The parent may have gone while this file was loading.
if (!process.connected) end();

function end(): void {
  // With an operation on a native thread nothing orderly is left to do: exit handlers would free what it uses.
  if (token?.close() === false) process.kill(process.pid, 'SIGKILL');
  process.exit(0);
}

// `disconnect` is not heard while a module hangs in a call on this thread; a thread of its own sees the parent go. It leaves this one
// time to end by itself: see SignerChild.kill.
new Worker(
  `const { ppid } = process;
  const watch = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(watch);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2_000);
  }, 500);`,
  { eval: true, execArgv: [], env: {} },
).unref();

// Ctrl-C goes to the whole group of processes: the parent drains first, then disconnects.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
