/** How far a bulk issue is: a bar for whoever watches, else a line at intervals. */
import type { Clock } from '../../kit/clock.ts';
import type { Terminal } from '../terminal.ts';

const barWidth = 28;
const barEveryMs = 200;
const lineEveryMs = 10_000;
/** The rate is that of the last half minute or so: what was issued at an earlier run says nothing of now. */
const rateWindowMs = 30_000;

export interface Progress {
  add(units: number): void;
  /** In place of the time left, such as `waits for the issuance system`; nothing takes it away. */
  note(text: string): void;
  stop(): void;
}

export function startProgress(terminal: Terminal, clock: Clock, total: number, done: number): Progress {
  const startedMs = clock.nowMs();
  const marks = [{ ms: startedMs, units: done }];
  let units = done;
  let note = '';
  const line = (): string => {
    const text = describeProgress({ total, units, note, rate: rateOf(marks, units, clock.nowMs()) });
    return terminal.isWatched ? text : `  ${text}`;
  };
  const timer = setInterval(
    () => (terminal.isWatched ? terminal.status(line()) : terminal.progress(line())),
    terminal.isWatched ? barEveryMs : lineEveryMs,
  );
  return {
    add(count) {
      units += count;
      marks.push({ ms: clock.nowMs(), units });
      const oldest = clock.nowMs() - rateWindowMs;
      while (marks.length > 2 && (marks[1]?.ms ?? oldest) < oldest) marks.shift();
    },
    note(text) {
      note = text;
    },
    stop: () => clearInterval(timer),
  };
}

function rateOf(marks: readonly { ms: number; units: number }[], units: number, nowMs: number): number {
  const [first] = marks;
  if (first === undefined || nowMs <= first.ms) return 0;
  return ((units - first.units) * 1000) / (nowMs - first.ms);
}

/** For example `[#######---------------------]  25 %  250,000 of 1,000,000  52,000/s  0:15 left`. */
function describeProgress(state: {
  total: number;
  units: number;
  /** Units a second; 0 where it is not known yet. */
  rate: number;
  note: string;
}): string {
  const { total, units, rate, note } = state;
  const part = total === 0 ? 1 : units / total;
  const filled = Math.floor(part * barWidth);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
  const percent = `${Math.floor(part * 100)} %`.padStart(5);
  const count = `${grouped(units)} of ${grouped(total)}`;
  const speed = rate > 0 ? [`${grouped(Math.round(rate))}/s`] : [];
  const left = note !== '' ? [note] : rate > 0 ? [`${minutes((total - units) / rate)} left`] : [];
  return [bar, percent, count, ...speed, ...left].join('  ');
}

export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function minutes(seconds: number): string {
  const whole = Math.ceil(seconds);
  const hours = Math.floor(whole / 3600);
  const rest = `${String(Math.floor((whole % 3600) / 60)).padStart(hours > 0 ? 2 : 1, '0')}:${String(whole % 60).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
