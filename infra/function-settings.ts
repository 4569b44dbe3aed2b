/** What each function is given unless the configuration says otherwise, and between which bounds it may say so. */
export interface FunctionSettings {
  /** MB. 1,769 MB is one vCPU; less is the part of one. */
  memory: number;
  /** Seconds. */
  timeout: number;
  /** Most seconds the timeout may be set to, with the reason. */
  longest: { seconds: number; because: string };
  /** MB of /tmp. */
  storage: number;
  /** Invocations at a time from its queues; absent for functions that no queue calls. */
  concurrency?: number;
}

const returnsSoon = 'the message of a worker that died comes back a minute later than this, and has to come back soon';

/** The names are those of the folders under functions/. */
export const functionSettings = {
  // Verifies a signature and reads a few objects, while somebody's Git server waits: the memory is there for its CPU.
  webhook: {
    memory: 512,
    timeout: 29,
    longest: { seconds: 29, because: 'the HTTP API gives up after 30 s' },
    storage: 512,
  },
  // Passes a stream on, as fast as the one who asks reads.
  artifact: { memory: 512, timeout: 300, longest: { seconds: 900, because: 'Lambda allows no more' }, storage: 512 },
  // Keeps the tree and its archive in /tmp; inflates and deflates, so CPU is what it waits for.
  source: {
    memory: 1024,
    timeout: 120,
    longest: { seconds: 300, because: returnsSoon },
    storage: 2048,
    concurrency: 20,
  },
  // One vCPU: kustomize and the comparison with the cluster are all CPU.
  kustomize: {
    memory: 1769,
    timeout: 120,
    longest: { seconds: 300, because: returnsSoon },
    storage: 2048,
    concurrency: 50,
  },
  notification: {
    memory: 512,
    timeout: 60,
    longest: { seconds: 300, because: returnsSoon },
    storage: 512,
    concurrency: 10,
  },
  timer: { memory: 256, timeout: 30, longest: { seconds: 300, because: returnsSoon }, storage: 512, concurrency: 5 },
  // Looks at all clusters side by side.
  schedule: {
    memory: 1024,
    timeout: 60,
    longest: { seconds: 300, because: 'the next one starts after a minute, and too many side by side help nobody' },
    storage: 512,
  },
  'dead-letter': {
    memory: 512,
    timeout: 60,
    longest: { seconds: 300, because: 'its messages are seen again after 15 minutes' },
    storage: 512,
    concurrency: 2,
  },
  // Two questions to the index and a message, for each event.
  'cloud-event': {
    memory: 256,
    timeout: 30,
    longest: { seconds: 300, because: 'an event that is tried again after that is of little use' },
    storage: 512,
  },
} as const satisfies Record<string, FunctionSettings>;

export type FunctionName = keyof typeof functionSettings;

export const functionNames = Object.keys(functionSettings) as FunctionName[];

/** The settings of a function as they may be, not as they are. */
export function settingsOf(name: FunctionName): FunctionSettings {
  return functionSettings[name];
}
