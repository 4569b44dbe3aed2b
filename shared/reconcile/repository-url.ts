/**
 * One form for the addresses of one repository, so that a webhook that says `git@github.com:Org/app.git` finds the source
 * that says `https://github.com/org/app`: `host[:port]/path`, without scheme, credentials, default port, `.git` and
 * trailing slash. Lower case as a whole: the large hosts ignore case, and a source found too often costs one look at
 * its remote. Undefined when `url` is no repository address.
 */
export function normalizeUrl(url: string): string | undefined {
  const text = url.trim();
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)([^\s]+)$/.exec(text);
  const parsed = URL.parse(scp && !text.includes('://') ? `ssh://${scp[1]}/${scp[2]}` : text);
  if (!parsed?.hostname) return undefined;
  const standard = { 'http:': '80', 'https:': '443', 'ssh:': '22', 'git:': '9418' }[parsed.protocol];
  const port = parsed.port && parsed.port !== standard ? `:${parsed.port}` : '';
  let path = parsed.pathname;
  try {
    path = decodeURIComponent(path);
  } catch {
    // A stray percent sign stays as it is: the same address gives the same form, and that is all that is asked.
  }
  path = path
    .replace(/\/+/g, '/')
    .replace(/\/$/, '')
    .replace(/\.git$/i, '');
  return `${parsed.hostname}${port}${path}`.toLowerCase();
}
