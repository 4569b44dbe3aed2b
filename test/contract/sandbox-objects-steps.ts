import type { KubeObject } from '../../shared/api/object.ts';
import type { Resource, Step } from './sandbox-objects-model.ts';

export interface Case {
  name: string;
  resource: Omit<Resource, 'name' | 'namespace'>;
  steps: Step[];
}

type Edit = (live: KubeObject) => unknown;

/** Objects take the name of their case. */
export const metadata = { name: '$name' };

export function edit(change: (live: KubeObject) => void): Edit {
  return live => {
    change(live);
    return live;
  };
}

export const apply = (manager: string, body: unknown, more: Partial<Step> = {}): Step => ({
  verb: 'apply',
  manager,
  body,
  ...more,
});
