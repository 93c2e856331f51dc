/** A label taken apart: numbers and a set, where the machine has bits. */
import { makeLabel, readLabel } from '../label.ts';

export interface Label {
  readonly secrecy: number;
  readonly authority: number;
  readonly categories: ReadonlySet<number>;
}

export const publicLabel: Label = { secrecy: 0, authority: 8, categories: new Set() };

export function unpack(label: number): Label {
  const { secrecy, authority, categories } = readLabel(label);
  return { secrecy, authority, categories: new Set(categories) };
}

export function pack(label: Label): number {
  return makeLabel({ ...label, categories: [...label.categories] });
}

export function join(...labels: readonly Label[]): Label {
  let { secrecy, authority } = publicLabel;
  const categories = new Set<number>();
  for (const label of labels) {
    secrecy = Math.max(secrecy, label.secrecy);
    authority = Math.min(authority, label.authority);
    for (const category of label.categories) categories.add(category);
  }
  return { secrecy, authority, categories };
}

export function within(categories: ReadonlySet<number>, clearance: ReadonlySet<number>): boolean {
  for (const category of categories) if (!clearance.has(category)) return false;
  return true;
}

export function flows(low: Label, high: Label): boolean {
  return (
    low.secrecy <= high.secrecy && low.authority >= high.authority && within(low.categories, high.categories)
  );
}

export function isPublic(label: Label): boolean {
  return label.secrecy === 0 && label.categories.size === 0;
}

export const handled = (label: Label): boolean => label.secrecy <= label.authority;
