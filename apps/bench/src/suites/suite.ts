import type { CeilingMeter } from "../measure/ceiling.js";
import type { BuildName } from "../ours/available-builds.js";
import type { Row } from "../report/row.js";

/** What a suite is run with. */
export interface SuiteRun {
  readonly threads: number;
  readonly meter: CeilingMeter;
  /** Says what is going on; results are returned. */
  readonly progress: (text: string) => void;
  /** Only works whose id contains this text; all where absent. */
  readonly only?: string;
  /** Only this build of our kernels; all that work here where absent. */
  readonly build?: BuildName;
}

/** Comparisons of one kind. Ends within four minutes on a quiet machine. */
export interface Suite {
  readonly name: string;
  run(run: SuiteRun): Promise<readonly Row[]>;
}
