import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();

describe("the demo", () => {
  it("goes on where Ctrl-C stopped it, and ends with one table", async () => {
    const stopped = await runLowbit(["demo", "--quick"], { cwd: work, interruptAt: "resnet8 fp32 epoch 1/2" });
    expect(stopped).toMatchObject({ code: 130, stdout: "" });
    const line = stopped.stderr.split("\n").find((each) => each.includes("--resume")) as string;
    const words = line.trim().split(" ");
    expect(words.slice(words.indexOf("demo"))).toEqual(["demo", "--quick", "--out", "lowbit-demo/1", "--resume"]);

    const { code, stdout } = await runLowbit([...words.slice(words.indexOf("demo")), "--json"], { cwd: work });
    expect(code).toBe(0);
    const { networks, out } = JSON.parse(stdout);
    expect(out).toBe("lowbit-demo/1");
    const [fp32, narrow, wide] = networks;
    expect(fp32).toMatchObject({ relativeCost: 1 });
    for (const each of [narrow, wide]) {
      expect(each.packedAccuracy).toBe(each.accuracy);
      expect(each.packedLoss).toBe(each.loss);
      expect(each.packedBytesOnDisk).toBeLessThan(each.latentBytesOnDisk / 5);
      expect(existsSync(join(work, each.packedFolder, "manifest.json"))).toBe(true);
    }
    expect(narrow.relativeCost).toBeLessThan(0.1);
    expect(wide.relativeCost).toBeGreaterThan(2 * narrow.relativeCost);
    expect(wide.relativeCost).toBeLessThan(1);
    for (const { accuracy } of networks) expect(accuracy).toBeGreaterThan(30); // chance is 10
  }, 600_000);
});
