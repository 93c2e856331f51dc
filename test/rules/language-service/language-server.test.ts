/** The server as an editor has it: a process, spoken to over its standard input and output. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { shownModule } from '../language/module-text.ts';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** An editor that waits for what it is told. */
class Editor {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  errors = '';
  #buffer = Buffer.alloc(0);
  #messages: Message[] = [];
  #waiting: (() => void)[] = [];
  #id = 0;

  constructor() {
    this.process = spawn(process.execPath, [
      '--import',
      'tsx',
      'src/main.ts',
      'rules',
      'language-server',
      '--stdio',
    ]);
    this.process.stdout.on('data', (data: Buffer) => this.#take(data));
    this.process.stderr.on('data', (data: Buffer) => {
      this.errors += data.toString();
    });
    // What is written to a server that has ended.
    this.process.stdin.on('error', (error) => {
      this.errors += error.message;
    });
    this.ended = new Promise((resolve) => this.process.on('close', resolve));
  }

  #take(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end === -1) break;
      const length = Number(/Content-Length: (\d+)/.exec(this.#buffer.subarray(0, end).toString())?.[1]);
      if (this.#buffer.length < end + 4 + length) break;
      this.#messages.push(JSON.parse(this.#buffer.subarray(end + 4, end + 4 + length).toString()) as Message);
      this.#buffer = this.#buffer.subarray(end + 4 + length);
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }

  send(message: object): void {
    this.sendBody(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  sendBody(body: string): void {
    this.process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  async receive(isWanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const at = this.#messages.findIndex(isWanted);
      const [found] = at === -1 ? [] : this.#messages.splice(at, 1);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async ask(method: string, params: object | null): Promise<Message> {
    const id = ++this.#id;
    this.send({ id, method, ...(params === null ? {} : { params }) });
    return this.receive((message) => message.id === id);
  }

  async start(): Promise<Message> {
    const answer = await this.ask('initialize', { processId: null, rootUri: null, capabilities: {} });
    this.send({ method: 'initialized', params: {} });
    return answer;
  }

  open(text: string): void {
    this.send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'ringmint-rules', version: 1, text } },
    });
  }

  async diagnostics(): Promise<
    readonly { readonly code: string; readonly range: object; readonly message: string }[]
  > {
    const { params } = await this.receive(({ method }) => method === 'textDocument/publishDiagnostics');
    return (params as { diagnostics: { code: string; range: object; message: string }[] }).diagnostics;
  }

  async stop(): Promise<number | null> {
    await this.ask('shutdown', null);
    this.send({ method: 'exit' });
    return this.ended;
  }
}

const uri = 'file:///a.rules';
let editor: Editor;
afterEach(() => {
  editor.process.kill();
});

/** Where the first `text` is in `whole`, and `more` columns behind. */
function positionOf(
  whole: string,
  text: string,
  more = 0,
): { readonly line: number; readonly character: number } {
  const lines = whole.slice(0, whole.indexOf(text)).split('\n');
  return { line: lines.length - 1, character: (lines.at(-1)?.length ?? 0) + more };
}

describe('the language server', () => {
  it('serves an editor from initialize to exit', async () => {
    editor = new Editor();
    const { result } = await editor.start();
    expect(result).toMatchObject({
      capabilities: { hoverProvider: true, definitionProvider: true, documentFormattingProvider: true },
    });
    editor.open(shownModule);
    expect(await editor.diagnostics()).toEqual([]);
    const textDocument = { uri };

    const hover = await editor.ask('textDocument/hover', {
      textDocument,
      position: positionOf(shownModule, 'on today', 4),
    });
    expect(hover.result).toMatchObject({
      contents: { kind: 'markdown', value: expect.stringContaining('let today : money<USD>') as string },
      range: { start: positionOf(shownModule, 'on today', 3), end: positionOf(shownModule, 'on today', 8) },
    });

    const definition = await editor.ask('textDocument/definition', {
      textDocument,
      position: positionOf(shownModule, 'on today', 4),
    });
    expect(definition.result).toMatchObject({
      uri,
      range: { start: positionOf(shownModule, 'let today', 4) },
    });

    const symbols = await editor.ask('textDocument/documentSymbol', { textDocument });
    expect((symbols.result as { name: string }[]).map(({ name }) => name)).toContain('sanctions');

    const formatting = await editor.ask('textDocument/formatting', {
      textDocument,
      options: { tabSize: 2, insertSpaces: true },
    });
    expect((formatting.result as { newText: string }[])[0]?.newText).toContain('given {\n  tx.time:');

    // A word is begun, and one goes wrong.
    const end = positionOf(shownModule, 'given {');
    editor.send({
      method: 'textDocument/didChange',
      params: {
        textDocument: { uri, version: 2 },
        contentChanges: [{ range: { start: end, end }, text: 'rule next contrl party\n  DENY when tx.ti\n' }],
      },
    });
    const [fault] = await editor.diagnostics();
    expect(fault).toMatchObject({
      code: 'word_unknown',
      message: '`contrl`: did you mean `control`?',
      range: { start: { line: end.line, character: 10 }, end: { line: end.line, character: 16 } },
    });
    const completion = await editor.ask('textDocument/completion', {
      textDocument,
      position: { line: end.line + 1, character: 17 },
    });
    expect(completion.result).toContainEqual(
      expect.objectContaining({
        label: 'tier',
        textEdit: {
          newText: 'tier',
          range: { start: { line: end.line + 1, character: 15 }, end: { line: end.line + 1, character: 17 } },
        },
      }),
    );
    editor.send({ method: 'textDocument/didClose', params: { textDocument } });
    expect(await editor.diagnostics()).toEqual([]);
    expect(await editor.stop()).toBe(0);
    expect(editor.errors).toBe('');
  });

  it('goes on after what it does not understand', async () => {
    editor = new Editor();
    await editor.start();
    editor.sendBody('{ no JSON');
    editor.sendBody('[]');
    editor.sendBody('null');
    editor.sendBody('{"jsonrpc":"2.0"}');
    expect((await editor.ask('textDocument/unknown', {})).error?.code).toBe(-32601);
    const missing = { textDocument: { uri: 'file:///missing' }, position: { line: 0, character: 0 } };
    expect((await editor.ask('textDocument/hover', missing)).result).toBeNull();
    expect((await editor.ask('textDocument/hover', { position: 3 })).error).toBeDefined();
    editor.open('\u0000((((\ud800 rule\n\nmodule');
    expect((await editor.diagnostics()).map(({ code }) => code)).toContain('character_forbidden');
    const far = { textDocument: { uri }, position: { line: 99_999, character: 99_999 } };
    expect((await editor.ask('textDocument/definition', far)).result).toBeNull();
    expect(await editor.stop()).toBe(0);
    expect(editor.errors).not.toMatch(/\bat .*:\d+:\d+/);
  });

  it('ends with 2, and says why, where the client goes or does not speak the protocol', async () => {
    editor = new Editor();
    await editor.start();
    editor.process.stdin.end();
    expect(await editor.ended).toBe(2);
    expect(editor.errors).toContain('the end came before `shutdown`');

    editor = new Editor();
    editor.process.stdin.write('GET / HTTP/1.1\r\nno header\r\n\r\n');
    expect(await editor.ended).toBe(2);
    expect(editor.errors).toMatch(/^ringmint: not of the protocol \(.*\[usage\]\n$/);
  });
});
