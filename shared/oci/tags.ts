import * as z from 'zod';
import { readAll, shown } from '../network/http.ts';
import { jsonOf } from './answers.ts';
import type { Connection } from './connection.ts';
import { OciError, ociError } from './errors.ts';

const TagList = z.object({ tags: z.array(z.string()).nullish() });

/** As many are asked for at once; registries give fewer when they like. */
const pageSize = 1000;
/** Bounds on what a registry can make us read. */
const maxTags = 500_000;
const maxPage = 16 * 2 ** 20;

/** All tags of the repository, by pages. Throws OciError. */
export async function listTags(connection: Connection): Promise<string[]> {
  const name = `${connection.name.host}/${connection.name.repository}`;
  const what = `tags of ${name}`;
  const tags: string[] = [];
  const seen = new Set<string>();
  let page = await connection.url(`tags/list?n=${pageSize}`);
  for (;;) {
    seen.add(page.href);
    const answer = await connection.send({ path: page, what });
    const body = await readAll(answer.body, maxPage, shown(page)).catch(error => {
      throw ociError(error);
    });
    const parsed = TagList.safeParse(jsonOf(body));
    if (!parsed.success) throw new OciError('NotRegistry', `${what}: the answer is not a list of tags`);
    for (const tag of parsed.data.tags ?? []) tags.push(tag);
    if (tags.length > maxTags) throw new OciError('TooLarge', `${name} has more than ${maxTags} tags`);
    const next = nextPage(answer.headers.link, page, what);
    if (!next) return tags;
    if (seen.has(next.href)) throw new OciError('NotRegistry', `${what}: the pages go round in a circle`);
    page = next;
  }
}

/** What `Link: <…>; rel="next"` leads to, which must be the same registry: the request carries its credentials. */
export function nextPage(link: string | string[] | undefined, page: URL, what: string): URL | undefined {
  if (link === undefined) return undefined;
  const target = /<([^>]*)>\s*;[^<]*\brel="?next"?/i.exec(String(link))?.[1];
  if (target === undefined) return undefined;
  const next = URL.parse(target, page.href);
  if (next?.origin === page.origin) return next;
  throw new OciError('RedirectRefused', `${what}: the next page is not on the registry itself`);
}
