/** Values that are kept at most. */
const MOST = 1 << 16;

/**
 * Up to 65,536 of all the values that come by, evenly taken: every one, then every second, every fourth. The same values make
 * the same sample, in however many pieces they come.
 */
export class EvenSample {
  private readonly kept = new Float32Array(MOST);
  private count = 0;
  private stride = 1;
  private seen = 0;

  add(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++, this.seen++) {
      if (this.seen % this.stride !== 0) continue;
      if (this.count === MOST) this.halve();
      if (this.seen % this.stride === 0) this.kept[this.count++] = values[i];
    }
  }

  values(): Float32Array {
    return this.kept.subarray(0, this.count);
  }

  private halve(): void {
    for (let i = 0; i < MOST / 2; i++) this.kept[i] = this.kept[2 * i];
    this.count = MOST / 2;
    this.stride *= 2;
  }
}
