import { expect, test } from 'vitest';
import { withoutWatcher } from './watchers.ts';

test.each([
  ['node --watch src/main.ts', 'node src/main.ts'],
  ['node --watch-path=src --watch-path lib --env-file=.env x.js', 'node --env-file=.env x.js'],
  ['node x.js --watch', 'node x.js --watch'],
  ['node --import tsx --watch x.ts --watch', 'node --import tsx x.ts --watch'],
  ['nodemon x.js', 'node x.js'],
  ['nodemon -w src -e ts,js --quiet x.js --port 1', 'node x.js --port 1'],
  ['nodemon --inspect=0 -r ./hook x.js', 'node --inspect=0 -r ./hook x.js'],
  ['nodemon --exec "python x.py"', 'nodemon --exec "python x.py"'],
  ['nodemon', 'nodemon'],
  ['tsx watch --clear-screen=false src/x.ts', 'tsx src/x.ts'],
  ['tsx src/x.ts', 'tsx src/x.ts'],
  ['cross-env A=b node --watch x.js', 'env A=b node x.js'],
  ['cross-env A=b', 'cross-env A=b'],
  ['deno run --watch -A main.ts', 'deno run -A main.ts'],
  ['bun --hot x.ts', 'bun x.ts'],
  ['vite --watch', 'vite --watch'],
] as const)('%s', (line, expected) => {
  expect(withoutWatcher(line.split(' ')).join(' ')).toBe(expected);
});
