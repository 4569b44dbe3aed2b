import type { Template } from 'aws-cdk-lib/assertions';
import { type Resource, resourcesOf } from './synthesized.ts';

interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: unknown;
  Condition?: unknown;
}

/** Statements of all policies of a role. */
export function statementsOf(role: Resource): Statement[] {
  const policies = (role.Properties.Policies ?? []) as { PolicyDocument: { Statement: Statement[] } }[];
  return policies.flatMap(policy => policy.PolicyDocument.Statement);
}

/** One thing or several, as AWS writes it, as a list. */
export function listed<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

/** Ids of constructs as they begin logical ids, and how tests call them. */
const names: [RegExp, string][] = [
  [/ClusterRole/, 'cluster-role'],
  [/SourcesRole/, 'sources-role'],
  [/GetAttArtifacts/, 'bucket'],
  [/GetAttIndex/, 'table'],
  [/GetAttKey/, 'key'],
  [/^Functions(\w+?)Logs[0-9A-F]{8}$/, 'log'],
  [/^(\w+?)QueueDeadLetters[0-9A-F]{8}$/, 'dead-letters:$1'],
  [/^(\w+?)Queue[0-9A-F]{8}$/, 'queue:$1'],
];

/** A resource of a statement in short: `bucket/artifacts/*`, `queue:Source`, `secret:sluice/sluice/cluster-*`. */
export function shortName(value: unknown): string {
  if (typeof value === 'string') return value;
  const object = value as Record<string, unknown>;
  if (object['Fn::Join']) {
    const text = ((object['Fn::Join'] as [string, unknown[]])[1] ?? []).map(shortName).join('');
    return text.replace(/^arn:.*:secretsmanager:.*:(?=secret:)/, '');
  }
  const id = String(
    object['Fn::ImportValue'] ??
      (object['Fn::GetAtt'] as string[] | undefined)?.[0] ??
      object.Ref ??
      JSON.stringify(value),
  );
  for (const [pattern, name] of names) {
    const match = pattern.exec(id);
    if (match) return name.replace('$1', match[1]?.toLowerCase() ?? '');
  }
  return id;
}

/** What a function may do: `action resource`, sorted; what is denied has `not` in front. */
export function grantsOf(template: Template, id: string): string[] {
  const roles = resourcesOf(template, 'AWS::IAM::Role').filter(([key]) => key.startsWith(`Functions${id}Role`));
  if (roles.length !== 1) throw new Error(`there are ${roles.length} roles of the function ${id}`);
  return statementsOf(roles[0]![1])
    .flatMap(statement =>
      listed(statement.Action).flatMap(action =>
        listed(statement.Resource).map(
          resource => `${statement.Effect === 'Deny' ? 'not ' : ''}${action} ${shortName(resource)}`,
        ),
      ),
    )
    .sort();
}
