/**
 * Versions and ranges as Masterminds/semver (v3) reads them, which Flux and Helm use; npm's `semver` reads both otherwise.
 */

/** A text that is no range of versions. */
export class VersionRangeError extends Error {
  readonly code = 'InvalidVersionRange';
  constructor(range: string, why: string) {
    super(`"${range.slice(0, 80)}" is not a version range: ${why}`);
    this.name = 'VersionRangeError';
  }
}

/** A version as tags write it: `v` in front, zeros in front of numbers and missing numbers are tolerated. */
export interface Version {
  /** Major, minor, patch. */
  numbers: [bigint, bigint, bigint];
  prerelease: string;
  metadata: string;
}

const maxUint64 = 2n ** 64n - 1n;
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const versionPattern = new RegExp(
  `^v?(\\d+)(?:\\.(\\d+))?(?:\\.(\\d+))?(?:-(${identifiers}))?(?:\\+(${identifiers}))?$`,
);

/** Parses a version as Masterminds/semver's NewVersion does; undefined when it is none. */
export function parseVersion(text: string): Version | undefined {
  const match = text.length > 256 ? null : versionPattern.exec(text);
  if (!match) return undefined;
  const [, major = '', minor = '0', patch = '0', prerelease = '', metadata = ''] = match;
  const numbers: Version['numbers'] = [BigInt(major), BigInt(minor), BigInt(patch)];
  if (numbers.some(number => number > maxUint64)) return undefined;
  if (prerelease.split('.').some(part => /^0\d+$/.test(part))) return undefined;
  return { numbers, prerelease, metadata };
}

/** Parses a tag's name as Flux does: a version, with at least two dots. */
export function parseTagVersion(tag: string): Version | undefined {
  return tag.split('.', 3).length === 3 ? parseVersion(tag) : undefined;
}

/** Order of precedence; build metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  for (let part = 0; part < 3; part++) {
    const difference = compare(a.numbers[part]!, b.numbers[part]!);
    if (difference !== 0) return difference;
  }
  if (a.prerelease === b.prerelease) return 0;
  if (a.prerelease === '') return 1;
  if (b.prerelease === '') return -1;
  return comparePrereleases(a.prerelease, b.prerelease);
}

function comparePrereleases(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  for (let part = 0; part < Math.max(left.length, right.length); part++) {
    const x = left[part];
    const y = right[part];
    if (x === y) continue;
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    const [m, n] = [numeric(x), numeric(y)];
    if (m !== undefined && n !== undefined) return compare(m, n);
    if (m !== undefined) return -1;
    if (n !== undefined) return 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

function numeric(part: string): bigint | undefined {
  const number = /^\d+$/.test(part) ? BigInt(part) : undefined;
  return number !== undefined && number <= maxUint64 ? number : undefined;
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How much of a constraint's version was written: `1.2.3`, `1.2` or `1.2.x`, `1` or `1.x`, `*`. */
type Precision = 'patch' | 'minor' | 'major' | 'none';

interface Comparator {
  operator: string;
  version: Version;
  precision: Precision;
}

/** Groups of which one must hold; of a group, every comparator. */
export type Range = { comparators: Comparator[]; prereleases: boolean }[];

/**
 * Parses a range as Masterminds/semver (v3) reads it, which Flux uses; npm reads ranges differently. The differences that
 * matter: comma and space mean AND; pre-releases take part in a whole AND group as soon as one of its versions has one
 * (not only those of the same patch); `~1` stays within major 1; `^0.0` within 0.0; `<=1.2` includes 1.2.9; `>1.2` begins
 * at 1.3.0; `>=1.0.0-0` admits pre-releases of any version; an empty range is an error. Throws VersionRangeError.
 */
export function parseRange(text: string): Range {
  if (text.length > 512) throw invalid(text, 'it is longer than 512 characters');
  const groups = rewriteHyphens(text).split('||');
  if (groups.length > 32) throw invalid(text, 'it has more than 32 alternatives');
  return groups.map(group => {
    const comparators = parseGroup(group, text);
    return { comparators, prereleases: comparators.some(({ version }) => version.prerelease !== '') };
  });
}

const partial = '[0-9|xX*]+';
const wild = `v?(?:${partial})(?:\\.${partial})?(?:\\.${partial})?(?:-${identifiers})?(?:\\+${identifiers})?`;
const hyphenRange = new RegExp(`\\s*(${wild})\\s+-\\s+(${wild})\\s*`, 'g');

