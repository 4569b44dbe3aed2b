/** The tables of docs/scale.md, as they are computed. */
import { type Fleet, fleets, limits, objectsPerCluster } from './assumptions.ts';
import { ceilingsOf } from './ceilings.ts';
import { costOf, levers, natCost } from './cost.ts';
import { works } from './kinds-of-work.ts';
import { type Load, loadOf } from './load.ts';
import { type Published, prices, quotas } from './published.ts';
import { type PushOptions, simulatePush, simulateSteady } from './scenarios.ts';
import { quantile } from './simulate.ts';
import { counts, units, type Work } from './work.ts';

export type TableName = keyof ReturnType<typeof tables>;

/** All tables by name, in Markdown. Some seconds of computing. */
export function tables() {
  return {
    summary: summaryTable(),
    counts: countsTable(),
    units: unitsTable(),
    work: workTable(),
    load: loadTable(),
    ceilings: ceilingsTable(),
    steady: steadyTable(),
    limits: limitsTable(),
    push: pushTable(),
    cost: costTable(),
    levers: leversTable(),
    quotas: publishedTable(quotas),
    prices: publishedTable(prices),
  };
}

/** Puts each table between its marks, `<!-- table: name -->` and `<!-- end -->`. */
export function fill(document: string, computed: Record<string, string>): string {
  const missing = new Set(Object.keys(computed));
  const filled = document.replace(/<!-- table: (\w+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const table = computed[name];
    if (table === undefined) throw new Error(`docs/scale.md asks for a table "${name}", which nobody computes`);
    missing.delete(name);
    return `<!-- table: ${name} -->\n\n${table}\n\n<!-- end -->`;
  });
  if (missing.size > 0) throw new Error(`docs/scale.md has no place for: ${[...missing].join(', ')}`);
  return filled;
}

function table(head: string[], rows: (string | number)[][]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, n) => (n === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Three digits, which is more than the model knows. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  if (Math.abs(value) < 0.01) return '< 0.01';
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

const percent = (share: number) => `${figure(share * 100)} %`;
const dollars = (value: number) => (value < 0.5 ? '< 1' : Math.round(value).toLocaleString('en-US'));

function nameOf({ clusters, intervalSeconds }: Fleet): string {
  return `${clusters} × ${objectsPerCluster.toLocaleString('en-US')}, ${intervalSeconds / 60} min`;
}

const columns: [string, string[]][] = [
  ['index', ['index.']],
  ['SQS sends', ['queue.sends']],
  ['S3', ['store.']],
  ['secrets', ['secrets.']],
  ['reads', ['cluster.read', 'cluster.list']],
  ['watches', ['cluster.watch']],
  ['writes', ['cluster.write', 'cluster.dryRun']],
  ['others', ['http.']],
];

/** Simulations that more than one table shows are done once. */
function once<T>(act: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: act() };
    return made.value;
  };
}

const steadyAsItComes = fleets.map(fleet => once(() => simulateSteady(fleet, limits.default)));
const pushes = Object.values(limits).flatMap(allowed =>
  [1, 20, 200].map(clusters => ({ clusters, allowed, push: once(() => simulatePush(clusters, allowed)) })),
);

/** Checks begin up to half a minute before or after their time, and the next one is reckoned from their end. */
function isLate({ intervalSeconds }: Fleet, seconds: number): boolean {
  return seconds > intervalSeconds * 1.1;
}

function intervalText(fleet: Fleet, seconds: number): string {
  return isLate(fleet, seconds) ? `**${figure(seconds)} s**` : `${figure(seconds)} s`;
}

function summaryTable(): string {
  const rows = fleets.map((fleet, n) => {
    const [first] = ceilingsOf(fleet).sort((a, b) => b.used / b.of - a.used / a.of);
    const [asItComes, , large] = pushes.filter(({ clusters }) => clusters === fleet.clusters);
    const { interval } = steadyAsItComes[n]!();
    const load = loadOf(fleet);
    return [
      nameOf(fleet),
      figure(load.reconciles),
      intervalText(fleet, interval),
      `${first!.what}: ${percent(first!.used / first!.of)}`,
      figure(asItComes!.push().applied.at(-1)!),
      figure(large!.push().applied.at(-1)!),
      dollars(Object.values(costOf(load)).reduce((total, cost) => total + cost, 0)),
    ];
  });
  const head = [
    'fleet',
    'checks/s',
    'interval',
    'what is full first',
    'push to all, s',
    'the same, large, s',
    'US$ a month',
  ];
  return table(head, rows);
}

