// Padded copies of image planes, laid out so that every tap of a convolution is a constant shift of a contiguous run.
// That takes the place of im2col: one copy of the image, not one per tap.
//
//   image rows, 3 × 3 taps, padding 1        plane: pitch = W + 1; the zero right of a row is the zero left of the next
//                                              0 0 0 0 0          tap (r, s) of output (y, x) lies at
//     a b c d                                  0 a b c d            (y + r) · pitch + x + s = q + (r · pitch + s), q = y · pitch + x
//     e f g h                                  0 e f g h          outputs q run on over row ends; at x ≥ Wo they are garbage and
//                                              0 0 0 0 0 0…       are dropped when a tile is copied out.
//
// With stride (fh, fw) the image is split in fh · fw phases first: plane (fy, fx) holds rows i · fh + fy − padTop and columns
// j · fw + fx − padLeft, and within a phase neighbours are one apart again.

/** Fills rows firstRow … firstRow + rows − 1 of one plane from image plane `source` [H, W]; zeros outside the image. At least 4 floats follow the rows. */
export function fillPlane(
  to: usize, planeFloats: i32, source: usize, H: i32, W: i32,
  firstRow: i32, rows: i32, pitch: i32, stepH: i32, stepW: i32, shiftH: i32, shiftW: i32,
): void {
  // columns j with 0 ≤ j · stepW + shiftW < W
  const firstColumn = shiftW >= 0 ? 0 : min(pitch, (stepW - 1 - shiftW) / stepW);
  const endColumn = W - shiftW <= 0 ? firstColumn : max(firstColumn, min(pitch, (W - shiftW + stepW - 1) / stepW));
  const columns = endColumn - firstColumn;
  const end = to + (<usize>planeFloats << 2);
  for (let i = firstRow; i < firstRow + rows; i++, to += <usize>pitch << 2) {
    const y = i * stepH + shiftH;
    if (y < 0 || y >= H) {
      zeroAhead(to, pitch);
      continue;
    }
    zeroAhead(to, firstColumn);
    let from = source + (<usize>(y * W + firstColumn * stepW + shiftW) << 2);
    let at = to + (<usize>firstColumn << 2);
    if (stepW == 1) {
      copyRow(at, from, columns);
    } else {
      for (let j = 0; j < columns; j++, at += 4, from += <usize>stepW << 2) store<f32>(at, load<f32>(from));
    }
    zeroAhead(to + (<usize>endColumn << 2), pitch - endColumn);
  }
  zero(to, <i32>((end - to) >> 2)); // tiles read on behind the last row
}

/** `count` zeros, and up to three more behind them: only where what follows is written later. */
// @ts-ignore: decorator
@inline
function zeroAhead(to: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, to += 16) v128.store(to, f32x4.splat(0));
}

// @ts-ignore: decorator
@inline
function zero(to: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4, to += 16) v128.store(to, f32x4.splat(0));
  for (; i < count; i++, to += 4) store<f32>(to, 0);
}

/** Copies a row of floats; the last vector overlaps the one before it, so nothing outside is touched. */
// @ts-ignore: decorator
@inline
export function copyRow(to: usize, from: usize, count: i32): void {
  if (count < 4) {
    for (let i = 0; i < count; i++, to += 4, from += 4) store<f32>(to, load<f32>(from));
    return;
  }
  const last = <usize>(count - 4) << 2;
  for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
  v128.store(to + last, v128.load(from + last));
}
