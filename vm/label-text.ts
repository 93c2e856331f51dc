/** Labels as people write and read them: `C4 A8 {1, 2}`. */
import { readLabel } from './label.ts';
import { SourceLine, SyntaxFault } from './source-line.ts';

export function showLabel(label: number): string {
  const { secrecy, authority, categories } = readLabel(label);
  return `C${secrecy} A${authority}${categories.length === 0 ? '' : ` {${categories.join(' ')}}`}`;
}

/** The label that `text` is, or what is wrong with it and what would be accepted. */
export function parseLabel(
  text: string,
): { readonly ok: true; readonly label: number } | { readonly ok: false; readonly message: string } {
  const line = new SourceLine(text);
  try {
    const label = line.label();
    line.end();
    return { ok: true, label };
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    return { ok: false, message: error.message };
  }
}
