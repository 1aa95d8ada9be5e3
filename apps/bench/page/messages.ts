// What the page and its worker say to each other. The engine lives in the worker: a page's own thread may not wait.

import type { EpochOfPage } from "./train-small-network.js";

export interface ClassifiedImage {
  /** H · W grey values, 0 to 255. */
  readonly pixels: Uint8Array;
  readonly label: string;
  readonly guess: string;
  /** Of the guess, 0 to 1. */
  readonly probability: number;
}

export type ToPage =
  | { readonly kind: "engine"; readonly backend: string; readonly build: string; readonly threads: number }
  | {
      readonly kind: "classified";
      readonly network: string;
      readonly packedBytes: number;
      /** Of the same weights in fp32. */
      readonly latentBytes: number;
      readonly images: readonly ClassifiedImage[];
      /** Of all the test images. */
      readonly right: number;
      readonly count: number;
      readonly msPerImage: number;
    }
  | { readonly kind: "step"; readonly step: number; readonly totalSteps: number; readonly loss: number }
  | ({ readonly kind: "epoch"; readonly seconds: number } & EpochOfPage)
  | { readonly kind: "trained"; readonly wasStopped: boolean }
  | { readonly kind: "failed"; readonly message: string };

export type ToWorker =
  | { readonly kind: "train"; readonly epochs: number; readonly seed: number }
  | { readonly kind: "stop" };
