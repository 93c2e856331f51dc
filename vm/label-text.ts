/** Labels as people write and read them: `C4 A8 {1, 2}`. */
import { readLabel } from './label.ts';

export function showLabel(label: number): string {
  const { secrecy, authority, categories } = readLabel(label);
  return `C${secrecy} A${authority}${categories.length === 0 ? '' : ` {${categories.join(' ')}}`}`;
}
