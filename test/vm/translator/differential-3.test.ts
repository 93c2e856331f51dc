import { agreesOnPart } from './differential.ts';

agreesOnPart(2);
