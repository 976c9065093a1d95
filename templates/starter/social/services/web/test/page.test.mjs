// node --test: needs nothing but Node.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('../', import.meta.url);
const page = readFileSync(new URL('index.html', folder), 'utf8');

test('the page says its language, its title and how wide it is', () => {
  assert.match(page, /<html lang="[a-z-]+">/);
  assert.match(page, /<title>[^<]+<\/title>/);
  assert.match(page, /<meta name="viewport"/);
});

test('every file that the page asks for is there', () => {
  const files = [...page.matchAll(/(?:src|href)="([^"#:]+)"/g)].map((match) => match[1]);
  assert.ok(files.length > 0);
  for (const file of files) assert.ok(existsSync(new URL(file, folder)), `${file} is missing`);
});

test('nothing is inline, so that a strict Content-Security-Policy can stay strict', () => {
  assert.doesNotMatch(page, /<style|<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=/);
});