function countsTable(): string {
  const rows = Object.entries(counts).map(([name, { tally }]) => [
    name,
    ...columns.map(([, begins]) =>
      Object.entries(tally)
        .filter(([key]) => begins.some(begin => key.startsWith(begin)))
        .reduce((sum, [, count]) => sum + count, 0),
    ),
  ]);
  return table(['work', ...columns.map(([head]) => head)], rows);
}

function unitsTable(): string {
  const rows = Object.entries(units).map(([name, { calls, reads, writes }]) => [`\`${name}\``, calls, reads, writes]);
  return table(['operation', 'calls', 'read units', 'write units'], rows);
}

const shown: [string, Work][] = [
  ['GitRepository, unchanged', works.GitRepository.unchanged],
  ['GitRepository, unchanged, cold', works.GitRepository.cold],
  ['GitRepository, new revision, 950 dependents', works.GitRepository.changed(950)],
  ['Kustomization, unchanged', works.Kustomization.unchanged],
  ['Kustomization, unchanged, cold', works.Kustomization.cold],
  ['Kustomization, one of ten objects changed', works.Kustomization.changed],
  ['Kustomization, ten objects made', works.Kustomization.made],
  ['Kustomization, health awaited, by timer', works.Kustomization.waiting],
  ['webhook', works.webhook],
  ['event, one Provider told', works.event],
  ['timer forwarded', works.timer.forward],
];

function workTable(): string {
  const rows = shown.map(([name, work]) => [
    name,
    work.function,
    figure(work.seconds * 1000),
    figure(work.cpuSeconds * 1000),
    work.clusterCalls,
    work.tableCalls,
    figure(work.readUnits),
    figure(work.writeUnits),
  ]);
  const head = [
    'work',
    'function',
    'ms',
    'of them CPU',
    'cluster requests',
    'DynamoDB calls',
    'read units',
    'write units',
  ];
  return table(head, rows);
}

/** A row for each figure, a column for each fleet. */
function byFleet(head: string, rows: [string, (load: Load) => string][], shownFleets = fleets): string {
  const loads = shownFleets.map(loadOf);
  return table(
    [head, ...shownFleets.map(nameOf)],
    rows.map(([name, of]) => [name, ...loads.map(of)]),
  );
}

function loadTable(): string {
  return byFleet('a second', [
    ['checks', load => figure(load.reconciles)],
    ['invocations', load => figure(load.invocations)],
    ['messages, FIFO queues', load => figure(load.messages.fifo)],
    ['messages, timer queue', load => figure(load.messages.timer)],
    ['DynamoDB calls', load => figure(load.all.tableCalls)],
    ['DynamoDB write units', load => figure(load.all.writeUnits)],
    ['DynamoDB read units', load => figure(load.all.readUnits)],
    ['S3 reads', load => figure(load.all.storeReads)],
    ['S3 writes', load => figure(load.all.storeWrites)],
    ['requests to each cluster', load => figure(load.clusterCallsPerCluster)],
    ['busy: source', load => figure(load.concurrency.source)],
    ['busy: kustomize', load => figure(load.concurrency.kustomize)],
    ['busy: notification', load => figure(load.concurrency.notification)],
    ['busy: timer', load => figure(load.concurrency.timer ?? 0)],
    ['schedule, seconds of each minute', load => figure(load.schedule.busySeconds)],
  ]);
}

function ceilingsTable(): string {
  const blocks = [60, 600].map(intervalSeconds => {
    const fleet = { clusters: 200, intervalSeconds };
    const rows = ceilingsOf(fleet)
      .map(({ what, used, of, lever, perCluster }) => {
        const room = (objectsPerCluster * (perCluster ? 1 : fleet.clusters) * of) / used;
        return { room, row: [what, percent(used / of), `${figure(room)}${perCluster ? ' in a cluster' : ''}`, lever] };
      })
      .sort((a, b) => a.room - b.room);
    const head = [`${nameOf(fleet)}: limited`, 'used', 'full at objects', 'what moves it'];
    return table(
      head,
      rows.map(({ row }) => row),
    );
  });
  return blocks.join('\n\n');
}

