import { expect, it } from 'vitest';
import { absentProgram } from './readiness.ts';

it.each<[readonly string[], string, string | undefined]>([
  [
    ['curl', '-f', 'http://localhost:8000/'],
    'the health check ended with 127: OCI runtime exec failed: unable to start container process: exec: "curl": executable file not found in $PATH',
    'curl',
  ],
  [['/bin/sh', '-c', 'curl --fail http://localhost || exit 1'], 'ended with 1: /bin/sh: curl: not found', 'curl'],
  [['/bin/sh', '-c', 'curl -f x'], 'ended with 127: bash: line 1: curl: command not found', 'curl'],
  [['/check.sh'], 'exec: "/check.sh": stat /check.sh: no such file or directory', '/check.sh'],
  [['/bin/sh', '-c', 'wget -q http://localhost/'], 'wget: server returned error: HTTP/1.1 404 Not Found', undefined],
  [['/bin/sh', '-c', 'ask table'], 'table users: not found', undefined],
  [['redis-cli', 'ping'], 'the health check ended with 1: NOAUTH Authentication required.', undefined],
])('what the image lacks for %j', (argv, said, expected) => {
  expect(absentProgram(argv, said)).toBe(expected);
});
