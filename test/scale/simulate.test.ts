import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Job, type Model, quantile, randomFrom, type Station, simulate } from './simulate.ts';

const open = { accountConcurrency: 1e9, clusterCallsPerSecond: Number.POSITIVE_INFINITY };
const model = (station: Omit<Station, 'name'>, more: Partial<Model> = {}): Model => ({
  ...open,
  stations: [{ name: 's', ...station }],
  ...more,
});
const job = (seconds: number, more: Partial<Job> = {}): Job => ({
  station: 's',
  cluster: 0,
  seconds,
  calls: 0,
  ...more,
});
const atOnce = (count: number, one: Job) => Array.from({ length: count }, () => ({ at: 0, job: one }));

describe('cases that can be computed by hand', () => {
  test('one worker takes what came at once one after the other', () => {
    const { stations } = simulate(model({ concurrency: 1 }), atOnce(5, job(2)));
    assert.deepEqual([...stations.s!.ends], [2, 4, 6, 8, 10]);
    assert.deepEqual([...stations.s!.waits], [0, 2, 4, 6, 8]);
    assert.equal(stations.s!.peakConcurrency, 1);
    assert.equal(stations.s!.peakMessages, 5);
    assert.equal(stations.s!.busySeconds, 10);
  });

  test('c workers take c at a time: n jobs of d seconds last ceil(n / c) × d', () => {
    for (const [n, c, d] of [
      [10, 3, 1],
      [12, 4, 0.5],
      [1000, 50, 0.25],
    ] as const) {
      const { stations } = simulate(model({ concurrency: c }), atOnce(n, job(d)));
      assert.equal(stations.s!.lastDone, Math.ceil(n / c) * d);
      assert.equal(stations.s!.peakConcurrency, Math.min(n, c));
    }
  });

  test('with as many workers as jobs nobody waits', () => {
    const { stations } = simulate(model({ concurrency: 100 }), atOnce(100, job(3)));
    assert.equal(quantile(stations.s!.waits, 1), 0);
    assert.equal(stations.s!.lastDone, 3);
  });

  test('work that comes slower than it is done never waits, and keeps rate × time of the workers busy', () => {
    const arrivals = Array.from({ length: 100 }, (_, n) => ({ at: n, job: job(0.5) }));
    const { stations, peakConcurrency } = simulate(model({ concurrency: 1 }), arrivals);
    assert.equal(quantile(stations.s!.waits, 1), 0);
    assert.equal(peakConcurrency, 1);
    assert.equal(stations.s!.busySeconds, 50);
    assert.equal(stations.s!.peakPerSecond, 1);
  });

  test('random arrivals at one worker of fixed time wait ρ / (2 μ (1 − ρ)) on the average', () => {
    const random = randomFrom(1);
    let at = 0;
    const arrivals = Array.from({ length: 200_000 }, () => {
      at += -Math.log(1 - random()) / 0.8;
      return { at, job: job(1) };
    });
    const { waits } = simulate(model({ concurrency: 1 }), arrivals).stations.s!;
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    // Pollaczek and Khinchine: ρ = 0.8, μ = 1.
    assert.ok(Math.abs(mean - 2) < 0.1, `${mean}`);
  });
});

