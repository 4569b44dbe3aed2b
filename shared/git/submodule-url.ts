import { foreignText, GitError } from './errors.ts';
import type { GitAuth } from './remote.ts';

/**
 * The address of a submodule, given that of the repository that holds it: absolute ones (`https://`, `http://`, `ssh://`,
 * and `user@host:path`, which is ssh), and those that begin with `./` or `../`, which Git takes relative to the repository's
 * own. Anything else (files, other programs' transports, options) is refused: .gitmodules is written by whoever can push.
 * Throws GitError SubmoduleRefused, which names `path`, the submodule's place.
 */
export function submoduleUrl(written: string, parent: string, path: string): string {
  const refuse = (why: string) =>
    new GitError(
      'SubmoduleRefused',
      `submodule '${foreignText(path, 200)}' has the address '${foreignText(withoutPassword(written), 200)}', ${why}`,
    );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0020\u007f]/.test(written)) throw refuse('which holds a space or a control character');
  if (/^\.\.?(\/|$)/.test(written)) return relative(written, parent, refuse);
  const scp = /^(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*):(?!\/\/|:)(.+)$/.exec(written);
  if (scp && !/^[a-z]$/i.test(scp[2]!)) {
    const [, user = 'git', host = '', place = ''] = scp;
    return parsed(`ssh://${user}@${host}/${place.replace(/^\/+/, '')}`, refuse).href;
  }
  const url = parsed(written, refuse);
  if (!['https:', 'http:', 'ssh:'].includes(url.protocol))
    throw refuse('which is none of https, http and ssh: only these are fetched');
  return url.href;
}

type Refuse = (why: string) => GitError;

function parsed(text: string, refuse: Refuse): URL {
  const url = URL.parse(text);
  if (!url) throw refuse('which is no URL: write https://host/path, ssh://user@host/path, or ../path');
  if (!url.hostname || url.hostname.startsWith('-') || url.username.startsWith('-'))
    throw refuse('which names no host that can be asked');
  return url;
}

/** As Git does it, `..` takes a name off the end; never beyond the host. */
function relative(written: string, parent: string, refuse: Refuse): string {
  const base = new URL(parent);
  base.search = '';
  base.hash = '';
  const names = base.pathname.split('/').filter(name => name !== '');
  for (const name of written.split('/')) {
    if (name === '' || name === '.') continue;
    if (/^(\.|%2e){1,2}$/i.test(name) && name !== '..') throw refuse('which disguises a step upwards');
    if (name === '..') {
      if (names.pop() === undefined) throw refuse('which leads beyond the root of the server');
    } else names.push(name);
  }
  base.pathname = `/${names.join('/')}`;
  return base.href;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}

/**
 * How a submodule's server is asked. User, password, token and client certificate belong to the server that they were given
 * for: the same scheme, host and port as the repository's own, `own`. An ssh key proves itself without being shown, to those
 * servers alone whose host keys the Secret holds; and whom to trust is no secret.
 */
export function submoduleAccess(url: string, own: string, auth: GitAuth = {}): { url: string; auth: GitAuth } {
  const [there, here] = [new URL(url), new URL(own)];
  if (there.protocol === 'ssh:') return { url, auth: auth.ssh ? { ssh: auth.ssh } : {} };
  if (there.protocol !== here.protocol || there.host !== here.host)
    return { url, auth: auth.ca ? { ca: auth.ca } : {} };
  if (!auth.username && !auth.password && !auth.bearerToken && !here.username && !here.password) return { url, auth };
  // One who is asked for is enough: the user that .gitmodules may name gives way.
  there.username = here.username;
  there.password = here.password;
  return { url: there.href, auth };
}
