import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalJitter, fullJitter } from '../src/retry.ts';

// A saga that was undone never ended on Postgres: its due time was a fraction, and bigint takes none.
test('pauses are whole milliseconds within their bounds', () => {
  for (let attempt = 1; attempt <= 30; attempt++) {
    const [equal, full] = [equalJitter(attempt, 333, 10_001), fullJitter(attempt, 333, 10_001)];
    assert.ok(Number.isInteger(equal) && Number.isInteger(full), `${equal} ${full}`);
    assert.ok(equal >= 333 / 2 - 1 && equal <= 10_001 && full >= 0 && full <= 10_001, `${equal} ${full}`);
  }
});
