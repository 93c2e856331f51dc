/**
 * The debugger without a terminal: takes a command, gives lines. It walks a timeline both ways, which may be a run of the
 * machine or a trace; on the way back it puts in place what each step replaced, and runs nothing again.
 */
import { askWhy } from './label-question.ts';
import { showLabel } from './label-text.ts';
import { instructionAt, type Listing, showAnyWord, showPlace, showWord } from './listing.ts';
import { showExplanation } from './provenance.ts';
import type { LabelledWord } from './stepping-machine.ts';
import { readTarget, targetMessage } from './target.ts';
import type { LineEnd, Timeline } from './timeline.ts';

export interface Answer {
  readonly lines: readonly string[];
  /** Whether the command was understood. */
  readonly ok: boolean;
  readonly quits: boolean;
}

const help = [
  'step [N]           one instruction, or N of them',
  'next               the same, over a call',
  'continue           to the next breakpoint, or to the end',
  'back [N]           one instruction back, or N of them',
  'reverse            back to a breakpoint, or to the beginning',
  'run                from the beginning to the first breakpoint',
  'break PLACE        a line such as 12, an instruction such as #7, or a function; alone: lists them',
  'delete [PLACE]     takes a breakpoint away, or all of them',
  'registers          of the open function, with labels',
  'words [SEGMENT]    of the segments, with labels, but for zeros that nothing wrote',
  'ports              what was put out so far',
  'stack              open functions, branches and loops, and pc before each',
  'print WHAT         r3, pc, fuel, SEGMENT[2] or a port',
  'why WHAT           where its label comes from: r3, pc, SEGMENT[2], a port, or the trap at the end',
  'list               the code around here',
  'where              where this is',
  'quit               leaves',
];

const shortNames: Readonly<Record<string, string>> = {
  s: 'step',
  n: 'next',
  c: 'continue',
  b: 'break',
  d: 'delete',
  r: 'registers',
  p: 'print',
  w: 'where',
  l: 'list',
  q: 'quit',
  h: 'help',
};

/** Words shown at once; there may be 65,536. */
const mostWords = 64;
/** Lines of code around the instruction that comes next. */
const around = 4;

/** A command that is not as it should be. */
class CommandFault extends Error {}

export class Debugger {
  private readonly timeline: Timeline;
  private readonly listing: Listing;
  private readonly progress: (steps: number) => void;
  private readonly breakpoints = new Set<number>();

  constructor(timeline: Timeline, progress: (steps: number) => void) {
    this.timeline = timeline;
    this.listing = timeline.listing;
    this.progress = progress;
  }

  /** Where this is: what a debugger says when it begins. */
  where(): string[] {
    const { control, ending } = this.timeline;
    if (ending !== undefined) return [`step ${this.timeline.steps}, the end: ${this.showEnd(ending)}`];
    const { text } = instructionAt(this.listing, control.position);
    const place = showPlace(this.listing, control.position);
    return [
      `step ${this.timeline.steps}: ${place} (#${control.position}): \`${text}\` comes next; pc ${showLabel(control.context)}, fuel ${control.fuelUsed} of ${this.timeline.start.fuel}`,
    ];
  }

  /** Carries out one command line. */
  execute(line: string): Answer {
    const [first = '', ...rest] = line.trim().split(/\s+/);
    const command = shortNames[first] ?? first;
    try {
      const lines = this.carryOut(command, rest.join(' '));
      return { lines, ok: true, quits: command === 'quit' };
    } catch (error) {
      if (!(error instanceof CommandFault)) throw error;
      return { lines: [error.message], ok: false, quits: false };
    }
  }