/** `1.0 - 2.0` means `>= 1.0, <= 2.0`. */
function rewriteHyphens(text: string): string {
  return text.replace(hyphenRange, (_, low: string, high: string) => `>= ${low}, <= ${high} `);
}

const comparatorPattern = new RegExp(
  `(=>|=<|>=|<=|!=|~>|=|>|<|~|\\^)?[ \\t\\n\\f\\r]*v?(${partial})(\\.${partial})?(\\.${partial})?(-${identifiers})?(\\+${identifiers})?`,
  'y',
);
const blank = /[ \t\n\f\r]*/y;

/** Reads comparators one after the other; a single expression for the whole would backtrack without bound. */
function parseGroup(group: string, range: string): Comparator[] {
  const comparators: Comparator[] = [];
  let position = skipBlank(group, 0);
  for (;;) {
    comparatorPattern.lastIndex = position;
    const match = comparatorPattern.exec(group);
    if (!match) throw invalid(range, `"${group.slice(position, position + 40)}" is no comparison`);
    comparators.push(comparatorOf(match, range));
    const end = comparatorPattern.lastIndex;
    position = skipBlank(group, end);
    if (position === group.length) return comparators;
    if (group[position] === ',') position = skipBlank(group, position + 1);
    else if (position === end) throw invalid(range, `"${group.slice(position, position + 40)}" is not separated`);
  }
}

function skipBlank(text: string, from: number): number {
  blank.lastIndex = from;
  blank.exec(text);
  return blank.lastIndex;
}

function comparatorOf(match: RegExpExecArray, range: string): Comparator {
  const [written, operator = '', major = '', minor = '', patch = '', prerelease = '', metadata = ''] = match;
  let precision: Precision = 'patch';
  let text = `${major}${minor}${patch}${prerelease}${metadata}`;
  if (isWild(major)) {
    precision = 'none';
    text = `0.0.0${prerelease}`;
  } else if (minor === '' || isWild(minor.slice(1))) {
    precision = 'major';
    text = `${major}.0.0${prerelease}`;
  } else if (patch === '' || isWild(patch.slice(1))) {
    precision = 'minor';
    text = `${major}${minor}.0${prerelease}`;
  }
  const version = parseVersion(text);
  if (!version) throw invalid(range, `"${written}" holds no version`);
  return { operator, version, precision };
}

function isWild(part: string): boolean {
  return part === 'x' || part === 'X' || part === '*';
}

/** Whether a version lies in a range. */
export function inRange(version: Version, range: Range): boolean {
  return range.some(({ comparators, prereleases }) => {
    if (version.prerelease !== '' && !prereleases) return false;
    return comparators.every(comparator => holds(version, comparator));
  });
}

function holds(version: Version, { operator, version: bound, precision }: Comparator): boolean {
  const order = compareVersions(version, bound);
  const [major, minor, patch] = version.numbers;
  const [boundMajor, boundMinor, boundPatch] = bound.numbers;
  const sameMajor = major === boundMajor;
  const sameMinor = sameMajor && minor === boundMinor;
  switch (operator) {
    case '>=':
    case '=>':
      return order >= 0;
    case '<':
      return order < 0;
    case '>':
      if (precision === 'major') return major > boundMajor;
      if (precision === 'minor') return major > boundMajor || (sameMajor && minor > boundMinor);
      return order > 0;
    case '<=':
    case '=<':
      if (precision === 'patch') return order <= 0;
      return major < boundMajor || (sameMajor && (precision === 'major' || minor <= boundMinor));
    case '!=':
      if (precision === 'major') return !sameMajor;
      if (precision === 'minor') return !sameMinor || version.prerelease !== bound.prerelease;
      return order !== 0;
    case '^':
      if (order < 0 || !sameMajor) return false;
      if (boundMajor > 0n || precision === 'major') return true;
      return sameMinor && (boundMinor > 0n || precision === 'minor' || patch === boundPatch);
    case '':
    case '=':
      if (precision === 'patch') return order === 0;
      break;
  }
  // What is left is the tilde, and `=` with parts missing.
  if (order < 0) return false;
  const zero = boundMajor === 0n && boundMinor === 0n && boundPatch === 0n;
  if (zero && (precision === 'patch' || precision === 'none')) return true;
  return precision === 'major' ? sameMajor : sameMinor;
}

function invalid(range: string, why: string): VersionRangeError {
  return new VersionRangeError(range, why);
}
