// Does without the packages that have the same: they would be loaded for every `lowbit --help`.

/** Letters to insert, remove or change. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length];
}

/** " (Did you mean sgd?)" as commander says it, or nothing where no name is near. */
export function suggest(text: string, names: readonly string[]): string {
  const near = names
    .map((name) => ({ name, distance: editDistance(text.slice(0, 100).toLowerCase(), name) }))
    .filter(({ name, distance }) => distance <= Math.ceil(name.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return near.length === 0 ? "" : ` (Did you mean ${near[0].name}?)`;
}