  private carryOut(command: string, given: string): string[] {
    if (!['step', 'back', 'break', 'delete', 'words', 'print', 'why'].includes(command) && given !== '')
      throw new CommandFault(`\`${command}\` takes nothing: \`${given}\` is one word too many`);
    switch (command) {
      case 'step':
        return this.walk(count(given), () => this.timeline.forward());
      case 'back':
        return this.walk(count(given), () => this.timeline.back());
      case 'next':
        return this.next();
      case 'continue':
        this.goForward();
        return this.where();
      case 'reverse':
        this.goBack();
        return this.where();
      case 'run':
        while (this.timeline.back() !== undefined);
        if (!this.breakpoints.has(this.timeline.control.position)) this.goForward();
        return this.where();
      case 'break':
        return given === '' ? this.showBreakpoints() : this.addBreakpoint(given);
      case 'delete':
        return this.removeBreakpoint(given);
      case 'registers':
        return this.timeline.registers.map((word, register) => `r${register} = ${showLabelled(word)}`);
      case 'words':
        return this.words(given);
      case 'ports':
        return this.ports();
      case 'stack':
        return this.stack();
      case 'print':
        return [this.print(given)];
      case 'why':
        return this.why(given);
      case 'list':
        return this.list();
      case 'where':
        return this.where();
      case 'help':
        return help;
      case 'quit':
        return [];
      default:
        throw new CommandFault(`\`${command}\` is no command: \`help\` lists them`);
    }
  }

  // Walking

  private walk(steps: number, move: () => unknown): string[] {
    for (let taken = 0; taken < steps; taken++) {
      if (move() === undefined) break;
      this.tell(taken + 1);
    }
    return this.where();
  }

  private tell(steps: number): void {
    if (steps % 250_000 === 0) this.progress(steps);
  }

  private next(): string[] {
    const depth = this.timeline.frames.length;
    for (let taken = 1; this.timeline.forward() !== undefined; taken++) {
      if (this.timeline.frames.length <= depth || this.isAtBreakpoint()) break;
      this.tell(taken);
    }
    return this.where();
  }

  private isAtBreakpoint(): boolean {
    return this.breakpoints.has(this.timeline.control.position);
  }

  private goForward(): void {
    for (let taken = 1; this.timeline.forward() !== undefined && !this.isAtBreakpoint(); taken++)
      this.tell(taken);
  }

  private goBack(): void {
    for (let taken = 1; this.timeline.back() !== undefined && !this.isAtBreakpoint(); taken++)
      this.tell(taken);
  }

  private showEnd(end: LineEnd): string {
    if (end.kind === 'halted') return `halted, fuel ${this.timeline.control.fuelUsed}`;
    if (end.kind === 'cut') return 'nothing was recorded after this';
    const { text } = instructionAt(this.listing, end.at);
    return `trapped, \`${end.trap}\`, at ${showPlace(this.listing, end.at)} (#${end.at}): \`${text}\`; label ${showLabel(end.label)}`;
  }

  // Breakpoints

  private place(given: string): number {
    const byNumber = /^#(\d{1,6})$/.exec(given);
    if (byNumber !== null) {
      const at = Number(byNumber[1]);
      if (at < this.listing.instructions.length) return at;
      throw new CommandFault(`\`${given}\`: #0 to #${this.listing.instructions.length - 1} are accepted`);
    }
    const named = this.listing.functions.find(({ name }) => name === given);
    if (named !== undefined) return named.first;
    const line = /^\d{1,9}$/.test(given) ? Number(given) : undefined;
    const found = this.listing.instructions.find((listed) => line !== undefined && listed.line === line);
    if (found !== undefined) return found.at;
    const functions = this.listing.functions.map(({ name }) => name).join(', ');
    throw new CommandFault(
      `\`${given}\` is no place: a line that has an instruction, #0 to #${this.listing.instructions.length - 1}, or a function (${functions}) is accepted`,
    );
  }

  private addBreakpoint(given: string): string[] {
    const at = this.place(given);
    this.breakpoints.add(at);
    return [`breakpoint at ${this.showBreakpoint(at)}`];
  }

  private removeBreakpoint(given: string): string[] {
    if (given === '') {
      this.breakpoints.clear();
      return ['no breakpoints'];
    }
    const at = this.place(given);
    if (!this.breakpoints.delete(at)) throw new CommandFault(`there is no breakpoint at \`${given}\``);
    return [`no breakpoint at ${this.showBreakpoint(at)}`];
  }

  private showBreakpoints(): string[] {
    const places = [...this.breakpoints].sort((x, y) => x - y);
    return places.length === 0 ? ['no breakpoints'] : places.map((at) => this.showBreakpoint(at));
  }

