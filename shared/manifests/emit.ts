import { resolvePlain } from './scalars.ts';

/**
 * Writes YAML with the choices that Go's yaml.v2 makes: sorted keys, text unquoted where it can be. Variables are
 * substituted in this text, as in Flux, so whether a `${…}` stands in quotes decides whether `true` becomes a boolean
 * or stays text.
 */
export function emitYaml(value: unknown): string {
  return isCollection(value) && !isEmpty(value) ? block(value, 0) : `${inline(value)}\n`;
}

type Collection = unknown[] | Record<string, unknown>;

function isCollection(value: unknown): value is Collection {
  return typeof value === 'object' && value !== null;
}

function isEmpty(value: Collection): boolean {
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

function block(value: Collection, indent: number): string {
  return Array.isArray(value) ? sequence(value, indent) : mapping(value, indent);
}

function mapping(value: Record<string, unknown>, indent: number): string {
  const pad = ' '.repeat(indent);
  return Object.keys(value)
    .toSorted(compareKeys)
    .map(key => `${pad}${scalar(key, indent, true)}:${field(value[key], indent)}`)
    .join('');
}

function field(value: unknown, indent: number): string {
  if (!isCollection(value) || isEmpty(value)) return ` ${inline(value, indent)}\n`;
  // A list stands at the indentation of its key.
  return `\n${Array.isArray(value) ? sequence(value, indent) : mapping(value, indent + 2)}`;
}

function sequence(items: unknown[], indent: number): string {
  const pad = ' '.repeat(indent);
  return items
    .map(item => {
      if (!isCollection(item) || isEmpty(item)) return `${pad}- ${inline(item, indent)}\n`;
      return `${pad}- ${block(item, indent + 2).slice(indent + 2)}`;
    })
    .join('');
}

function inline(value: unknown, indent = 0): string {
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object' && value !== null) return '{}';
  if (typeof value === 'string') return scalar(value, indent, false);
  if (typeof value === 'number') return number(value);
  return value === null || value === undefined ? 'null' : String(value);
}

/** Go writes 1e+06, JavaScript 1000000; both read the same. Only what YAML reads otherwise is rewritten. */
function number(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  return String(value);
}

/** Letters after digits, and runs of digits by their value, as Go's encoder sorts keys. */
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function scalar(text: string, indent: number, isKey: boolean): string {
  if (text.includes('\n') && !isKey && literalAllowed(text)) return literal(text, indent);
  if (text === '') return '""';
  if (text.includes('\n') || hasSpecial(text)) return doubleQuoted(text);
  if (!resolvesToText(text)) return doubleQuoted(text);
  return plainAllowed(text) ? text : singleQuoted(text);
}

/** Whether the text would be read as text without quotes. */
function resolvesToText(text: string): boolean {
  if (text === '<<' || isTimestamp(text) || isBase60(text)) return false;
  try {
    return typeof resolvePlain(text, 'kubernetes') === 'string';
  } catch {
    return false;
  }
}

const isTimestamp = (text: string) => /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt ]\d)/.test(text);
const isBase60 = (text: string) => /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(text);

/** Characters that only double quotes can carry. */
function hasSpecial(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return /[\u0000-\u0008\u000b-\u001f\u007f-\u0084\u0086-\u009f\ufeff\ufffe\uffff\t\r\u0085\u2028\u2029]/.test(text);
}

function plainAllowed(text: string): boolean {
  if (/^\s|\s$/.test(text)) return false;
  if (/^(?:---|\.\.\.)/.test(text)) return false;
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text)) return false;
  if (/^[?:-](?:\s|$)/.test(text)) return false;
  return !/:(?:\s|$)|\s#/.test(text);
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const escapes: Record<string, string> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

function doubleQuoted(text: string): string {
  const escaped = text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
    /["\\\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    char => escapes[char] ?? `\\${unicodeEscape(char.charCodeAt(0))}`,
  );
  return `"${escaped}"`;
}

function unicodeEscape(code: number): string {
  return code < 256
    ? `x${code.toString(16).toUpperCase().padStart(2, '0')}`
    : `u${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** A literal block cannot carry a space before a line break or at the end, nor special characters. */
function literalAllowed(text: string): boolean {
  return (
    !/ \n| $/.test(text) && !hasSpecial(text.replaceAll('\t', ' ').replaceAll('\n', ' ')) && !text.includes('\t\n')
  );
}

function literal(text: string, indent: number): string {
  const pad = ' '.repeat(indent + 2);
  // A first line that begins with a space needs the indentation said.
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const body = text.replace(/\n$/, '');
  const chomp = !text.endsWith('\n') ? '-' : /\n\n$/.test(text) || text === '\n' ? '+' : '';
  const lines = body.split('\n').map(line => (line === '' ? '' : pad + line));
  return `|${hint}${chomp}\n${lines.join('\n')}`;
}
