/** Channels of a layer at a width: base · width rounded to a multiple of its groups, and at least one for each group. */
export function widenChannels(base: number, width: number, groups = 1): number {
  return Math.max(1, Math.round((base * width) / groups)) * groups;
}
