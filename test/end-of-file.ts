/**
 * Loaded into every process of the test runner. The runner waits for a test file's process without end, so one that is kept
 * alive by something a test left open would hold the whole run: it fails instead, and says by what.
 */
import { after } from 'node:test';

/** Longer than a busy machine takes to stop what a file has started. */
const patienceMs = 180_000;

// The runner itself loads this, too.
if (process.env.NODE_TEST_CONTEXT)
  after(() => {
    setTimeout(() => {
      const left = process.getActiveResourcesInfo();
      console.error(`${process.argv[1]}: the tests have ended, but the process is kept alive by: ${left.join(', ')}`);
      process.exit(1);
    }, patienceMs).unref();
  });
