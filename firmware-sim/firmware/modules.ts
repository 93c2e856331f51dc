/** Modules of the label machine: loaded where a key signed them that the device trusts, and run until power-off. */
import { equalBytes, toHex } from '../../src/kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { Machine, Program } from '../../vm/host.ts';
import { verifySignedModule } from '../../vm/signed-module.ts';
import type { Commands, DeviceErrorCode } from '../protocol.ts';
import { checkLength, invalid } from './argument.ts';
import { decide } from './decision.ts';
import type { Device } from './device.ts';
import { expectedMask, type Guard, Permit } from './guard.ts';
import { applyMask } from './mask.ts';
import { isPoint } from './signing.ts';

const trusting: readonly Guard[] = ['lifecycle', 'login'];
const moduleMask = expectedMask(['module']);
const mostTrusted = 16;

/** What is loaded: as many as the profile has room for, the one that was used longest ago makes room. */
export class ModuleShelf {
  private machine: Machine | undefined;
  private readonly programs = new Map<string, Program>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  machineOf(start: () => Machine): Machine {
    this.machine ??= start();
    return this.machine;
  }

  put(program: Program): void {
    const name = toHex(program.hash);
    this.programs.delete(name);
    this.programs.set(name, program);
    for (const oldest of this.programs.keys()) {
      if (this.programs.size <= this.limit) break;
      this.programs.delete(oldest);
    }
  }

  take(hash: Uint8Array): Program | undefined {
    const program = this.programs.get(toHex(hash));
    if (program !== undefined) this.put(program);
    return program;
  }

  clear(): void {
    this.programs.clear();
    this.machine = undefined;
  }
}

/** Once, for ever; the same again changes nothing. A cut leaves no key trusted, or all of them. */
export function trust(
  device: Device,
  permit: Permit,
  { points }: Commands['trust']['arguments'],
): Result<Record<never, never>, DeviceErrorCode> {
  if (points.length === 0 || points.length > mostTrusted)
    return invalid('points', `${points.length} keys`, `1 to ${mostTrusted}`);
  for (const [index, point] of points.entries())
    if (!isPoint(point))
      return invalid(
        `points[${index}]`,
        `${point.length} bytes that are no point`,
        'an uncompressed point on P-256, 65 bytes,',
      );
  const { memory, core } = device;
  const { trusted } = memory;
  if (!decide(core.chip.cpu, 'trust.unset', () => memory.trusted === undefined) && trusted !== undefined) {
    const isSame = trusted.length === points.length && trusted.every((one, at) => isPointOf(one, points[at]));
    return isSame
      ? succeed({})
      : refuse(
          'trust_set',
          `it trusts ${trusted.length} keys already, for good: the same again are accepted`,
        );
  }
  device.commit({ kind: 'trust', points: points.map((point) => Uint8Array.from(point)) }, permit, trusting);
  return succeed({});
}

function isPointOf(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return other !== undefined && equalBytes(one, other);
}

export function load(
  device: Device,
  permit: Permit,
  { module }: Commands['load']['arguments'],
): Result<Commands['load']['result'], DeviceErrorCode> {
  const { core, memory, modules } = device;
  const trusted = () => memory.trusted ?? [];
  const isSigned = () => verifySignedModule(module, trusted()).ok;
  const signed = new Permit(core.chip.cpu, permit);
  if (!signed.pass('module', [isSigned, isSigned, isSigned])) {
    const verified = verifySignedModule(module, trusted());
    const why =
      trusted().length === 0
        ? 'it trusts no key yet: `trust` is accepted first'
        : verified.ok
          ? 'it is not signed'
          : verified.message;
    return refuse('module_refused', why);
  }
  // What was let through without its signature is other bytes here, which the machine refuses.
  const bytes = applyMask(applyMask(module, signed.mask(['module'])), moduleMask);
  const loaded = modules.machineOf(() => core.startMachine(trusted())).load(bytes);
  if (!loaded.ok) return refuse('module_refused', loaded.message);
  const { program } = loaded;
  modules.put(program);
  return succeed({ hash: program.hash, fuelBound: program.fuelBound });
}

/** Of one run: tenths of a second, within which the device answers nobody else. */
const fuelLimit = 100_000_000n;

export function run(
  device: Device,
  { hash, inputs, fuel }: Commands['run']['arguments'],
): Result<Commands['run']['result'], DeviceErrorCode> {
  const fault = checkLength('hash', hash, 32);
  if (fault !== undefined) return fault;
  if (fuel !== null && fuel < 0n) return invalid('fuel', quote(fuel), 'null, or 0 and more,');
  const program = device.modules.take(hash);
  if (program === undefined)
    return refuse(
      'module_unknown',
      `no module \`${toHex(hash).slice(0, 16)}…\` is loaded: \`load\` is accepted first`,
    );
  const wanted = fuel ?? program.fuelBound;
  try {
    const result = program.run({ inputs, fuel: wanted < fuelLimit ? wanted : fuelLimit });
    return succeed(
      result.ok
        ? { outcome: 'finished', fuelUsed: result.fuelUsed, ports: [...result.ports] }
        : { outcome: 'trapped', fuelUsed: 0n, ports: [] },
    );
  } catch (error) {
    if (error instanceof RangeError)
      return invalid(
        'inputs',
        error.message,
        'a word of a segment that the module has, of 64 bits with a sign,',
      );
    throw error;
  }
}
