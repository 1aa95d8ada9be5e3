/** A learned step, or a learned range, never goes below: it has to stay above 0. */
export const SMALLEST_STEP = 2 ** -20;
