/** Translators with one rule bent each: a change of one place in vm/translator/, or in the runtime that translated modules have in common. */
import type { Change } from '../defective-machine.ts';
import { inEmission, inModule } from './emission-defects.ts';
import { inInference, inLabelState, inProgramTree } from './inference-defects.ts';
import { inArithmetic, inFrame, inRuntime, inSearch, inSteps } from './step-defects.ts';

export type Place = readonly [name: string, from: string, to: string];

const places: Readonly<Record<string, readonly Place[]>> = {
  'label-state.ts': inLabelState,
  'inference.ts': inInference,
  'program-tree.ts': inProgramTree,
  'frame.ts': inFrame,
  'step-emission.ts': inSteps,
  'emission.ts': inEmission,
  'translate.ts': inModule,
  'translated.ts': inRuntime,
  'search.ts': inSearch,
  'arithmetic.ts': inArithmetic,
};

export const defects: readonly Change[] = Object.entries(places).flatMap(([file, changes]) =>
  changes.map(([name, from, to]) => ({ name, file, from, to })),
);
