/**
 * `npm run synth`: the templates of an installation. Needs neither credentials nor Docker. The configuration is sluice.yaml,
 * or the file that `-c config=FILE` names.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { acknowledge } from './acknowledgements.ts';
import { bundleFunctions } from './bundles.ts';
import { ConfigError, loadConfig } from './config.ts';
import type { FunctionName } from './function-settings.ts';
import { installation } from './installation.ts';

const bundles = mkdtempSync(join(tmpdir(), 'sluice-bundles-'));
try {
  const app = new App();
  const config = loadConfig(app.node.tryGetContext('config') as string | undefined);
  const made = (await bundleFunctions(bundles)) as Record<FunctionName, string>;
  const parts = installation(app, config, made);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  acknowledge(parts);
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  for (const problem of error.problems) process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
} finally {
  rmSync(bundles, { recursive: true, force: true });
}
