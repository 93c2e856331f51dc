/** The tamper latch: in RAM, and as a file that holds one word. */
import { readFileSync } from 'node:fs';
import { type TamperEvent, type TamperLatch, tamperEvents } from './chip.ts';
import { replaceFile } from './file-medium.ts';
import { MediumError } from './medium-error.ts';
import type { Power } from './power.ts';

type Cause = TamperEvent | 'command';

/** One operation on the chip's power, that no cut splits: half way through it is drawn which side it falls to. */
export class RamLatch implements TamperLatch {
  private readonly power: Power;
  private cause: Cause | undefined;

  constructor(power: Power, cause?: Cause) {
    this.power = power;
    this.cause = cause;
  }

  read(): Cause | undefined {
    this.power.assertOn();
    return this.cause;
  }

  set(cause: Cause): void {
    const whole = (): void => {
      this.cause ??= cause;
    };
    this.power.operate({ kind: 'latch', cause }, whole, (draw) => {
      if (draw.chance(128)) whole();
    });
  }

  get fingerprint(): string {
    return this.cause ?? '';
  }

  clone(power: Power): RamLatch {
    return new RamLatch(power, this.cause);
  }
}

/** Where there is no file, nothing was seen. Throws `MediumError` for a file that holds no cause. */
export function openFileLatch(path: string, power: Power): TamperLatch {
  let seen = readCause(path);
  return {
    read: () => {
      power.assertOn();
      return seen;
    },
    set: (cause) => {
      if (seen !== undefined) return power.assertOn();
      const whole = (): void => {
        replaceFile(path, Buffer.from(`${cause}\n`));
        seen = cause;
      };
      power.operate({ kind: 'latch', cause }, whole, (draw) => {
        if (draw.chance(128)) whole();
      });
    },
  };
}

function readCause(path: string): Cause | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new MediumError('medium_unreadable', `cannot read \`${path}\``, { cause });
  }
  const causes: readonly Cause[] = [...tamperEvents, 'command'];
  const found = causes.find((cause) => text === `${cause}\n`);
  if (found === undefined)
    throw new MediumError('medium_misshapen', `\`${path}\` holds none of ${causes.join(', ')}`);
  return found;
}
