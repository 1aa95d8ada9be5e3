import { elementsOf } from "@lowbit/core-tensor";
import { createModel } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { layersOf, macsOf } from "./built-in-layers.js";

const parametersOf = (name: string): number =>
  createModel(name)
    .variables.filter(({ trainable }) => trainable)
    .reduce((sum, { shape }) => sum + elementsOf(shape), 0);

const weightsOf = (name: string): number => layersOf(name).reduce((sum, { weightElements }) => sum + weightElements, 0);

describe("MACs of one image at 1x", () => {
  it.each([
    // torchvision's model pages call multiply-adds "GFLOPS"; the third column is the unit that the figure is rounded to
    ["resnet18", 1.81e9, 1e7, "torchvision, ResNet18_Weights"],
    ["resnet34", 3.66e9, 1e7, "torchvision, ResNet34_Weights"],
    ["resnet50", 4.09e9, 1e7, "torchvision, ResNet50_Weights, stride in the 3×3"],
    ["resnet101", 7.8e9, 1e7, "torchvision, ResNet101_Weights"],
    ["alexnet-one-tower", 0.71e9, 1e7, "torchvision, AlexNet_Weights, the network of arXiv 1404.5997"],
    ["alexnet", 0.724e9, 1e6, "Sze et al., arXiv 1703.09039, table II: 724M MACs"],
  ])("%s: %d to the nearest %d (%s)", (name, published, unit) =>
    expect(Math.round(macsOf(layersOf(name)) / unit)).toBe(Math.round(published / unit)),
  );

  it.each([
    // pytorchcv (github.com/osmr/imgclsmob) counts additions of biases, batch norm, ReLU and pools as well: up to 1 % more
    ["resnet18", 1_820.56e6],
    ["resnet34", 3_672.83e6],
    ["resnet50", 4_107.97e6],
    ["resnet101", 7_827.97e6],
    ["bn-inception", 2_048.06e6],
    ["inception-resnet-v2", 13_188.64e6],
  ])("%s: a little less than pytorchcv's %d, which counts the rest as well", (name, published) => {
    const macs = macsOf(layersOf(name));
    expect(macs).toBeLessThan(published);
    expect(macs).toBeGreaterThan(0.99 * published);
  });

  it("alexnet: 724,406,816, layer by layer as its shapes say", () => {
    expect(layersOf("alexnet").map(({ macs }) => macs)).toEqual([
      55 * 55 * 96 * 363,
      27 * 27 * 256 * 48 * 25,
      13 * 13 * 384 * 256 * 9,
      13 * 13 * 384 * 192 * 9,
      13 * 13 * 256 * 192 * 9,
      4096 * 9216,
      4096 * 4096,
      1000 * 4096,
    ]);
    expect(macsOf(layersOf("alexnet"))).toBe(724_406_816);
  });
});

describe("parameters at 1x", () => {
  // pytorchcv's PreResNet-18, -34, -50b and -101b have a batch norm of 64 channels before the first block, behind that of the
  // stem: 128 numbers that the paper's own network (arXiv 1603.05027, appendix) and ours lack.
  it.each([
    ["resnet18", 11_687_848],
    ["resnet34", 21_796_008],
    ["resnet50", 25_549_480],
    ["resnet101", 44_541_608],
  ])("%s: pytorchcv's %d but for one batch norm", (name, published) =>
    expect(parametersOf(name)).toBe(published - 2 * 64),
  );

  it.each([
    // Those activate behind each convolution: a batch norm more in each shortcut, and none at the end
    ["resnet18", 11_689_512],
    ["resnet34", 21_797_672],
    ["resnet50", 25_557_032],
    ["resnet101", 44_549_160],
  ])("%s: torchvision's %d within 0.04 %%", (name, published) =>
    expect(Math.abs(parametersOf(name) / published - 1)).toBeLessThan(0.0004),
  );

  it("inception-resnet-v2: 55,843,464, as pytorchcv and the network's authors", () =>
    expect(parametersOf("inception-resnet-v2")).toBe(55_843_464));

  it("bn-inception: pytorchcv's 11,295,240 but for biases that batch norm takes away", () => {
    const biases = createModel("bn-inception")
      .variables.filter(({ name }) => name.endsWith(".conv.weight"))
      .reduce((sum, { shape }) => sum + shape[0], 0);
    expect(parametersOf("bn-inception") + biases).toBe(11_295_240);
  });

  it.each([
    // With a bias for each output, where ours have a batch norm in its place
    ["alexnet", 60_965_224, "Krizhevsky et al., NeurIPS 2012: 60 million; Sze et al.: 61M"],
    ["alexnet-one-tower", 61_100_840, "torchvision, AlexNet_Weights"],
  ])("%s: %d with biases (%s)", (name, published) => {
    const biases = layersOf(name).length;
    expect(biases).toBe(8);
    const outputs = createModel(name)
      .variables.filter((variable) => variable.name.endsWith(".weight"))
      .reduce((sum, { shape }) => sum + shape[0], 0);
    expect(weightsOf(name) + outputs).toBe(published);
  });
});