function steadyTable(): string {
  const raised = { fleet: fleets[2]!, allowed: limits.raised, run: () => simulateSteady(fleets[2]!, limits.raised) };
  const runs = [...fleets.map((fleet, n) => ({ fleet, allowed: limits.default, run: steadyAsItComes[n]! })), raised];
  const rows = runs.map(({ fleet, allowed, run }) => {
    const { result, interval } = run();
    const { waits, peakConcurrency, peakMessages } = result.stations.kustomize!;
    const late = isLate(fleet, interval);
    return [
      nameOf(fleet),
      allowed.name,
      intervalText(fleet, interval),
      // What is late is so by its queue, or by the schedule, and has not come to rest.
      late ? '–' : figure(quantile(waits, 0.5)),
      late ? '–' : figure(quantile(waits, 0.99)),
      peakConcurrency,
      figure(peakMessages),
    ];
  });
  const head = [
    'fleet',
    'limits',
    'interval',
    'wait, median s',
    'wait, 99 % s',
    'kustomize at a time',
    'messages at most',
  ];
  return table(head, rows);
}

function limitsTable(): string {
  const rows = Object.values(limits).map(({ name, how, source, kustomize, notification, timer, account }) => [
    `*${name}*`,
    source,
    kustomize,
    notification,
    timer,
    account.toLocaleString('en-US'),
    how,
  ]);
  return table(['limits', 'source', 'kustomize', 'notification', 'timer', 'account', 'what it takes'], rows);
}

function pushTable(): string {
  const large = (options: PushOptions) => ({
    clusters: 200,
    push: once(() => simulatePush(200, limits.large, options)),
  });
  const runs = [
    ...pushes.map(({ clusters, allowed, push }) => ({ clusters, push, name: allowed.name })),
    { ...large({ callsPerSecond: 4000 }), name: 'large, clusters answer 4,000 a second' },
    { ...large({ mixed: true }), name: 'large, clusters taken in any order' },
  ];
  const rows = runs.map(({ clusters, push, name }) => {
    const { applied, result } = push();
    const { kustomize, notification } = result.stations;
    return [
      clusters,
      name,
      figure(quantile(applied, 0.5)),
      figure(quantile(applied, 0.99)),
      figure(kustomize!.lastDone),
      figure(notification!.lastDone),
      kustomize!.peakConcurrency,
      figure(kustomize!.peakPerSecond),
      figure(kustomize!.peakMessages),
    ];
  });
  const times = ['half applied, s', '99 %, s', 'all, s', 'all told, s'];
  return table(['clusters', 'limits', ...times, 'at a time', 'applied/s', 'messages'], rows);
}

function costTable(): string {
  const services = Object.keys(costOf(loadOf(fleets[0]!)));
  const sum = (load: Load) => Object.values(costOf(load)).reduce((total, cost) => total + cost, 0);
  return byFleet('US dollars a month', [
    ...services.map((service): [string, (load: Load) => string] => [
      service,
      load => dollars(costOf(load)[service] ?? 0),
    ]),
    ['**together**', load => `**${dollars(sum(load))}**`],
    ['for each thousand checks, cents', load => figure((sum(load) * 100_000) / (load.reconciles * 30 * 86_400))],
    ['beside it, with a NAT gateway', load => dollars(natCost(load))],
  ]);
}

function leversTable(): string {
  const load = loadOf({ clusters: 200, intervalSeconds: 600 });
  const rows = levers(load).map(({ what, saves }) => [what, dollars(saves)]);
  return table([`${nameOf(load.fleet)}: lever`, 'US dollars less a month'], rows);
}

function publishedTable(all: Record<string, Published>): string {
  const rows = Object.entries(all).map(([name, { value, unit, page, read, note }]) => {
    const shownValue =
      value < 0.01
        ? `${(value * 1e6).toLocaleString('en-US', { maximumFractionDigits: 4 })} a million`
        : value.toLocaleString('en-US');
    return [`\`${name}\``, shownValue, unit, page, read, note ?? ''];
  });
  return table(['name', 'value', 'unit', 'page', 'read', 'note'], rows).replaceAll('---:', '---');
}
