import { agreesOnPart } from './differential.ts';

agreesOnPart(0);
