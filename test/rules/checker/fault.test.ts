import { describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import { placeOf, showFault } from '../../../src/rules/language/place.ts';
import { type FaultExample, faultExamples, prelude } from './fault-example.ts';

interface Marked {
  readonly text: string;
  /** Of what is between the marks. */
  readonly start: number;
  readonly end: number;
}

function unmark(example: string): Marked {
  const whole = example.startsWith('module') || example.startsWith('⟦module') ? example : prelude + example;
  return { text: whole.replaceAll(/[⟦⟧]/g, ''), start: whole.indexOf('⟦'), end: whole.indexOf('⟧') - 1 };
}

const examples = Object.entries(faultExamples);

describe.each(examples)('%s', (code, { refused, accepted }) => {
  it('is the one fault of what is refused, at its place', () => {
    const { text, start, end } = unmark(refused);
    const { module, faults } = checkModule(text);
    expect(faults.map((fault) => [fault.code, text.slice(fault.span.start, fault.span.end)])).toEqual([
      [code, text.slice(start, end)],
    ]);
    expect(faults[0] && placeOf(text, faults[0].span.start)).toEqual(placeOf(text, start));
    expect(module).toBeUndefined();
  });

  it('is none of its neighbour', () => {
    const { module, faults } = checkModule(unmark(accepted).text);
    expect(faults).toEqual([]);
    expect(module).toBeDefined();
  });
});

describe('messages', () => {
  it('are small letters without a full stop, on one line', () => {
    const messages = examples.flatMap(([, { refused }]) => checkModule(unmark(refused).text).faults);
    for (const { message } of messages) {
      expect(message).not.toMatch(/\.$|\n/);
      expect(message).not.toMatch(/^[A-Z][a-z]/);
    }
  });
});

/** A row of docs/RULE-FAULTS.md. */
function describeExample(code: string, { refused, accepted, hidden }: FaultExample): string {
  const { text } = unmark(refused);
  const [fault] = checkModule(text).faults;
  const shown = fault === undefined ? [] : showFault(text, fault, 'example.rules');
  if (hidden) return `### \`${code}\`\n${(shown[0] ?? '').replace(/^.*?: .*?: /, '')}.\n`;
  const instead = accepted.replaceAll(/[⟦⟧]/g, '').trimEnd();
  return `### \`${code}\`\n\`\`\`\n${shown.join('\n')}\n\`\`\`\nAccepted:\n\`\`\`\n${instead}\n\`\`\`\n`;
}

it('are listed in docs/RULE-FAULTS.md, which `vitest -u` writes', async () => {
  const indented = prelude.trimEnd();
  const document = [
    '# Faults of the checker',
    '',
    'What [docs/RULES.md](RULES.md) does not accept, by code, with an example of each and a neighbour that is accepted.',
    'Written by `test/rules/checker/fault.test.ts` from the examples that it holds the checker to. Examples come after this module:',
    '```',
    indented,
    '```',
    '',
    ...examples.map(([code, example]) => describeExample(code, example)),
  ].join('\n');
  await expect(document).toMatchFileSnapshot('../../../docs/RULE-FAULTS.md');
});
