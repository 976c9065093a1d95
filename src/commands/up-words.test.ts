import { describe, expect, it } from 'vitest';
import { parseUpWords } from './up-words.ts';

describe('parseUpWords', () => {
  it('has the defaults of up.ts', () => {
    expect(parseUpWords([])).toMatchObject({
      shared: { json: false },
      flags: { detach: false, docker: false, watch: true, timeout: 60, open: false },
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
        '--no-color',
        '--open',
        'web',
      ]),
    ).toEqual({
      shared: { json: true, dir: '/p', color: false },
      flags: { detach: true, docker: false, watch: false, timeout: 5, open: true, port: 9443 },
      services: ['api', 'web'],
    });
  });

  it.each([
    ['--help'],
    ['-h'],
    ['--nope'],
    ['--docker'],
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
