/** Insertions, deletions, changes and swaps of neighbours that lead from one text to the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(change, last[j] + 1, row[j - 1] + 1);
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swaps) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}

/**
 * The known name that a misspelt one was probably meant to be; undefined where none is near.
 *
 * @example didYouMean("resnt8", ["resnet8", "resnet20"]) // "resnet8"
 */
export function didYouMean(name: string, known: readonly string[]): string | undefined {
  const spelt = name.slice(0, 100).toLowerCase();
  const near = known
    .map((each) => ({ each, distance: editDistance(spelt, each.toLowerCase()) }))
    .filter(({ each, distance }) => distance <= Math.max(1, Math.floor(each.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.each;
}
