interface Container {
  name: string;
  image?: string;
}

/** The names and the images of containers, as wide tables show them. */
export function containerCells(containers: Container[] = []): [string, string] {
  return [containers.map(({ name }) => name).join(','), containers.map(({ image = '' }) => image).join(',')];
}

/** `a=b,c=d` in order of keys; `<none>` when empty. */
export function formatMap(map: Record<string, string> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${value}`).join(',') || '<none>';
}

/** The first `most` of a list, and how many more there are. */
export function firstFew(list: string[], most: number, empty: string): string {
  const shown = list.slice(0, most).join(',');
  if (list.length > most) return `${shown} + ${list.length - most} more...`;
  return shown || empty;
}

/** A load balancer's addresses. */
export function addressesOf(ingress: { ip?: string; hostname?: string }[] = []): string {
  return [...new Set(ingress.map(({ ip, hostname }) => ip || hostname || '').filter(address => address))]
    .sort()
    .join(',');
}
