/**
 * One form for the addresses of one repository, so that a webhook that says `git@github.com:Org/app.git` finds the source
 * that says `https://github.com/org/app`: `host[:port]/path`, without scheme, credentials, default port, `.git` and
 * trailing slash. Lower case as a whole: the large hosts ignore case, and a source found too often costs one look at
 * its remote. What {@link bucketUrl} makes stays as it is. Undefined when `url` is no repository address.
 */
export function normalizeUrl(url: string): string | undefined {
  const text = url.trim();
  if (/^s3:\/\//i.test(text)) return text.toLowerCase();
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

/** AWS's own S3, by all names of its endpoints. */
const amazonS3 = /^(?:[a-z0-9-]+\.)*s3(?:[.-][a-z0-9-]+)*\.amazonaws\.(?:com|com\.cn|eu)$/;

/**
 * The address of a bucket, as the index has it. One of AWS's is known by its name, which no other there has and by which
 * events call it; those of other servers by their endpoint, too, which a Bucket names as `host[:port]`.
 */
export function bucketUrl(endpoint: string, bucketName: string): string {
  const host = endpoint
    .trim()
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
  const name = bucketName.trim().toLowerCase();
  return amazonS3.test(host.replace(/:443$/, '')) ? `s3://${name}` : `s3://${host}/${name}`;
}
