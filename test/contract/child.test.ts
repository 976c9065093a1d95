import { describe, expect, test } from 'vitest';
import { startChild } from '../../src/kit/child.ts';
import { failuresOf } from '../../src/kit/failure.ts';

describe('startChild', () => {
  const messageOf = (argv: readonly string[], cwd: string): Promise<string | undefined> =>
    startChild({ argv, cwd, env: {}, onLine: () => undefined }).then(
      () => undefined,
      (error: unknown) => failuresOf(error)[0]?.message,
    );

  test('tells a program that is not there from a folder that is not there', async () => {
    expect(await messageOf(['/no/such/program'], '/')).toBe('/no/such/program cannot be started: not found (ENOENT)');
    expect(await messageOf([process.execPath], '/no/such/folder')).toBe(
      `${process.execPath} cannot be started: its folder is not there (ENOENT)`,
    );
  });
});
