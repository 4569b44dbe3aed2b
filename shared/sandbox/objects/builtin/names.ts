/** Kubernetes' rules for names, in its own words: each function answers what is wrong, nothing when all is well. */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

function rule(message: string, source: string, ...examples: string[]): { regexp: RegExp; text: string } {
  const shown = examples.map(example => `'${example}', `).join(' or ');
  return {
    regexp: new RegExp(`^(?:${source})$`),
    text: `${message} (e.g. ${shown}regex used for validation is '${source}')`,
  };
}

const rules = {
  label: rule(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    label,
    'my-name',
    '123-abc',
  ),
  subdomain: rule(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    subdomain,
    'example.com',
  ),
  label1035: rule(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    '[a-z]([-a-z0-9]*[a-z0-9])?',
    'my-name',
    'abc-123',
  ),
  wildcard: rule(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    `\\*\\.${subdomain}`,
    '*.example.com',
  ),
  qualified: rule(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    qualified,
    'MyName',
    'my.name',
    '123-abc',
  ),
  labelValue: rule(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    `(${qualified})?`,
    'MyValue',
    'my_value',
    '12345',
  ),
  configKey: rule(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    '[-._a-zA-Z0-9]+',
    'key.name',
    'KEY_NAME',
    'key-name',
  ),
};

function check(
  text: string,
  { regexp, text: message }: { regexp: RegExp; text: string },
  max: number,
  unit = 'bytes',
): string[] {
  const errors: string[] = [];
  if (Buffer.byteLength(text) > max) errors.push(`must be no more than ${max} ${unit}`);
  if (!regexp.test(text)) errors.push(message);
  return errors;
}

export function dnsLabel(text: string): string[] {
  return check(text, rules.label, 63);
}

export function dnsSubdomain(text: string): string[] {
  return check(text, rules.subdomain, 253);
}

export function dns1035Label(text: string): string[] {
  return check(text, rules.label1035, 63, 'characters');
}

export function wildcardSubdomain(text: string): string[] {
  return check(text, rules.wildcard, 253, 'characters');
}

export function labelValue(text: string): string[] {
  return check(text, rules.labelValue, 63);
}

export function configKey(text: string): string[] {
  const errors = check(text, rules.configKey, 253, 'characters');
  if (text === '.') errors.push(`must not be '.'`);
  if (text === '..') errors.push(`must not be '..'`);
  else if (text.startsWith('..')) errors.push(`must not start with '..'`);
  return errors;
}

/** The key of a label or annotation: a name, with or without a domain before it. */
export function qualifiedName(text: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2)
    return [
      `a valid label key ${rules.qualified.text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const errors: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === '') errors.push('prefix part must be non-empty');
    else errors.push(...dnsSubdomain(prefix).map(message => `prefix part ${message}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  if (name.length > 63) errors.push('name part must be no more than 63 bytes');
  if (!rules.qualified.regexp.test(name)) errors.push(`name part ${rules.qualified.text}`);
  return errors;
}

/** A name that goes into a path of the API. */
export function pathSegment(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%'].filter(char => text.includes(char)).map(char => `may not contain '${char}'`);
}

export function portNumber(port: unknown): string[] {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}

export function portName(text: string): string[] {
  const errors: string[] = [];
  if (text.length > 15) errors.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(text)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) errors.push('must contain at least one letter (a-z)');
  if (text.includes('--')) errors.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

/** Environment variables may be named by any printable ASCII but `=`. */
export function variableName(text: string): string[] {
  return /^[ -<>-~]+$/.test(text)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}
