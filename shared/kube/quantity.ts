const amounts = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([eE])([+-]?\d+)|([numkMGTPE]?))$/;
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimal = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/**
 * The form in which the API server writes a resource quantity: `1000m` is `1`, `1024Mi` is `1Gi`. undefined for what is
 * none, and for forms too rare to be worth certainty (exponents, fractions of a nano).
 */
export function canonicalQuantity(text: string): string | undefined {
  const match = amounts.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', binarySuffix, exponent, , decimalSuffix] = match;
  if (exponent || whole + fraction === '' || fraction.length > 9) return undefined;
  const digits = BigInt(whole + fraction);
  const minus = sign === '-' && digits > 0n ? '-' : '';
  // In nanos, so that fractions are whole numbers.
  const nanos = (factor: bigint): bigint | undefined => {
    const scaled = digits * factor * 1_000_000_000n;
    const divisor = 10n ** BigInt(fraction.length);
    return scaled % divisor === 0n ? scaled / divisor : undefined;
  };
  if (binarySuffix === undefined) {
    const power = decimal.indexOf(decimalSuffix ?? '');
    const value = power >= 3 ? nanos(1000n ** BigInt(power - 3)) : shrunk(nanos(1n), 1000n ** BigInt(3 - power));
    return value === undefined ? undefined : minus + withSuffix(value, 1000n, decimal);
  }
  const value = nanos(1024n ** BigInt(binary.indexOf(binarySuffix)));
  if (value === undefined || value % 1_000_000_000n !== 0n) return undefined;
  const units = value / 1_000_000_000n;
  return minus + (units < 1024n ? withSuffix(value, 1000n, decimal) : withSuffix(units, 1024n, binary));
}

function shrunk(value: bigint | undefined, divisor: bigint): bigint | undefined {
  return value !== undefined && value % divisor === 0n ? value / divisor : undefined;
}

/** The largest suffix that leaves a whole number. */
function withSuffix(value: bigint, base: bigint, suffixes: readonly string[]): string {
  if (value === 0n) return '0';
  let rest = value;
  let power = 0;
  while (rest % base === 0n && power < suffixes.length - 1) {
    rest /= base;
    power++;
  }
  return `${rest}${suffixes[power]}`;
}

const holders = new Set([
  'requests',
  'limits',
  'hard',
  'capacity',
  'max',
  'min',
  'default',
  'defaultRequest',
  'maxLimitRequestRatio',
  'podFixed',
]);

/** Whether a field of a built-in kind is a quantity, by its name and that of the field that holds it. */
export function isQuantityField(field: string, parent: string): boolean {
  return field === 'sizeLimit' || holders.has(parent);
}
