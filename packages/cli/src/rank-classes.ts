/** Softmax in float64, the likeliest first. */
export function rankClasses(
  logits: readonly number[],
  names: readonly string[],
): { name: string; probability: number }[] {
  const largest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials
    .map((value, k) => ({ name: names[k] ?? `class ${k}`, probability: value / total }))
    .sort((a, b) => b.probability - a.probability);
}
