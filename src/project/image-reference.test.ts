import { expect, it } from 'vitest';
import { imageFault } from './image-reference.ts';

const digest = 'a'.repeat(64);

it.each([
  'nginx',
  'nginx:1.27-Alpine_3',
  'team/app',
  'Host/app',
  'localhost:5000/a/b__c--d.e:v1',
  '[::1]:5000/app',
  `app@sha256:${digest}`,
  `app:1@sha256:${digest}`,
  // an image's own number, whole or its beginning
  digest,
  `sha256:${digest}`,
  'c1477a39826f',
])('%s is a name', (image) => expect(imageFault(image)).toBeUndefined());

it.each([
  ['ok:bad tag', 'there is a blank in it', undefined],
  [' nginx', 'there is a blank in it', 'nginx'],
  ['nginx\n', 'there is a blank in it', 'nginx'],
  ['app:', 'nothing follows its colon', undefined],
  ['Nginx:Latest', 'there are capitals in it', 'nginx:Latest'],
  ['localhost:5000/X', 'there are capitals in it', 'localhost:5000/x'],
  ['-x', 'it is not NAME, NAME:TAG or NAME@DIGEST', undefined],
  ['http://x/y', 'it is not NAME, NAME:TAG or NAME@DIGEST', undefined],
  ['../../containers/json', 'it is not NAME, NAME:TAG or NAME@DIGEST', undefined],
  ['app@sha256:abc', 'it is not NAME, NAME:TAG or NAME@DIGEST', undefined],
  [`app:${'t'.repeat(129)}`, 'it is not NAME, NAME:TAG or NAME@DIGEST', undefined],
  ['ngınx', 'it is not NAME, NAME:TAG or NAME@DIGEST', undefined],
])('%j is none: %s', (image, why, better) => {
  expect(imageFault(image)).toEqual({ why, ...(better === undefined ? {} : { better }) });
});

it('is quick with the longest of names', () => {
  const began = performance.now();
  for (const text of ['a', '-', 'a.', 'a-', 'A/', 'a/', ':', '@a:']) imageFault(`x${text.repeat(400_000)}!`);
  expect(performance.now() - began).toBeLessThan(2000);
});
