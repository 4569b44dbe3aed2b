import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lint } from '../../infra/lint/cfn-lint.ts';
import { type Resource, templatesOf } from '../../infra/testing/synthesized.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-lint-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function written(name: string, template: object): string {
  const file = join(dir, `${name}.json`);
  writeFileSync(file, JSON.stringify(template));
  return file;
}

test('cfn-lint has nothing to say about the stacks, whatever is configured', async () => {
  const everything = readFileSync(new URL('../../sluice.example.yaml', import.meta.url), 'utf8');
  const files = Object.entries({ plain: '', everything }).flatMap(([name, yaml]) => {
    const { state, service } = templatesOf(yaml);
    return [written(`${name}-state`, state.toJSON()), written(name, service.toJSON())];
  });
  assert.deepEqual(await lint(files), []);
});

test('cfn-lint finds faults that are planted', async () => {
  const template = structuredClone(templatesOf().service.toJSON()) as { Resources: Record<string, Resource> };
  const of = (type: string) => Object.values(template.Resources).find(resource => resource.Type === type)!.Properties;
  of('AWS::Lambda::Function').Timeout = 1000;
  of('AWS::SQS::Queue').VisibilityTimeout = 43_201;
  of('AWS::Logs::LogGroup').RetentionInDays = 31;
  const findings = await lint([written('planted', template)]);
  for (const [place, rule] of [
    ['Timeout', 'E3717'],
    ['VisibilityTimeout', 'E3034'],
    ['RetentionInDays', 'E3030'],
  ])
    assert.ok(
      findings.some(finding => finding.rule === rule && finding.where.endsWith(`/${place}`)),
      `${place}: ${JSON.stringify(findings)}`,
    );
});