  private showBreakpoint(at: number): string {
    return `${showPlace(this.listing, at)} (#${at}): \`${instructionAt(this.listing, at).text}\``;
  }

  // State

  private words(given: string): string[] {
    const { module, names } = this.listing;
    if (given !== '' && !names.segments.includes(given))
      throw new CommandFault(`\`${given}\` is no segment: ${list(names.segments)}`);
    const lines: string[] = [];
    for (const [segment, { length, type, label }] of module.segments.entries()) {
      if (given !== '' && names.segments[segment] !== given) continue;
      for (let index = 0; index < length; index++) {
        const word = this.timeline.word(segment, index);
        if (word === undefined || (word.value === 0n && word.label === label && length > 8)) continue;
        lines.push(
          `${names.segments[segment]}[${index}] = ${showWord(type, word.value)}  ${showLabel(word.label)}`,
        );
      }
    }
    if (lines.length > mostWords)
      return [...lines.slice(0, mostWords), `and ${lines.length - mostWords} more: \`print SEGMENT[INDEX]\``];
    return lines.length === 0 ? ['all words are zero, with the labels of their segments'] : lines;
  }

  private ports(): string[] {
    const { module, names } = this.listing;
    return module.ports.map(({ type, label }, port) => {
      const value = this.timeline.port(port);
      return `${names.ports[port]} ${value === undefined ? 'not written' : `= ${showWord(type, value)}`}  ${showLabel(label)}`;
    });
  }

  private stack(): string[] {
    const lines = this.timeline.blocks.map(
      ({ at, kind, context, rounds }) =>
        `${kind} at ${showPlace(this.listing, at)} (#${at})${kind === 'loop' ? `, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} done` : ''}; pc before it ${showLabel(context)}`,
    );
    return ['main', ...lines].map((line, depth) => `${'  '.repeat(depth)}${line}`);
  }

  private print(what: string): string {
    const { control, start } = this.timeline;
    if (what === 'pc') return `pc = ${showLabel(control.context)}`;
    if (what === 'fuel')
      return `fuel = ${control.fuelUsed} of ${start.fuel}${control.isPaying ? '' : '; what runs here was charged before'}`;
    const target = readTarget(this.listing, what);
    switch (target?.kind) {
      case 'register': {
        const word = this.timeline.registers[target.register];
        if (word !== undefined) return `${what} = ${showLabelled(word)}`;
        throw new CommandFault(
          `\`${what}\`: the open function has ${this.timeline.registers.length} registers`,
        );
      }
      case 'word': {
        const word = this.timeline.word(target.segment, target.index);
        const type = this.listing.module.segments[target.segment]?.type ?? 'number';
        return `${what} = ${showWord(type, word?.value ?? 0n)}  ${showLabel(word?.label ?? 0)}`;
      }
      case 'port':
        return this.ports()[target.port] ?? '';
      default:
        throw new CommandFault(targetMessage(this.listing, what));
    }
  }

  private why(what: string): string[] {
    const answer = askWhy(this.timeline, what);
    if (!answer.ok) throw new CommandFault(answer.message);
    return [
      `${answer.title} is ${showLabel(answer.label)}`,
      ...showExplanation(this.listing, answer.explanation, false),
    ];
  }

  private list(): string[] {
    const { position } = this.timeline.control;
    return this.listing.instructions
      .slice(Math.max(0, position - around), position + around + 1)
      .map(({ at, line, text }) => {
        const mark = `${at === position ? '>' : ' '}${this.breakpoints.has(at) ? '*' : ' '}`;
        return `${mark} #${String(at).padEnd(4)} ${String(line ?? '').padStart(4)}  ${text}`;
      });
  }
}

function showLabelled({ value, label }: LabelledWord): string {
  return `${showAnyWord(value)}  ${showLabel(label)}`;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'the module has none' : `${names.join(', ')} are accepted`;
}

function count(given: string): number {
  if (given === '') return 1;
  if (!/^\d{1,9}$/.test(given)) throw new CommandFault(`\`${given}\`: a number of steps is accepted`);
  return Number(given);
}
