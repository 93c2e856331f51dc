/** `ringmint device flash dump`: what lies in a device's flash, and the bytes of it, as whoever takes the chip off reads them. */
import type { Appliance } from '../appliance.ts';
import type { FlashDump, FlashSector } from '../device-administration.ts';
import type { ExitCode } from '../exit-code.ts';
import { writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { type PlaceArguments, readPlace } from './place.ts';

export async function runFlashDump(
  appliance: Appliance,
  terminal: Terminal,
  given: PlaceArguments & { readonly out?: string },
): Promise<ExitCode> {
  const place = readPlace(given);
  if (!place.ok) return terminal.refuse(place);
  const dump = await (await appliance.devices()).dumpFlash(place.value);
  const { out } = given;
  if (out !== undefined) {
    const written = await writeOutput(out, dump.bytes);
    if (!written.ok) return terminal.refuse(written);
  }
  const { bytes, ...rest } = dump;
  return terminal.result({ ...rest, bytes: bytes.length, file: out ?? null }, [
    ...describeFlash(dump),
    ...(out === undefined ? [] : [`${out}: ${bytes.length} bytes; what is sealed in them stays sealed`]),
  ]);
}

function describeFlash({ profile, sectorBytes, endurance, sectors, records, bytes }: FlashDump): string[] {
  const lines = [
    `flash of ${profile}: ${sectors.length} sectors of ${sectorBytes} bytes, ${bytes.length} in all, each made for ${endurance} erases`,
  ];
  for (const run of runsOf(sectors)) {
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) continue;
    const used = run.reduce((sum, sector) => sum + sector.used, 0);
    const wear = Math.max(...run.map((sector) => sector.wear));
    const place = first === last ? `${first.sector}` : `${first.sector} to ${last.sector}`;
    lines.push(
      `  ${place.padEnd(9)} ${first.holds.padEnd(12)} ${`${used} of ${run.length * sectorBytes} bytes`.padEnd(24)} erased ${wear} ${wear === 1 ? 'time' : 'times'} at most`,
    );
    const own = records.filter(({ slot }) => slot === first.holds);
    for (const { address, kind, version, length, committed } of own)
      lines.push(
        `    0x${address.toString(16).padStart(6, '0')}  ${kind.padEnd(10)} version ${version}, ${length} bytes${committed ? '' : ', not committed'}`,
      );
  }
  return lines;
}

/** Neighbours that hold the same. */
function runsOf(sectors: readonly FlashSector[]): FlashSector[][] {
  const runs: FlashSector[][] = [];
  for (const sector of sectors) {
    const last = runs.at(-1);
    if (last?.[0]?.holds === sector.holds) last.push(sector);
    else runs.push([sector]);
  }
  return runs;
}
