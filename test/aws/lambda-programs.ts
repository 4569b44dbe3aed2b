import { join } from 'node:path';
import { installAwsProgram } from './install.ts';

/** AWS's two programs that run a function outside of AWS. */
export interface LambdaPrograms {
  /** Path of the runtime interface emulator. */
  rie: string;
  /** Path of the runtime interface client's main module. */
  ric: string;
}

/** The programs, installed first where they are not. */
export async function installLambda(): Promise<LambdaPrograms> {
  const [rie, modules] = await Promise.all([installAwsProgram('emulator'), installAwsProgram('ric')]);
  return { rie, ric: join(modules, 'aws-lambda-ric', 'index.mjs') };
}
