/**
 * A small discrete-event simulation of queues, the functions that work on them, and the clusters that answer them. Times are
 * seconds since the beginning; nothing is random but what the caller draws from {@link randomFrom}.
 */

/** A queue and the function that works on it. */
export interface Station {
  name: string;
  /** Invocations at a time, at most (MaximumConcurrency, or what is reserved). */
  concurrency: number;
  /** Messages an invocation takes, if so many wait. */
  batch?: number;
  /** Invocations that may run at once when work appears, and by how many a second that grows while work waits. */
  initial?: number;
  growth?: number;
  /** Messages are taken in any order, not first come first served. */
  mixed?: boolean;
}

/** A message. It is worked on when an invocation of its station is free. */
export interface Job {
  station: string;
  /** The cluster that its requests go to. */
  cluster: number;
  /** Seconds of an invocation, when the cluster answers at once. */
  seconds: number;
  /** Requests to the cluster. */
  calls: number;
  /** Told when it is done; what it answers is sent then, or later. */
  done?: (now: number) => { after?: number; job: Job }[];
}

export interface Model {
  stations: Station[];
  /** Invocations at a time, of all stations. */
  accountConcurrency: number;
  /** Requests that one cluster answers a second; the rest wait. */
  clusterCallsPerSecond: number;
  /** Nothing begins after this many seconds. */
  until?: number;
  /** What is counted begins here: the time before is for coming to rest. */
  from?: number;
}

export interface StationResult {
  done: number;
  /** Invocations; fewer than messages when batches are taken. */
  invocations: number;
  peakConcurrency: number;
  /** Invocation-seconds, for the mean concurrency. */
  busySeconds: number;
  /** Messages waiting or worked on at once, at most. */
  peakMessages: number;
  /** When the last was done. */
  lastDone: number;
  /** Messages done in the fullest second. */
  peakPerSecond: number;
  /** Seconds from being sent to being begun, of all, in order. */
  waits: Float64Array;
  /** When each was done, in order. */
  ends: Float64Array;
}

export interface Result {
  stations: Record<string, StationResult>;
  peakConcurrency: number;
  /** When the simulation ended. */
  end: number;
}

export function simulate(model: Model, jobs: Iterable<{ at: number; job: Job }>): Result {
  return new Simulation(model).run(jobs);
}

interface Waiting {
  job: Job;
  since: number;
}

class Line {
  readonly #random = randomFrom(1);
  readonly station: Station;
  readonly waiting: Waiting[] = [];
  head = 0;
  running = 0;
  /** Messages in invocations that run. */
  inWork = 0;
  /** What may run grows from `base` at `grownFrom`. */
  base: number;
  grownFrom = 0;
  wakeAt = Number.POSITIVE_INFINITY;
  readonly waits: number[] = [];
  readonly ends: number[] = [];
  readonly perSecond = new Map<number, number>();
  peakConcurrency = 0;
  peakMessages = 0;
  busySeconds = 0;
  invocations = 0;

  constructor(station: Station) {
    this.station = station;
    this.base = station.initial ?? station.concurrency;
  }

  get length(): number {
    return this.waiting.length - this.head;
  }

  shift(): Waiting {
    if (this.station.mixed) {
      const other = this.head + Math.floor(this.#random() * this.length);
      const first = this.waiting[this.head]!;
      this.waiting[this.head] = this.waiting[other]!;
      this.waiting[other] = first;
    }
    const next = this.waiting[this.head++]!;
    if (this.head > 4096 && this.head * 2 > this.waiting.length) {
      this.waiting.splice(0, this.head);
      this.head = 0;
    }
    return next;
  }

  /** Invocations that may run now. */
  allowed(now: number): number {
    const grown = this.base + (this.station.growth ?? 0) * (now - this.grownFrom);
    return Math.min(this.station.concurrency, Math.floor(grown + 1e-9));
  }
}

class Simulation {
  readonly #model: Model;
  readonly #lines: Map<string, Line>;
  readonly #events = new Heap();
  /** When each cluster has answered all that it was asked. */
  readonly #clusterFree = new Map<number, number>();
  #running = 0;
  #peakConcurrency = 0;
  #now = 0;

  constructor(model: Model) {
    this.#model = model;
    this.#lines = new Map(model.stations.map(station => [station.name, new Line(station)]));
  }

