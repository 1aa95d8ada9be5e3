import {
  type Dtype,
  type Engine,
  FileFormatError,
  type HostTensor,
  sameShape,
  type Variable,
} from "@lowbit/core-tensor";
import {
  readSafetensors,
  type SafeTensor,
  type SafeTensorDtype,
  typedData,
  writeSafetensors,
} from "@lowbit/core-tensor/storage";

const safeDtypes: ReadonlyMap<Dtype, SafeTensorDtype> = new Map([
  ["f32", "F32"],
  ["i32", "I32"],
  ["u8", "U8"],
  ["bool", "BOOL"],
]);

/** The bytes of a safetensors file of the variables' values on an engine. */
export async function packVariables(engine: Engine, variables: readonly Variable[]): Promise<Uint8Array> {
  const tensors = new Map<string, SafeTensor>();
  for (const variable of variables) {
    const value = await engine.read(variable);
    const dtype = safeDtypes.get(value.dtype);
    if (!dtype) throw new Error(`no safetensors dtype for ${value.dtype}`); // packed variables live in converted folders
    const data = dtype === "F32" ? Float32Array.from(value.data) : value.data;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(variable.name, { dtype, shape: value.shape, data: bytes });
  }
  return writeSafetensors(tensors);
}

/** Tensors by name, of the dtypes that variables have. */
export function unpackVariables(bytes: Uint8Array, file: string): Map<string, HostTensor> {
  const result = new Map<string, HostTensor>();
  for (const [name, tensor] of readSafetensors(bytes, { file }).tensors) {
    const where = `${file}, tensor ${JSON.stringify(name.slice(0, 100))}`;
    const { shape } = tensor;
    if (tensor.dtype === "F32") result.set(name, { dtype: "f32", shape, data: typedData(tensor, "F32", where) });
    else if (tensor.dtype === "I32") result.set(name, { dtype: "i32", shape, data: typedData(tensor, "I32", where) });
    else if (tensor.dtype === "U8") result.set(name, { dtype: "u8", shape, data: typedData(tensor, "U8", where) });
    else if (tensor.dtype === "BOOL")
      result.set(name, { dtype: "bool", shape, data: typedData(tensor, "BOOL", where) });
    else
      throw new FileFormatError(`a variable can't be of dtype ${tensor.dtype}`, {
        where,
        want: "F32, I32, U8 or BOOL",
      });
  }
  return result;
}

const listNames = (names: readonly string[]): string =>
  names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");

/** Refuses tensors that are not exactly those of the variables: all differences at once, by name. */
export function checkVariables(
  variables: readonly Variable[],
  tensors: ReadonlyMap<string, HostTensor>,
  where: string,
): void {
  const wanted = new Map(variables.map((variable) => [variable.name, variable]));
  const missing = [...wanted.keys()].filter((name) => !tensors.has(name));
  const extra = [...tensors.keys()].filter((name) => !wanted.has(name));
  const misshapen = [...wanted].flatMap(([name, { shape, dtype }]) => {
    const tensor = tensors.get(name);
    if (!tensor || (sameShape(tensor.shape, shape) && tensor.dtype === dtype)) return [];
    return [`${name} is ${tensor.dtype} [${tensor.shape.join(", ")}], not ${dtype} [${shape.join(", ")}]`];
  });
  const complaints = [
    missing.length > 0 && `${listNames(missing)} are missing`,
    extra.length > 0 && `${listNames(extra)} belong to no variable`,
    misshapen.length > 0 && listNames(misshapen),
  ].filter((complaint) => complaint !== false);
  if (complaints.length === 0) return;
  throw new FileFormatError(`the tensors do not fit this model: ${complaints.join("; ")}`, {
    where,
    want: "the tensors of this model, no more and no fewer",
    got: { missing, extra, misshapen },
  });
}

/** Sets variables on an engine to tensors of the same names, after all of them have been checked. */
export async function restoreVariables(
  engine: Engine,
  variables: readonly Variable[],
  tensors: ReadonlyMap<string, HostTensor>,
  where: string,
): Promise<void> {
  checkVariables(variables, tensors, where);
  for (const variable of variables) await engine.write(variable, tensors.get(variable.name) as HostTensor);
}
