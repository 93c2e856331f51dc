import { agreesOnPart } from './differential.ts';

agreesOnPart(1);
