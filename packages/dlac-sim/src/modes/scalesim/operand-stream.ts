import { type ConvLayer, outputSizeOf, type Products } from "../../workload/layer.js";

/**
 * One operand of the product, as the array asks for it. A value's address is steps[i] + units[j].
 *
 * - streamed: step i enters unit j of its side in cycle delay + i + j of a fold, skewed along the side
 * - stationary: step i is a row of the array; rows enter last one first, a whole row in a cycle
 */
export interface OperandStream {
  readonly kind: "streamed" | "stationary";
  readonly steps: Int32Array;
  readonly units: Int32Array;
  /** Units of one fold along this operand's side. */
  readonly width: number;
  readonly delay: number;
  /** Whether this side's folds are those of the rows or those of the columns. */
  readonly side: "rows" | "columns";
  /** Addresses from here on lie beside the map: a last window hangs over its edge. The array does not ask for them. */
  readonly isPadding?: (address: number) => boolean;
  readonly addresses: number;
  /** Whether no value is at two places of the product: windows overlap, filters don't. */
  readonly comesOnce: boolean;
}

/** Part of an address by pixel or filter, and by window position. */
export interface OperandAddresses {
  readonly byOuter: Int32Array;
  readonly byWindow: Int32Array;
  readonly addresses: number;
  readonly comesOnce: boolean;
  readonly isPadding?: (address: number) => boolean;
}

/** Weights lie filter by filter: address = n · K + k. */
export function weightAddresses({ filters, window }: Products): OperandAddresses {
  return {
    byOuter: Int32Array.from({ length: filters }, (_, filter) => filter * window),
    byWindow: Int32Array.from({ length: window }, (_, position) => position),
    addresses: filters * window,
    comesOnce: true,
  };
}

/** Rows of a product [M, K] lie one after the other. */
export function productInputAddresses({ pixels, window }: Products): OperandAddresses {
  return {
    byOuter: Int32Array.from({ length: pixels }, (_, pixel) => pixel * window),
    byWindow: Int32Array.from({ length: window }, (_, position) => position),
    addresses: pixels * window,
    comesOnce: true,
  };
}

/**
 * A map lies row by row, all channels of a pixel together. SCALE-Sim rounds output sizes up, so that the last windows may hang over the
 * edge; the map here is as much larger, and those addresses are marked.
 */
export function mapAddresses(layer: ConvLayer, { pixels, window }: Products): OperandAddresses {
  const [outHeight, outWidth] = outputSizeOf(layer, "ceiling");
  const channels = layer.C / layer.groups;
  const [height, width] = [layer.H + 2 * layer.padH, layer.W + 2 * layer.padW];
  const fullHeight = Math.max(height, (outHeight - 1) * layer.strideH + layer.R);
  const fullWidth = Math.max(width, (outWidth - 1) * layer.strideW + layer.S);
  const rowWords = fullWidth * channels;
  const byOuter = Int32Array.from({ length: pixels }, (_, pixel) => {
    const row = Math.floor(pixel / outWidth);
    const [image, y, x] = [Math.floor(row / outHeight), row % outHeight, pixel % outWidth];
    return (image * fullHeight + y * layer.strideH) * rowWords + x * layer.strideW * channels;
  });
  const byWindow = Int32Array.from({ length: window }, (_, position) => {
    const [row, within] = [Math.floor(position / (layer.S * channels)), position % (layer.S * channels)];
    return row * rowWords + within;
  });
  const hangsOver = fullHeight > height || fullWidth > width;
  const isPadding = (address: number): boolean =>
    Math.floor(address / rowWords) % fullHeight >= height || address % rowWords >= width * channels;
  return {
    byOuter,
    byWindow,
    addresses: layer.batch * fullHeight * rowWords,
    comesOnce: false,
    ...(hangsOver && { isPadding }),
  };
}

/** The values that an operand holds, each counted once: those that some window covers. */
export function countDistinct({ steps, units, addresses, comesOnce, isPadding }: OperandStream): number {
  if (comesOnce) return addresses;
  const seen = new Uint8Array(addresses);
  let distinct = 0;
  for (const step of steps) {
    for (const unit of units) {
      const address = step + unit;
      if (seen[address] === 0 && !isPadding?.(address)) {
        seen[address] = 1;
        distinct++;
      }
    }
  }
  return distinct;
}

/**
 * An operand's values in the order in which SCALE-Sim fetches them from DRAM when bandwidth is the user's: fold after fold, streamed
 * operands along the diagonals in which the array asks for them, stationary ones row by row. Padding is left out.
 */
export function fetchOrder(stream: OperandStream): Int32Array {
  const { kind, steps, units, width, isPadding } = stream;
  const order = new Int32Array(steps.length * units.length);
  let count = 0;
  const rows = Math.ceil(units.length / width) * steps.length; // of all folds, one below the other
  if (kind === "stationary") {
    for (let row = 0; row < rows; row++) {
      const unit = Math.floor(row / steps.length) * width;
      const step = steps[row % steps.length];
      const end = Math.min(unit + width, units.length);
      for (let each = unit; each < end; each++) order[count++] = step + units[each];
    }
  } else {
    for (let diagonal = 0; diagonal < rows + width - 1; diagonal++) {
      const first = Math.min(diagonal, rows - 1);
      const length = first - Math.max(0, diagonal - width + 1) + 1;
      let unit = Math.floor(first / steps.length) * width + diagonal - first;
      let step = first % steps.length;
      for (let place = 0; place < length; place++) {
        if (unit < units.length) order[count++] = steps[step] + units[unit];
        unit++;
        if (--step < 0) [step, unit] = [steps.length - 1, unit - width];
      }
    }
  }
  return isPadding === undefined ? order : order.filter((address) => !isPadding(address));
}
