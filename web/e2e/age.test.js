// @ts-check
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { age } from '../assets/age.js';

test('ages read as the server writes them', () => {
  const cases = JSON.parse(readFileSync(new URL('../testdata/ages.json', import.meta.url), 'utf8'));
  assert.ok(cases.length > 8);
  for (const [ms, want] of cases) assert.equal(age(ms), want);
});
