/**
 * `ringmint rules language-server`: the Language Server Protocol over standard input and output. What is answered is
 * src/rules/language-service/'s; here are only places turned from offsets to lines and back.
 */
import { Readable, Writable } from 'node:stream';
import {
  type CompletionItem,
  CompletionItemKind,
  createConnection,
  type Diagnostic,
  DiagnosticSeverity,
  type DocumentSymbol,
  type InitializeResult,
  MarkupKind,
  type Range,
  SymbolKind,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver';
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { quote } from '../../kit/result.ts';
import { checkModule } from '../../rules/checker/check-module.ts';
import { formatModule } from '../../rules/language/format.ts';
import type { Span } from '../../rules/language/syntax.ts';
import type { DeclarationKind } from '../../rules/language/words.ts';
import { completeAt, type Offer } from '../../rules/language-service/completion.ts';
import { describeAt, findDefinition } from '../../rules/language-service/hover.ts';
import { outlineOf } from '../../rules/language-service/outline.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import type { Streams } from '../terminal.ts';
import type { StandardInput } from '../vm/standard-input.ts';

const itemKinds: Readonly<Record<Offer['kind'], CompletionItemKind>> = {
  word: CompletionItemKind.Keyword,
  function: CompletionItemKind.Function,
  field: CompletionItemKind.Field,
  name: CompletionItemKind.Variable,
  choice: CompletionItemKind.EnumMember,
};

const symbolKinds: Readonly<Record<DeclarationKind, SymbolKind>> = {
  module: SymbolKind.Module,
  list: SymbolKind.Array,
  feed: SymbolKind.Event,
  param: SymbolKind.Constant,
  window: SymbolKind.Struct,
  let: SymbolKind.Variable,
  control: SymbolKind.Interface,
  rule: SymbolKind.Function,
  given: SymbolKind.Object,
  test: SymbolKind.Method,
  property: SymbolKind.Property,
};

/**
 * Serves until the client says `exit`, or standard input ends. Gives 0 where `shutdown` came before that, and 2 where it did not, or where
 * what came was no message of the protocol.
 */
export async function runLanguageServer(streams: Streams, stdin: StandardInput): Promise<ExitCode> {
  const chunks = stdin.chunks();
  // One that is a stream itself can be closed while it waits for more.
  const input = chunks instanceof Readable ? chunks : Readable.from(chunks, { objectMode: false });
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      streams.out(chunk.toString('utf8'));
      done();
    },
  });
  const reader = new StreamMessageReader(input);
  const writer = new StreamMessageWriter(output);
  const end = await new Promise<{ readonly shutdown: boolean; readonly fault?: string }>((resolve) => {
    const watchDog = {
      shutdownReceived: false,
      initialize: () => undefined,
      exit: () => resolve({ shutdown: watchDog.shutdownReceived }),
    };
    reader.onError((error) => {
      // Of a body that is no JSON the end is known, so that the next message can be read.
      if (error instanceof SyntaxError) streams.error(`ringmint: a message that is no JSON was left out\n`);
      else resolve({ shutdown: false, fault: error.message.split('\n')[0] ?? '' });
    });
    input.on('end', () => resolve({ shutdown: watchDog.shutdownReceived }));
    input.on('error', (error) => resolve({ shutdown: false, fault: error.message }));
    serve(createConnection((logger) => createProtocolConnection(reader, writer, logger), watchDog));
  });
  input.destroy();
  if (end.shutdown) return exitCode.ok;
  const message =
    end.fault === undefined
      ? 'the end came before `shutdown`: `shutdown` and then `exit` is accepted'
      : `not of the protocol (${quote(end.fault)}): messages of the Language Server Protocol are accepted`;
  // Standard output is the protocol's.
  streams.error(`ringmint: ${message} [usage]\n`);
  return exitCode.usage;
}

type Connection = ReturnType<typeof createConnection>;

function serve(connection: Connection): void {
  const documents = new TextDocuments(TextDocument);
  connection.onInitialize(
    (): InitializeResult => ({
      capabilities: {
        positionEncoding: 'utf-16',
        textDocumentSync: TextDocumentSyncKind.Incremental,
        hoverProvider: true,
        completionProvider: { triggerCharacters: ['.'] },
        definitionProvider: true,
        documentFormattingProvider: true,
        documentSymbolProvider: true,
      },
      serverInfo: { name: 'ringmint rules' },
    }),
  );
  const tell = (uri: string, version: number | undefined, diagnostics: Diagnostic[]): void => {
    const told = { uri, diagnostics, ...(version === undefined ? {} : { version }) };
    connection.sendDiagnostics(told).catch((error: unknown) => {
      connection.console.error(`the diagnostics were not sent: ${(error as Error).message}`);
    });
  };
  documents.onDidChangeContent(({ document }) =>
    tell(document.uri, document.version, diagnosticsOf(document)),
  );
  documents.onDidClose(({ document }) => tell(document.uri, undefined, []));

  connection.onHover(({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    const hover = document && describeAt(document.getText(), document.offsetAt(position));
    if (document === undefined || hover === undefined) return null;
    return {
      contents: { kind: MarkupKind.Markdown, value: hover.markdown },
      range: rangeOf(document, hover.span),
    };
  });
  connection.onCompletion(({ textDocument, position }): CompletionItem[] => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return [];
    const { start, end, offers } = completeAt(document.getText(), document.offsetAt(position));
    const range = rangeOf(document, { start, end });
    return offers.map(({ label, kind, detail }) => ({
      label,
      kind: itemKinds[kind],
      detail,
      textEdit: { range, newText: label },
    }));
  });
  connection.onDefinition(({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    const span = document && findDefinition(document.getText(), document.offsetAt(position));
    if (document === undefined || span === undefined) return null;
    return { uri: document.uri, range: rangeOf(document, span) };
  });
  connection.onDocumentFormatting(({ textDocument }) => {
    const document = documents.get(textDocument.uri);
    const text = document?.getText();
    const formatted = text === undefined ? undefined : formatModule(text).text;
    if (document === undefined || text === undefined || formatted === undefined || formatted === text)
      return [];
    return [{ range: rangeOf(document, { start: 0, end: text.length }), newText: formatted }];
  });
  connection.onDocumentSymbol(({ textDocument }): DocumentSymbol[] => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return [];
    return outlineOf(document.getText()).map(({ kind, name, detail, span, nameSpan }) => ({
      name,
      detail,
      kind: symbolKinds[kind],
      range: rangeOf(document, span),
      selectionRange: rangeOf(document, nameSpan),
    }));
  });
  documents.listen(connection);
  connection.listen();
}

function diagnosticsOf(document: TextDocument): Diagnostic[] {
  return checkModule(document.getText()).faults.map(({ code, span, message }) => ({
    range: rangeOf(document, span),
    severity: DiagnosticSeverity.Error,
    code,
    source: 'ringmint',
    message,
  }));
}

function rangeOf(document: TextDocument, { start, end }: Span): Range {
  return { start: document.positionAt(start), end: document.positionAt(end) };
}
