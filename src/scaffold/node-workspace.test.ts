import { expect, test } from 'vitest';
import { addToWorkspace, rootLock, rootPackage } from './node-workspace.ts';

const project = 'shop';
const packageText = rootPackage(project);

test('a project without a package.json gets both files', () => {
  const { changes } = addToWorkspace({ project, packageText: undefined, lockText: undefined }, 'api');
  expect(changes).toEqual([
    { path: 'package.json', after: packageText },
    { path: 'package-lock.json', after: rootLock(project, ['api']) },
  ]);
});

test('the lockfile that camp wrote gets the new service', () => {
  const before = rootLock(project, ['web', 'api']);
  const { changes, notes } = addToWorkspace({ project, packageText, lockText: before }, 'orders');
  expect(changes).toEqual([{ path: 'package-lock.json', before, after: rootLock(project, ['api', 'orders', 'web']) }]);
  expect(notes).toEqual([]);
});

test('what a person installed since stays, and a note says what to do', () => {
  const lockText = rootLock(project, ['api']).replace('"requires": true', '"requires": false');
  const { changes, notes } = addToWorkspace({ project, packageText, lockText }, 'orders');
  expect(changes).toEqual([]);
  expect(notes).toEqual(['package-lock.json is yours: npm install adds the new service to it']);
});

test('a package.json that a person wrote, without a lockfile, is left alone', () => {
  expect(addToWorkspace({ project, packageText: '{}', lockText: undefined }, 'api')).toEqual({
    changes: [],
    notes: [],
  });
});

test('a service that is locked already changes nothing', () => {
  expect(addToWorkspace({ project, packageText, lockText: rootLock(project, ['api']) }, 'api').changes).toEqual([]);
});
