import { describe, expect, it } from 'vitest';
import { parseUpWords } from './up-words.ts';

describe('parseUpWords', () => {
  it('has the defaults of up.ts', () => {
    expect(parseUpWords([])).toMatchObject({
      shared: { json: false },
      flags: { detach: false, docker: false, native: false, watch: true, timeout: 60, open: false },
      services: [],
    });
  });

  it('knows every flag in its forms', () => {
    expect(
      parseUpWords([
        'api',
        '-d',
        '--json',
        '-C',
        '/p',
        '--port=9443',
        '--timeout',
        '5',
        '--no-watch',
        '--docker',
        '-f',
        'a.yaml',
        '--file=b.yaml',
        '--profile',
        'dev',
        '--no-color',
        '--open',
        'web',
      ]),
    ).toEqual({
      shared: { json: true, dir: '/p', color: false, files: ['a.yaml', 'b.yaml'], profiles: ['dev'] },
      flags: { detach: true, docker: true, native: false, watch: false, timeout: 5, open: true, port: 9443 },
      services: ['api', 'web'],
    });
  });

  it.each([
    ['--help'],
    ['-h'],
    ['--nope'],
    ['--docker', '--native'],
    ['--port', 'x'],
    ['--port', '0'],
    ['--port', '70000'],
    ['--timeout', '0'],
    ['--timeout'],
    ['--json=maybe'],
  ])('leaves %s to oclif', (...words) => {
    expect(parseUpWords(words)).toBeUndefined();
  });
});
