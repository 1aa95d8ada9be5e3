import { elementsOf } from "../../graph/shape.js";
import type { KernelChoice, LoadedProgram } from "../../plan/backend.js";
import { fusedElementwise } from "../../plan/fuse-elementwise.js";
import type { Buffer, Call, FusedElementwise, Program } from "../../plan/program.js";
import type { JsBackend } from "../js/js-backend.js";
import { deviceLength, fromDevice, toDevice } from "./device-array.js";
import { type DevicePipeline, startPipeline } from "./device-pipeline.js";
import type { GpuKernel } from "./gpu-kernel.js";
import type { GpuMode, SharedGpu } from "./gpu-mode.js";
import { chooseGpuKernel } from "./kernel-table.js";
import { roundsSums } from "./kernels/conv2d-codes.js";
import { type DeviceValue, Launches } from "./launches.js";

/** A call for the host: its reference, after the values that it reads have come from the device. */
interface HostStep {
  readonly call: Call;
  readonly fetch: readonly { readonly buffer: Buffer; readonly result: number }[];
  readonly program: LoadedProgram;
}

/** One program translated: what runs on the device, what follows on the host, and what travels between. */
export class GpuProgram implements LoadedProgram {
  readonly choices: readonly KernelChoice[];
  private readonly launches: Launches;
  /** Buffers of the host that go to the device in every run, in the order of the arguments. */
  private readonly sent: Buffer[] = [];
  /** Launches whose results come back, and the buffers that want them at the end. */
  private readonly returned: number[] = [];
  private readonly wanted: { readonly buffer: Buffer; readonly result: number }[] = [];
  private readonly hostSteps: HostStep[] = [];
  private readonly whole: LoadedProgram;
  private readonly once: LoadedProgram;
  private pipeline: DevicePipeline | undefined;
  private translated = false;

  constructor(
    private readonly shared: SharedGpu,
    private readonly host: JsBackend,
    private readonly program: Program,
    private readonly scratchOffset: number,
    private readonly threads: number,
  ) {
    this.launches = new Launches(shared.mode);
    this.choices = chooseAll(program, shared.mode);
    this.whole = host.load({ ...program, calls: [] }, scratchOffset);
    this.once = host.load({ ...program, calls: program.calls.filter((call) => call.once) }, scratchOffset);
  }

  async run(): Promise<void> {
    if (!this.translated) {
      await this.once.run(); // results of constants are constants of the device
      this.translate();
      this.translated = true;
    }
    const results = this.launches.list.length > 0 ? await this.runOnDevice() : [];
    const store = ({ buffer, result }: { buffer: Buffer; result: number }) =>
      this.host.write(this.placeOf(buffer), fromDevice(buffer.dtype, results[result]));
    for (const { fetch, program } of this.hostSteps) {
      fetch.forEach(store);
      await program.run();
    }
    this.wanted.forEach(store);
  }

  commit(): Promise<number> {
    return this.whole.commit();
  }

  dispose(): void {
    this.pipeline?.dispose();
    this.pipeline = undefined;
  }

  private async runOnDevice(): Promise<readonly Float32Array[]> {
    this.pipeline ??= startPipeline(this.shared, this.launches.list, this.returned, this.sent.length, this.threads);
    return this.pipeline.run(this.sent.map((buffer) => this.valueOf(buffer)));
  }

  private placeOf({ region, offset }: Buffer): number {
    return region === "scratch" ? this.scratchOffset + offset : offset;
  }

  private valueOf(buffer: Buffer): Float32Array {
    return toDevice(buffer.dtype, this.host.read(this.placeOf(buffer), buffer.bytes));
  }

