/** Which scenarios run on AWS's parts, too. */

/** Those that do not, and why. All others do, a new one as well: what a user sees must not depend on where Sluice runs. */
export const localOnly: Record<string, string> = {
  'test/scenario/start.test.ts': '`npm start`, its screen and its state directory: the local host itself',
  'test/scenario/fetch-once.test.ts': 'registers further clusters in the local state',
  'test/scenario/faults.test.ts':
    'breaks the local state, and looks into its files; test/aws/faults.test.ts is the same for AWS',
  'test/scenario/chaos.test.ts':
    'kills threads of the local host and looks into its queue; test/aws/faults.test.ts kills workers',
};

/** Of these files, those that run on AWS's parts. */
export function onAwsToo(files: string[]): string[] {
  return files.filter(file => !(file in localOnly));
}
