import fc from "fast-check";
import { expect, it } from "vitest";
import { drawValues, type GridConfiguration, parseConfiguration, parseWorkload, runEvent } from "../src/index.js";
import { cyclesOf } from "../src/layer-report.js";
import { planGrid, type Step } from "../src/modes/grid-plan.js";
import { outputSizeOf } from "../src/workload/layer.js";
import { walkTile } from "./oracles/grid.js";

const whole = (min: number, max: number) => fc.integer({ min, max });
const sizes = fc.record({
  ...{ H: whole(3, 8), W: whole(3, 8), C: whole(1, 4), M: whole(1, 5), R: whole(1, 3), S: whole(1, 3) },
  ...{ strideH: whole(1, 3), strideW: whole(1, 3), padH: whole(0, 2), padW: whole(0, 2), batch: whole(1, 2) },
});
const machines = fc.record({
  ...{
    gridRows: whole(1, 3),
    gridColumns: whole(1, 3),
    lanes: whole(1, 4),
    lookAhead: whole(0, 3),
    queueDepth: whole(1, 3),
  },
  synchronisation: fc.constantFrom("lane", "pe", "row", "array"),
  skip: fc.constantFrom("none", "weights", "activations", "both"),
  ...{ outputBanks: whole(1, 3), dramBitsPerCycle: whole(8, 600) },
  ...{ weightBufferBytes: whole(100, 2000), inputBufferBytes: whole(600, 4000), outputBufferBytes: whole(16, 200) },
});

it("takes the cycles that walking each lane's positions one by one takes, and loads at least what it reads", () =>
  fc.assert(
    fc.property(sizes, machines, whole(1, 2), whole(0, 99), (size, fields, groups, seed) => {
      const layer = {
        ...{ name: "layer", type: "conv", ...size, groups, wDensity: 0.5, aDensity: 0.4 },
        ...{ C: size.C * groups, M: size.M * groups },
      };
      const [parsed] = parseWorkload({ layers: [layer] }).layers;
      if (parsed.type !== "conv") throw new Error("not reached");
      const machine = parseConfiguration({ mode: "event", ...fields }) as GridConfiguration;
      const values = drawValues(parsed, { wBits: 2, aBits: 4 }, seed);
      let run: ReturnType<typeof runEvent>;
      try {
        run = runEvent(parsed, machine, { values });
      } catch (error) {
        expect(String(error)).toMatch(/BufferBytes can't be/);
        return;
      }
      const [height, width] = outputSizeOf(parsed);
      const taps = size.R * size.S;
      const placeOf = ({ group, channels }: Step, pixel: number, position: number): number => {
        const [item, at] = [Math.floor(pixel / (height * width)), pixel % (height * width)];
        const [channel, tap] = [channels.from + Math.floor(position / taps), position % taps];
        const y = Math.floor(at / width) * size.strideH - size.padH + Math.floor(tap / size.S);
        const x = (at % width) * size.strideW - size.padW + (tap % size.S);
        if (y < 0 || x < 0 || y >= size.H || x >= size.W) return -1;
        return ((item * parsed.C + group * size.C + channel) * size.H + y) * size.W + x;
      };
      const { skip } = machine;
      const density = Array.from(values.inputs).filter((value) => value !== 0).length / values.inputs.length;
      const plan = planGrid({ ...parsed, aDensity: density }, machine);
      const steps = plan.steps.map((step) => {
        const { group, pixels, filters, channels } = step;
        const positions = (channels.to - channels.from) * taps;
        const read = new Set<number>();
        const walked = walkTile(machine, { pixels, filters, positions }, (pixel, filter, position) => {
          const place = placeOf(step, pixel, position);
          if (place >= 0) read.add(place);
          const weight = values.weights[(group * size.M + filter) * size.C * taps + channels.from * taps + position];
          const isZeroInput = place < 0 || values.inputs[place] === 0;
          if ((skip === "both" || skip === "activations") && isZeroInput) return false;
          return !((skip === "both" || skip === "weights") && weight === 0);
        });
        const isBitmapped = skip === "both" || skip === "activations";
        if (step.loads.inputBits > 0) {
          expect(step.loads.inputBits).toBeGreaterThanOrEqual(
            read.size * (isBitmapped ? 1 + plan.aBits * density : plan.aBits) - 1e-6,
          );
        }
        return { ...step, ...walked };
      });
      const { dramBitsPerCycle, outputBanks } = machine;
      const load = (index: number): number =>
        Math.ceil(((steps[index]?.loads.inputBits ?? 0) + (steps[index]?.loads.weightBits ?? 0)) / dramBitsPerCycle);
      const write = (index: number): number => Math.ceil((steps[index]?.writes.outputBits ?? 0) / dramBitsPerCycle);
      const banks = (index: number): number => Math.ceil((steps[index]?.writes.outputsPerElement ?? 0) / outputBanks);
      const last = steps.length - 1;
      const expected = steps.reduce(
        (sum, { cycles }, i) => sum + Math.max(cycles, load(i + 1) + write(i - 1), banks(i - 1)),
        load(0) + Math.max(write(last), banks(last)),
      );
      expect(cyclesOf(run.cyclesBy)).toBe(expected);
      expect(run.executedMacs).toBe(steps.reduce((sum, { executed }) => sum + executed, 0));
    }),
    { seed: 1, numRuns: 60 },
  ));
