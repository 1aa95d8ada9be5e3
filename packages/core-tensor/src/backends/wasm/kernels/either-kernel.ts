import type { Kernel, UnplacedCall } from "../instruction.js";

/** One kernel where `suits` holds and another elsewhere, for the same operation; shapes alone decide. */
export function eitherKernel(suits: (call: UnplacedCall) => boolean, special: Kernel, general: Kernel): Kernel {
  const of = (call: UnplacedCall) => (suits(call) ? special : general);
  return {
    op: general.op,
    supports: (call) => general.supports(call),
    workspaceBytes: (call) => of(call).workspaceBytes(call),
    packing: general.packing && {
      input: general.packing.input,
      bytes: (call) => of(call).packing?.bytes(call) ?? 0,
      emit: (call, places) => of(call).packing?.emit(call, places) ?? [],
    },
    emit: (call, places) => of(call).emit(call, places),
    name: (call) => of(call).name(call),
  };
}