describe('limits', () => {
  test('pollers that grow by two a second from one', () => {
    // Begun: one at 0, one each at 0.5, 1.0, 1.5 and so on.
    const { stations } = simulate(model({ concurrency: 10, initial: 1, growth: 2 }), atOnce(4, job(100)));
    assert.deepEqual([...stations.s!.waits], [0, 0.5, 1, 1.5]);
    assert.equal(stations.s!.peakConcurrency, 4);
  });

  test('pollers grow up to their maximum and no further', () => {
    const { stations } = simulate(model({ concurrency: 3, initial: 1, growth: 10 }), atOnce(9, job(10)));
    assert.equal(stations.s!.peakConcurrency, 3);
    assert.ok(Math.abs(stations.s!.lastDone - 30.2) < 1e-9, `${stations.s!.lastDone}`);
  });

  test('the account is shared by all functions', () => {
    const stations = ['a', 'b'].map(name => ({ name, concurrency: 10 }));
    const jobs = ['a', 'b'].flatMap(station => atOnce(4, { ...job(1), station }));
    const result = simulate({ ...open, accountConcurrency: 2, stations }, jobs);
    assert.equal(result.peakConcurrency, 2);
    assert.equal(result.end, 4);
    assert.equal(result.stations.a!.done + result.stations.b!.done, 8);
  });

  test('a cluster answers at its rate, and others are not held up by it', () => {
    const slow = atOnce(10, job(0.1, { calls: 10 }));
    const other = [{ at: 0, job: job(0.1, { calls: 10, cluster: 1 }) }];
    const result = simulate(model({ concurrency: 100 }, { clusterCallsPerSecond: 50 }), [...slow, ...other]);
    // A hundred requests at fifty a second; the other cluster's ten.
    assert.ok(Math.abs(result.stations.s!.lastDone - 2) < 1e-9);
    assert.ok([...result.stations.s!.ends].filter(end => Math.abs(end - 0.2) < 1e-9).length === 2);
  });

  test('in the order of sending, a slow cluster holds up the others; in any order it does not', () => {
    const jobs = [0, 1].flatMap(cluster => atOnce(100, job(0.1, { calls: 10, cluster })));
    const slow = { clusterCallsPerSecond: 100 };
    // Ten workers stand before the first cluster for ten seconds, and then before the second.
    const ordered = simulate(model({ concurrency: 10 }, slow), jobs).end;
    assert.ok(ordered > 19, `${ordered}`);
    const mixed = simulate(model({ concurrency: 10, mixed: true }, slow), jobs).end;
    assert.ok(mixed < 15, `${mixed}`);
  });

  test('batches take what waits, and end together', () => {
    const { stations } = simulate(model({ concurrency: 1, batch: 10 }), atOnce(21, job(1)));
    // The first finds one message; then ten wait, and ten more.
    assert.equal(stations.s!.invocations, 3);
    assert.equal(stations.s!.lastDone, 3);
    assert.equal(stations.s!.done, 21);
  });
});

describe('what follows', () => {
  test('a job that is done sends others, at once or later', () => {
    const stations = ['first', 'second'].map(name => ({ name, concurrency: 1 }));
    const second = job(1, { station: 'second' });
    const first = job(1, { station: 'first', done: () => [{ job: second }, { after: 5, job: second }] });
    const { stations: found } = simulate({ ...open, stations }, [{ at: 0, job: first }]);
    assert.deepEqual([...found.second!.ends], [2, 7]);
  });

  test('objects that come back an interval after they were done keep up, or as fast as the workers can', () => {
    const fleet = (count: number, seconds: number) => {
      const again: Job = job(seconds, { done: () => [{ after: 60, job: again }] });
      return Array.from({ length: count }, (_, n) => ({ at: (n * 60) / count, job: again }));
    };
    const window = { from: 600, until: 1200 };
    const ample = simulate(model({ concurrency: 10 }, window), fleet(100, 1)).stations.s!;
    // 100 objects, each every 61 s.
    assert.ok(Math.abs(ample.done - (600 * 100) / 61) <= 100, `${ample.done}`);
    const tight = simulate(model({ concurrency: 1 }, window), fleet(100, 1)).stations.s!;
    assert.ok(Math.abs(tight.done - 600) <= 1, `${tight.done}`);
    assert.ok(quantile(tight.waits, 0.5) > 30);
  });

  test('the same seed gives the same numbers, in [0, 1) and evenly', () => {
    const [a, b] = [randomFrom(7), randomFrom(7)];
    const numbers = Array.from({ length: 10_000 }, () => a());
    assert.deepEqual(
      numbers.slice(0, 100),
      Array.from({ length: 100 }, () => b()),
    );
    assert.ok(numbers.every(number => number >= 0 && number < 1));
    assert.ok(Math.abs(numbers.reduce((sum, number) => sum + number, 0) / 10_000 - 0.5) < 0.02);
  });
});
