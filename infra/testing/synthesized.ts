import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { parseConfig } from '../config.ts';
import { type FunctionName, functionNames } from '../function-settings.ts';
import { type Installation, installation } from '../installation.ts';

/** A resource of a template. */
export interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: what CloudFormation takes has no type here, and tests name what they mean.
  Properties: Record<string, any>;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

/** Folders that stand for the bundles: what is in them is no matter to a template. Deleted when the process ends. */
export function placeholders(): Record<FunctionName, string> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-placeholders-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const folders = functionNames.map(name => {
    const folder = join(dir, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'index.mjs'), `export const handler = () => '${name}';\n`);
    return [name, folder] as const;
  });
  return Object.fromEntries(folders) as Record<FunctionName, string>;
}

const shared = placeholders();
/** The CDK's flags, which change templates. */
const { context } = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));

/** The stacks that a configuration makes, not yet synthesized. */
export function stacksOf(yaml = ''): Installation & { app: App } {
  const app = new App({ context });
  return { app, ...installation(app, parseConfig(yaml, 'sluice.yaml'), shared) };
}

/** The templates that a configuration makes. */
export function templatesOf(yaml = ''): { state: Template; service: Template } {
  const { state, service } = stacksOf(yaml);
  return { state: Template.fromStack(state), service: Template.fromStack(service) };
}

/** Resources of a type, by logical id. */
export function resourcesOf(template: Template, type?: string): [string, Resource][] {
  const all = Object.entries(template.toJSON().Resources as Record<string, Resource>);
  return type === undefined ? all : all.filter(([, resource]) => resource.Type === type);
}
