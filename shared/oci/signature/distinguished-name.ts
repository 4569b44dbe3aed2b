import type { X509Certificate } from '@peculiar/x509';

/** Attributes of a distinguished name by their short type (`C`, `ST`, `O`, `CN` …); of another type by its OID. */
export type DistinguishedName = ReadonlyMap<string, string>;

/** What a name has to have to be compared (Notary Project, trust store and trust policy, trusted identities). */
const mandatory = ['C', 'ST', 'O'];

/** Parses a name as RFC 4514 writes it. Throws an Error that says what is wrong with it. */
export function parseDistinguishedName(text: string): DistinguishedName {
  if (text.includes('=#'))
    throw new Error(`'${text}' has an attribute in hexadecimal form ('=#'), which is not supported`);
  const pairs = split(text, ',').map(part => {
    if (split(part, '+').length > 1) throw new Error(`'${text}' has several attributes in one part ('+')`);
    const at = part.indexOf('=');
    if (at < 1) throw new Error(`'${part.trim()}' in '${text}' is not of the form type=value`);
    return [part.slice(0, at).trim(), unescaped(part.slice(at + 1))] as const;
  });
  return nameOf(pairs, text);
}

/** The subject of a certificate. Throws as {@link parseDistinguishedName}. */
export function subjectOf(certificate: X509Certificate): DistinguishedName {
  const pairs = certificate.subjectName.toJSON().flatMap(part => {
    const attributes = Object.entries(part).flatMap(([type, values]) => values.map(value => [type, value] as const));
    if (attributes.length > 1) throw new Error(`'${certificate.subject}' has several attributes in one part`);
    return attributes;
  });
  return nameOf(pairs, certificate.subject);
}

function nameOf(pairs: (readonly [string, string])[], text: string): DistinguishedName {
  const name = new Map<string, string>();
  for (const [type, value] of pairs) {
    // Some write the state or province so.
    const key = type === 'S' ? 'ST' : type;
    if (name.has(key)) throw new Error(`'${text}' has '${key}' more than once`);
    name.set(key, value);
  }
  const missing = mandatory.filter(type => !name.get(type));
  if (missing.length > 0) throw new Error(`'${text}' has no ${missing.join(', ')}; C, ST and O have to be there`);
  return name;
}

/** Whether all attributes of `part` are in `whole`, with the same values. */
export function isPartOf(part: DistinguishedName, whole: DistinguishedName): boolean {
  return [...part].every(([type, value]) => whole.get(type) === value);
}

/** Splits at what is neither escaped nor quoted. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [''];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\') {
      parts[parts.length - 1] += char + (text[++at] ?? '');
      continue;
    }
    if (char === '"') quoted = !quoted;
    if (char === separator && !quoted) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

/** The value that RFC 4514 (or, in quotes, RFC 2253) writes so. */
function unescaped(text: string): string {
  const trimmed = text.trimStart().replace(/(?<!\\)\s+$/, '');
  const quoted = /^"(.*)"$/s.exec(trimmed)?.[1];
  const bytes = (quoted ?? trimmed).replace(/((?:\\[0-9a-fA-F]{2})+)/g, run =>
    Buffer.from(run.replaceAll('\\', ''), 'hex').toString('utf8'),
  );
  return bytes.replace(/\\(.)/gs, '$1');
}
