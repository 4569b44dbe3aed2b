import { isIP, isIPv4, isIPv6 } from 'node:net';

const checks: Record<string, (text: string) => boolean> = {
  'date-time': isDateTime,
  datetime: isDateTime,
  date: text => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  duration: isDuration,
  uri: text => URL.canParse(text) || text.startsWith('/'),
  email: text => /^[^\s@]+@[^\s@]+$/.test(text),
  hostname: text => /^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62}))*\.?$/.test(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: text =>
    /^([^/]+)\/(\d{1,3})$/.test(text) &&
    isIP(text.split('/')[0]!) > 0 &&
    Number(text.split('/')[1]) <= (text.includes(':') ? 128 : 32),
  mac: text => /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(text),
  uuid: text => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid3: text => /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid4: text => /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  uuid5: text => /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  byte: text => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
};

/** Whether a string has the format; formats that the API server does not know fit always. */
export function fitsFormat(format: string, text: string): boolean {
  return checks[format]?.(text) ?? true;
}

function isDateTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))
  );
}

/** Go's durations (`1h30m`), and a number with a word (`2 days`). */
function isDuration(text: string): boolean {
  return (
    /^[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*)$/.test(text) ||
    /^(\d+)\s?(ns|nano|us|micro|ms|milli|s|sec|m|min|h|hr|hour|d|day|w|wk|week)s?$/.test(text)
  );
}
