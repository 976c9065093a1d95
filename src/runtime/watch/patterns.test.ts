import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ignoreFileOf, patternsOf } from './dockerignore.ts';
import { matcherOf } from './patterns.ts';

describe("Docker's patterns", () => {
  test.each([
    ['a', 'a', true],
    ['a', 'a/b/c', true],
    ['a', 'ab', false],
    ['a', 'x/a', false],
    ['a/', 'a/b', true],
    ['./a/../b', 'b', true],
    ['*.md', 'x.md', true],
    ['*.md', 'a/x.md', false],
    ['*/*.md', 'a/x.md', true],
    ['**/*.md', 'x.md', true],
    ['**/*.md', 'a/b/x.md', true],
    ['**/node_modules', 'node_modules', true],
    ['**/node_modules', 'a/b/node_modules/c', true],
    ['**/node_modules', 'a/xnode_modules', false],
    ['**log', 'a/xlog', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['a/**/z', 'a/bz', false],
    ['**', 'anything/at/all', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['\\*x', '*x', true],
    ['\\*x', 'ax', false],
    ['a.b', 'axb', false],
    ['(a|b)+', '(a|b)+', true],
    ['[', '[', false],
    ['!', '!', false],
  ])('%s, asked for %s: %s', (pattern, path, expected) => {
    expect(matcherOf([pattern]).matches(path)).toBe(expected);
  });

  test('the last pattern that matches decides', () => {
    const keepsOne = matcherOf(['docs', '!docs/one.md']);
    expect([keepsOne.matches('docs/two.md'), keepsOne.matches('docs/one.md')]).toEqual([true, false]);
    const andBack = matcherOf(['*.md', '!README*.md', 'README-secret.md']);
    expect(['a.md', 'README.md', 'README-secret.md'].map((path) => andBack.matches(path))).toEqual([true, false, true]);
    expect(matcherOf(['!a', 'a/b']).matches('a/b')).toBe(true);
  });

  test('a folder is left out as a whole only where no exception can lie in it', () => {
    const folders = (lines: string[]) => ['a', 'a/b', 'c'].map((path) => matcherOf(lines).hasExceptionsBelow(path));
    expect(folders(['*', '!a/b/c'])).toEqual([true, true, false]);
    expect(folders(['*', '!**/x'])).toEqual([true, true, true]);
    expect(folders(['a', 'c'])).toEqual([false, false, false]);
  });

  const word = fc.constantFrom('a', 'b', 'ab', '*', '**', '?', 'a*', '.x');
  const line = fc
    .tuple(fc.boolean(), fc.array(word, { minLength: 1, maxLength: 3 }))
    .map(([isException, words]) => `${isException ? '!' : ''}${words.join('/')}`);
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', '.x'), { minLength: 1, maxLength: 4 });

  test('without exceptions, going down a tree tells the same as asking at once', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), path, (lines, names) => {
        const matcher = matcherOf(lines.map((each) => each.replace('!', '')));
        let answer: ReturnType<typeof matcher.descend> | undefined;
        for (const n of names.keys()) answer = matcher.descend(names.slice(0, n + 1).join('/'), answer?.results);
        expect(answer?.isMatched).toBe(matcher.matches(names.join('/')));
      }),
    );
  });

  test('no line makes it throw, and a line that says nothing changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 5 }), fc.string(), (lines, asked) => {
        const before = matcherOf(lines).matches(asked);
        expect(matcherOf([...lines, '', '  ', '!']).matches(asked)).toBe(before);
      }),
    );
  });
});

describe('.dockerignore', () => {
  test('comments, empty lines, a byte order mark and leading slashes say nothing', () => {
    expect(patternsOf('\uFEFF# no\n\n  a/ \r\n/b\n! /c/./d\n #e\n/\n!')).toEqual(['a', 'b', '!c/d', '#e', '/']);
  });

  test("the Dockerfile's own wins, wherever the Dockerfile lies", () => {
    const files: Record<string, string> = { '/p/.dockerignore': 'all', '/p/x/Dev.dockerignore': 'dev' };
    const of = (dockerfile?: string) => ignoreFileOf('/p', dockerfile, (path) => files[path])?.text;
    expect([of(), of('x/Dev'), of('/p/x/Dev'), of('Other')]).toEqual(['all', 'dev', 'dev', 'all']);
    expect(ignoreFileOf('/q', undefined, (path) => files[path])).toBeUndefined();
  });
});
