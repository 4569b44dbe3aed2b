/**
 * What sources keep in the store beside their artifacts, to ask or compute it once: answers of remotes, indexes, bases of
 * incremental fetches. Everything under it is made again when it is not there; each kind of thing has a folder of its own.
 */
export const cachePrefix = 'sources/';
