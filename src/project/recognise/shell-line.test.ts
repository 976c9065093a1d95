import { expect, test } from 'vitest';
import { argvOfLine } from './shell-line.ts';

test.each([
  ['node server.js', ['node', 'server.js']],
  ['node "my server.js" \'a b\' c\\ d', ['node', 'my server.js', 'a b', 'c d']],
  ['NODE_ENV=development node x.js', ['sh', '-c', 'NODE_ENV=development exec node x.js']],
  ['A=1 B="two words" node x', ['sh', '-c', 'A=1 B="two words" exec node x']],
  ['tsc && node dist/x.js', ['sh', '-c', 'tsc && exec node dist/x.js']],
  ['mkdir -p tmp; A=1 node x', ['sh', '-c', 'mkdir -p tmp; A=1 exec node x']],
  ['echo "a && b" && node x', ['sh', '-c', 'echo "a && b" && exec node x']],
  ['node x | pino-pretty', ['sh', '-c', 'node x | pino-pretty']],
  ['node a & node b', ['sh', '-c', 'node a & node b']],
  ['node a || node b', ['sh', '-c', 'node a || node b']],
  ['(cd x && node y)', ['sh', '-c', '(cd x && node y)']],
  ['cd x && node y', ['sh', '-c', 'cd x && exec node y']],
  ['node x && cd y', ['sh', '-c', 'node x && cd y']],
  ['exec node x && y', ['sh', '-c', 'exec node x && exec y']],
  ['node x > log 2>&1', ['sh', '-c', 'exec node x > log 2>&1']],
  ['serve -l $PORT', ['sh', '-c', 'exec serve -l $PORT']],
  ['echo "port $PORT"', ['sh', '-c', 'exec echo "port $PORT"']],
  ["echo '$PORT'", ['echo', '$PORT']],
  ['node src/*.js', ['sh', '-c', 'exec node src/*.js']],
  ["node 'never closed", ['sh', '-c', "node 'never closed"]],
  ['node x &&', ['sh', '-c', 'node x &&']],
] as const)('%s', (line, argv) => {
  expect(argvOfLine(line)).toEqual(argv);
});
