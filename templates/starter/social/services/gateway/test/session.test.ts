import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionCookie, userOf } from '../src/session.ts';

const cookie = (user: string, now?: number) => sessionCookie(user, now).split(';')[0] ?? '';

test('a session says who it is', () => {
  assert.equal(userOf(cookie('ada')), 'ada');
  assert.equal(userOf(`theme=dark; ${cookie('ada')}; other=1`), 'ada');
});

test('a forged, cut or old one is nobody', () => {
  const right = cookie('ada');
  for (const wrong of [undefined, '', 'session=ada', right.replace('ada', 'grace'), right.slice(0, -1), right.replace(/\d{13}/, '9999999999999')])
    assert.equal(userOf(wrong), undefined, wrong);
  assert.equal(userOf(cookie('ada', Date.now() - 8 * 86_400_000)), undefined);
});

test('scripts cannot read it, other sites cannot send it', () => {
  for (const word of ['HttpOnly', 'Secure', 'SameSite=Strict']) assert.ok(sessionCookie('ada').includes(word));
});
