// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';
import { WedgeReader } from '../assets/scan.js';

/** Types text with pause ms between the keys, then a last key.
 * @param {WedgeReader} r @param {string} text @param {number} pause
 * @param {{end?: string, start?: number}} [opt] */
function type(r, text, pause, { end = 'Enter', start = 10_000 } = {}) {
  let at = start;
  const verdicts = [...text].map((key) => r.key({ key, timeStamp: at += pause }));
  verdicts.push(r.key({ key: end, timeStamp: at + pause }));
  return { verdicts, code: verdicts.at(-1) === 'scan' ? r.code : undefined };
}

test('a fast burst is a scan, whatever ends it', () => {
  assert.equal(type(new WedgeReader(), 'A-01-L', 8).code, 'A-01-L');
  assert.equal(type(new WedgeReader(), 'A-01-L', 50, { end: 'Tab' }).code, 'A-01-L');
});

test('a person is no scanner', () => {
  const { verdicts, code } = type(new WedgeReader(), 'A-01-L', 120);
  assert.equal(code, undefined);
  assert.deepEqual(new Set(verdicts), new Set(['']));
});

test('a prefix makes it a scan at any speed of a slow machine', () => {
  assert.equal(type(new WedgeReader(), '~A-01-L', 400).code, 'A-01-L');
  assert.equal(type(new WedgeReader(), '~A', 400).code, 'A');
  assert.equal(type(new WedgeReader(), '~A-01-L', 1500).code, undefined);
  assert.equal(type(new WedgeReader({ prefix: '#' }), '#7', 300).code, '7');
  assert.equal(type(new WedgeReader({ prefix: '' }), '~AB', 10).code, '~AB'); // no prefix is set: it is a character
});

test('a prefix in the middle begins a new scan', () => {
  assert.equal(type(new WedgeReader(), 'xx~B7', 5).code, 'B7');
});

test('too short without a prefix, and an empty scan, are nothing', () => {
  assert.equal(type(new WedgeReader(), 'AB', 5).code, undefined);
  assert.equal(type(new WedgeReader(), '~', 5).code, undefined);
  assert.equal(type(new WedgeReader(), '', 5).code, undefined);
  assert.equal(type(new WedgeReader({ min: 2 }), 'AB', 5).code, 'AB');
});

test('a pause forgets what came before', () => {
  const r = new WedgeReader();
  r.key({ key: 'X', timeStamp: 0 });
  r.key({ key: 'Y', timeStamp: 5 });
  assert.equal(type(r, 'BADGE-1', 5, { start: 500 }).code, 'BADGE-1');
});

test('scans one after the other do not mix', () => {
  const r = new WedgeReader();
  assert.equal(type(r, 'ONE', 5, { start: 0 }).code, 'ONE');
  assert.equal(type(r, 'TWO', 5, { start: 30 }).code, 'TWO');
});

test('Shift, the separator of element strings, and shortcuts', () => {
  const r = new WedgeReader();
  let at = 0;
  for (const e of [
    { key: 'Shift' }, { key: 'A' }, { key: 'Shift' }, { key: 'b' }, { key: ']', ctrlKey: true }, { key: 'c', ctrlKey: true }, { key: 'ü' },
  ]) r.key({ ...e, timeStamp: at += 5 });
  assert.equal(r.key({ key: 'Enter', timeStamp: at += 5 }), 'scan');
  assert.equal(r.code, 'Ab\x1dü');
});

test('the second character on is swallowed by whoever listens', () => {
  const { verdicts } = type(new WedgeReader(), 'ABC', 5);
  assert.deepEqual(verdicts, ['', 'part', 'part', 'scan']);
  assert.deepEqual(type(new WedgeReader(), '~AB', 5).verdicts, ['part', 'part', 'part', 'scan']);
});

test('what a scanner types for GS where it cannot type it', () => {
  const dw = new WedgeReader({ gs: '{GS}' });
  assert.equal(type(dw, '~]C1010952123400101010L1{GS}21S7', 5).code, ']C1010952123400101010L1\x1d21S7');
  assert.equal(type(dw, '~]C0{GS', 5, { start: 5000 }).code, ']C0{GS'); // half of it is text
  assert.equal(type(new WedgeReader(), '~A{GS}B', 5).code, 'A{GS}B'); // not configured
});

test('F8 is GS', () => {
  const r = new WedgeReader();
  let at = 0;
  for (const key of ['~', '1', '0', 'A', 'F8', '2', '1', 'B']) r.key({ key, timeStamp: at += 5 });
  assert.equal(r.key({ key: 'Enter', timeStamp: at += 5 }), 'scan');
  assert.equal(r.code, '10A\x1d21B');
});