  run(jobs: Iterable<{ at: number; job: Job }>): Result {
    for (const { at, job } of jobs) this.#send(at, job);
    const until = this.#model.until ?? Number.POSITIVE_INFINITY;
    for (let event = this.#events.pop(); event && event.at <= until; event = this.#events.pop()) {
      this.#now = event.at;
      event.act();
    }
    const stations = Object.fromEntries([...this.#lines].map(([name, line]) => [name, resultOf(line)]));
    return { stations, peakConcurrency: this.#peakConcurrency, end: this.#now };
  }

  #send(at: number, job: Job): void {
    const line = this.#lines.get(job.station);
    if (!line) throw new Error(`there is no station ${job.station}`);
    if (at <= this.#now) this.#take(line, job);
    else this.#events.push(at, () => this.#take(line, job));
  }

  #take(line: Line, job: Job): void {
    if (line.length === 0) {
      // Pollers that are there stay; more come as long as work waits.
      line.base = Math.max(line.station.initial ?? line.station.concurrency, line.running);
      line.grownFrom = this.#now;
    }
    line.waiting.push({ job, since: this.#now });
    if (this.#counts()) line.peakMessages = Math.max(line.peakMessages, line.length + line.inWork);
    this.#start(line);
  }

  #start(line: Line): void {
    while (line.length > 0 && this.#running < this.#model.accountConcurrency) {
      if (line.running >= line.allowed(this.#now)) {
        this.#wakeLater(line);
        return;
      }
      const taken = Array.from({ length: Math.min(line.station.batch ?? 1, line.length) }, () => line.shift());
      this.#begin(line, taken);
    }
  }

  /** When one more may run, unless one that ends makes room before. */
  #wakeLater(line: Line): void {
    const { growth = 0, concurrency } = line.station;
    if (growth === 0 || line.running >= concurrency) return;
    const at = line.grownFrom + (line.running + 1 - line.base) / growth;
    if (line.wakeAt <= at && line.wakeAt > this.#now) return;
    line.wakeAt = at;
    this.#events.push(Math.max(at, this.#now), () => this.#start(line));
  }

  #begin(line: Line, taken: Waiting[]): void {
    line.running++;
    line.inWork += taken.length;
    this.#running++;
    const end = taken.reduce((latest, { job }) => Math.max(latest, this.#endOf(job)), this.#now);
    if (this.#counts()) {
      for (const { since } of taken) line.waits.push(this.#now - since);
      line.invocations++;
      line.busySeconds += end - this.#now;
      line.peakConcurrency = Math.max(line.peakConcurrency, line.running);
      this.#peakConcurrency = Math.max(this.#peakConcurrency, this.#running);
    }
    this.#events.push(end, () => this.#end(line, taken));
  }

  /** The cluster answers its requests one after the other, at its rate; the job ends with the last, or later. */
  #endOf({ cluster, calls, seconds }: Job): number {
    const rate = this.#model.clusterCallsPerSecond;
    if (calls === 0 || !Number.isFinite(rate)) return this.#now + seconds;
    const free = Math.max(this.#now, this.#clusterFree.get(cluster) ?? 0) + calls / rate;
    this.#clusterFree.set(cluster, free);
    return Math.max(this.#now + seconds, free);
  }

  #end(line: Line, taken: Waiting[]): void {
    line.running--;
    line.inWork -= taken.length;
    this.#running--;
    for (const { job } of taken) {
      if (this.#counts()) {
        line.ends.push(this.#now);
        const second = Math.floor(this.#now);
        line.perSecond.set(second, (line.perSecond.get(second) ?? 0) + 1);
      }
      for (const { after = 0, job: next } of job.done?.(this.#now) ?? []) this.#send(this.#now + after, next);
    }
    this.#start(line);
    // What this one held of the account's concurrency may be what others wait for.
    if (this.#running + 1 >= this.#model.accountConcurrency)
      for (const other of this.#lines.values()) this.#start(other);
  }

  #counts(): boolean {
    return this.#now >= (this.#model.from ?? 0);
  }
}

function resultOf(line: Line): StationResult {
  return {
    done: line.ends.length,
    invocations: line.invocations,
    peakConcurrency: line.peakConcurrency,
    busySeconds: line.busySeconds,
    peakMessages: line.peakMessages,
    lastDone: line.ends.at(-1) ?? 0,
    peakPerSecond: [...line.perSecond.values()].reduce((most, count) => Math.max(most, count), 0),
    waits: Float64Array.from(line.waits).sort(),
    ends: Float64Array.from(line.ends),
  };
}

interface Event {
  at: number;
  order: number;
  act: () => void;
}

/** Events by time; those of one time in the order in which they were put in. */
class Heap {
  readonly #events: Event[] = [];
  #order = 0;

  push(at: number, act: () => void): void {
    const events = this.#events;
    const event = { at, order: this.#order++, act };
    let place = events.length;
    events.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(event, events[parent]!)) break;
      events[place] = events[parent]!;
      place = parent;
    }
    events[place] = event;
  }

  pop(): Event | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
      if (!before(events[child]!, last)) break;
      events[place] = events[child]!;
      place = child;
    }
    events[place] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Numbers in [0, 1) that are the same each time (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The value that `share` (0 to 1) of the sorted values do not exceed. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
}
