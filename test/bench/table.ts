/** How figures are shown. */
export interface Figure {
  name: string;
  value: number;
  unit: 's' | 'ms' | 'CPU-s' | 'MiB' | 'calls' | '×';
}

/** Prints the figures as an aligned table. */
export function printTable(target: string, figures: Figure[]): void {
  const width = Math.max(...figures.map(figure => figure.name.length), 20);
  console.log(`\nOn ${target}, Node ${process.version}\n`);
  for (const { name, value, unit } of figures) {
    const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    console.log(`${name.padEnd(width)}  ${value.toFixed(digits).padStart(9)} ${unit}`);
  }
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value below which `share` (0 to 1) of the values lie. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
