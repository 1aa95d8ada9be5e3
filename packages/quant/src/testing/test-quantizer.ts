import type { Quantizer } from "../define-quantizer.js";
import { checkQuantizer, ruleNames, type Violation } from "./check-quantizer.js";

// An optional peer: whoever has another test runner uses checkQuantizer and need not install it.
const vitest = await import("vitest").catch(() => undefined);

export interface QuantizerTestOptions {
  /** Options as a caller would write them; each set is tested by itself. */
  readonly optionSets: readonly unknown[];
}

/**
 * The contract of quantizers as vitest tests: call it in a test file, and every rule is a test for every set of options.
 *
 * @example testQuantizer(wrpnWeight, { optionSets: [2, 3, 4, 8].map((bits) => ({ bits })) });
 */
export function testQuantizer<Options>(quantizer: Quantizer<Options>, { optionSets }: QuantizerTestOptions): void {
  if (!vitest) throw new Error("testQuantizer needs vitest; checkQuantizer works without it");
  const { describe, it } = vitest;
  describe.each(optionSets.map((options) => ({ name: JSON.stringify(options), options })))(
    `${quantizer.name} $name`,
    ({ options }) => {
      let checked: Promise<Violation[]> | undefined;
      for (const rule of ruleNames) {
        const isExempt =
          rule === "gives levels back when it meets them again" && quantizer.whyNotIdempotent !== undefined;
        it.skipIf(isExempt)(isExempt ? `${rule}: not so, ${quantizer.whyNotIdempotent}` : rule, async () => {
          checked ??= checkQuantizer(quantizer, [options]);
          const broken = (await checked).find((each) => each.rule === rule);
          if (broken) throw new Error(broken.message);
        });
      }
    },
  );
}
