/**
 * `npm run bench [-- --apiserver] [--counts 100,500,1000] [--only push,fleet,failing,unchanged,interval,memory,index,cold] [--json FILE]`
 *
 * Measures the whole path on this machine, by default on the sandbox, with --apiserver on a real kube-apiserver. Prints a
 * table, and JSON with --json. `cold`, the bundles' cold starts, runs on servers that stand in for AWS, and only when it is
 * asked for. Times vary with the machine: quote ratios of figures of one run.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildBinaries } from '../apiserver/build.ts';
import { openWorld } from '../scenario/world.ts';
import { benchColdStart } from './cold-start.ts';
import { benchFetchOnce } from './fetch-once.ts';
import { benchFailing, benchFleet, benchInterval, benchUnchanged } from './fleet.ts';
import { benchIndex } from './index-parse.ts';
import { benchLarge } from './large.ts';
import { benchMemory } from './memory.ts';
import { benchPush } from './push.ts';
import { type Figure, printTable } from './table.ts';

const { values } = parseArgs({
  options: {
    apiserver: { type: 'boolean', default: false },
    counts: { type: 'string', default: '100,500,1000' },
    only: { type: 'string', default: 'push,fleet,failing,unchanged,interval,memory,index' },
    json: { type: 'string' },
  },
});
const counts = values.counts.split(',').map(Number);
if (counts.some(count => !Number.isInteger(count) || count < 1))
  throw new Error(`--counts ${values.counts}: numbers from 1, separated by commas`);
const only = new Set(values.only.split(','));

if (values.apiserver) {
  process.env.SLUICE_TEST_TARGET = 'apiserver';
  await buildBinaries(line => console.error(line));
}

const figures: Figure[] = [];
const measure = async (name: string, bench: (world: Awaited<ReturnType<typeof openWorld>>) => Promise<Figure[]>) => {
  console.error(`measuring ${name} …`);
  // A fresh installation for each: what one leaves behind must not slow the next.
  const world = await openWorld();
  try {
    figures.push(...(await bench(world)));
  } finally {
    await world.close();
  }
};

if (only.has('push')) await measure('push', benchPush);
for (const count of counts) {
  if (only.has('fleet')) await measure(`${count} from nothing`, world => benchFleet(world, count));
  if (only.has('failing')) await measure(`${count}, every tenth failing`, world => benchFailing(world, count));
}
if (only.has('unchanged'))
  for (const count of counts) await measure(`${count} unchanged`, world => benchUnchanged(world, count));
if (only.has('interval'))
  for (const count of counts) await measure(`${count} at their interval`, world => benchInterval(world, count));
if (only.has('memory')) await measure('memory', benchMemory);
if (only.has('index')) {
  console.error('measuring a Helm index …');
  figures.push(...(await benchIndex()));
}
if (only.has('fetch-once')) {
  await measure('one repository of many', world => benchFetchOnce(world, false));
  await measure('one repository of many, not shared', world => benchFetchOnce(world, true));
}
if (only.has('large')) {
  console.error('measuring a large repository …');
  figures.push(...(await benchLarge()));
}
if (only.has('cold')) {
  console.error('measuring cold starts …');
  figures.push(...(await benchColdStart()));
}

const cluster = values.apiserver ? 'the kube-apiserver' : 'the sandbox';
const target = only.size === 1 && only.has('cold') ? "AWS's runtime client" : cluster;
printTable(target, figures);
if (values.json)
  writeFileSync(values.json, `${JSON.stringify({ target, node: process.version, figures }, undefined, 2)}\n`);
