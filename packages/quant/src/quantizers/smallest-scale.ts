/** Values that are all 0 still have a scale: dividing by it must not make NaN of them, and codes and levels stay apart. */
export const SMALLEST_SCALE = 2 ** -100;