  /** Walks the calls in order; a place in memory stands for the value written there last. */
  private translate(): void {
    const { program } = this;
    const constants = new Set(
      [...program.constants.map(({ buffer }) => buffer), ...program.computedOnce].map((each) => this.placeOf(each)),
    );
    /** What lies in a place: a value on the device, or "host" where the host has it. */
    const values = new Map<number, DeviceValue | "host">();
    const fetched = new Map<number, number>(); // launch → index of its result
    const resultOf = (launch: number): number => {
      const index = fetched.get(launch) ?? this.returned.push(launch) - 1;
      fetched.set(launch, index);
      return index;
    };
    const onDevice = (buffer: Buffer): DeviceValue => {
      const place = this.placeOf(buffer);
      const known = values.get(place);
      if (known !== undefined && known !== "host") return known;
      const length = deviceLength(buffer.dtype, buffer.bytes, elementsOf(buffer.shape));
      const value: DeviceValue = constants.has(place)
        ? this.launches.constant(this.valueOf(buffer))
        : { kind: "argument", argument: this.sent.push(buffer) - 1, length };
      values.set(place, value);
      return value;
    };
    program.calls.forEach((call, index) => {
      if (call.once) return;
      const { kernel } = this.kernelOf(index);
      if (kernel) {
        const outputs = kernel.emit(call, call.inputs.map(onDevice), this.launches);
        call.outputs.forEach((buffer, i) => values.set(this.placeOf(buffer), outputs[i]));
        return;
      }
      const fetch = call.inputs.flatMap((buffer) => {
        const value = values.get(this.placeOf(buffer));
        return value !== undefined && value !== "host" && value.kind === "launch"
          ? [{ buffer, result: resultOf(value.launch) }]
          : [];
      });
      this.hostSteps.push({ call, fetch, program: this.host.load({ ...program, calls: [call] }, this.scratchOffset) });
      for (const buffer of call.outputs) values.set(this.placeOf(buffer), "host");
    });
    for (const buffer of [...program.outputs, ...program.assignments.map(({ from }) => from)]) {
      const value = values.get(this.placeOf(buffer));
      if (value !== undefined && value !== "host" && value.kind === "launch") {
        this.wanted.push({ buffer, result: resultOf(value.launch) });
      }
    }
  }

  private kernelOf(index: number): { kernel?: GpuKernel } {
    return this.choices[index].kernel === "reference"
      ? {}
      : chooseGpuKernel(this.program.calls[index], this.shared.mode);
  }
}

/**
 * A kernel for each call. A call without one goes to the host, and all that depends on it: the device runs once, and its results
 * come back once.
 */
function chooseAll({ calls, outputs, assignments }: Program, mode: GpuMode): KernelChoice[] {
  const onHost = new Map<string, string>(); // place → why
  const key = ({ region, offset }: Buffer) => `${region} ${offset}`;
  return calls.map((call, index) => {
    if (call.once) return { kernel: `${call.op.name}-js`, reason: "constants are worked out once, on the host" };
    const source = call.inputs.map((buffer) => onHost.get(key(buffer))).find((reason) => reason !== undefined);
    const { kernel, reason } = chooseGpuKernel(call, mode);
    const refused =
      source !== undefined
        ? `it reads the result of a call on the host: ${source}`
        : kernel === undefined
          ? reason
          : roundsSums(call) &&
              !isCastAlone(call.outputs[0], calls.slice(index + 1), [
                ...outputs,
                ...assignments.map(({ from }) => from),
              ])
            ? "sums beyond 2²⁴ are wanted as whole numbers, and gpu.js carries them in float32"
            : undefined;
    const why = source ?? `${call.op.name}${call.layer ? ` of layer "${call.layer}"` : ""}: ${refused}`;
    for (const buffer of call.outputs) {
      if (refused === undefined) onHost.delete(key(buffer));
      else onHost.set(key(buffer), why);
    }
    if (refused !== undefined || !kernel) return { kernel: "reference", reason: refused ?? reason };
    return { kernel: kernel.name(call, mode), reason };
  });
}

/** Whether all that reads a value turns it into f32 first: rounding it once is then what they would do. */
function isCastAlone(value: Buffer, later: readonly Call[], kept: readonly Buffer[]): boolean {
  const isIt = ({ region, offset }: Buffer) => region === value.region && offset === value.offset;
  for (const { op, attributes, inputs, outputs } of later) {
    const register = inputs.findIndex(isIt);
    if (register >= 0) {
      if (op !== fusedElementwise) return false;
      const { steps } = attributes as FusedElementwise;
      const readers = steps.filter(({ sources }) => sources.includes(register));
      if (!readers.every(({ code, immediates: [to] }) => code === "cast" && to === 0)) return false;
    }
    if (outputs.some(isIt)) return true; // another value from here on
  }
  return !kept.some(isIt);
}
