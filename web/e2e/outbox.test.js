// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';
import { MAX_VERBS, Outbox, OutboxFull } from '../assets/outbox.js';

/** A store in memory that survives the Outbox, as the one in the browser does.
 * @returns {import('../assets/outbox.js').Store & {verbs: any[], last: number}} */
function memory() {
  return {
    verbs: [], last: 0,
    async all() { return structuredClone(this.verbs); },
    async add(make) {
      const v = make(this.last);
      this.last = v.seq;
      this.verbs.push(v);
      return v;
    },
    async remove(seq) { this.verbs = this.verbs.filter((v) => v.seq !== seq); },
  };
}

/** An outbox against a gateway that works as the test says.
 * @param {(v: any) => any} answer throws when nothing was recorded */
function rig(answer, store = memory()) {
  /** @type {any[]} */
  const sent = [], results = [], waits = [];
  let count = 0;
  const box = new Outbox('web-abcdef', store, async (v) => {
    sent.push(v);
    return answer(v);
  }, {
    onResult: (r, v) => results.push([r.code, v.barcode]), onCount: (n) => { count = n; },
  }, {
    now: () => 1234, wait: async (ms) => { waits.push(ms); },
  });
  return { box, store, sent, results, waits, count: () => count };
}
const ok = (/** @type {any} */ v) => ({ cmdId: v.cmdId, seq: v.seq, ok: true, code: 'OK' });
/** @param {() => boolean} done */
async function until(done) {
  for (let i = 0; i < 1000 && !done(); i++) await new Promise((r) => setImmediate(r));
  assert.ok(done(), 'it never came to that');
}
const scan = (/** @type {string} */ barcode) => ({ verb: /** @type {const} */ ('scan'), barcode });

test('a verb is kept before it is sent, and dropped with its result', async () => {
  const store = memory();
  const r = rig((v) => { assert.equal(store.verbs[0].seq, v.seq); return ok(v); }, store);
  await r.box.start();
  await r.box.add(scan('A'));
  await until(() => r.results.length === 1);
  assert.deepEqual(r.sent, [{ verb: 'scan', barcode: 'A', seq: 1, cmdId: 'web-abcdef-1', at: 1234 }]);
  assert.deepEqual([store.verbs, r.count()], [[], 0]);
});

test('a secret is sent with its verb, also again, and is never in the store', async () => {
  const store = memory();
  let tries = 0;
  const r = rig((v) => {
    assert.ok(!JSON.stringify(store.verbs).includes('4711'));
    if (++tries === 1) throw new Error('not recorded');
    return ok(v);
  }, store);
  await r.box.start();
  await r.box.add({ verb: 'sign_in', barcode: 'B' }, { pin: '4711' });
  await r.box.add(scan('A'));
  await until(() => r.results.length === 2);
  assert.deepEqual(r.sent.map((v) => v.pin), ['4711', '4711', undefined]);
  assert.equal(r.box.secrets.size, 0);
  assert.equal(JSON.stringify(r.results), '[["OK","B"],["OK","A"]]');
});

test('verbs go out in order, one at a time', async () => {
  let open = 0;
  const r = rig(async (v) => {
    assert.equal(++open, 1);
    await new Promise((f) => setImmediate(f));
    open--;
    return ok(v);
  });
  await Promise.all(['A', 'B', 'C', 'D'].map((c) => r.box.add(scan(c))));
  await until(() => r.results.length === 4);
  assert.deepEqual(r.sent.map((v) => v.barcode), ['A', 'B', 'C', 'D']);
  assert.deepEqual(r.sent.map((v) => v.seq), [1, 2, 3, 4]);
});

test('without a link the same bytes are sent again, slower and slower, and nothing overtakes', async () => {
  let fails = 6;
  const r = rig((v) => { if (fails-- > 0) throw new Error('no link'); return ok(v); });
  await r.box.add(scan('A'));
  await r.box.add(scan('B'));
  await until(() => r.results.length === 2);
  assert.deepEqual(r.sent.map((v) => v.barcode), [...Array(7).fill('A'), 'B']);
  assert.equal(new Set(r.sent.slice(0, 7).map((v) => JSON.stringify(v))).size, 1);
  assert.deepEqual(r.waits, [500, 1000, 2000, 4000, 5000, 5000]);
});

test('an answer for another verb is no answer', async () => {
  let n = 0;
  const r = rig((v) => (n++ === 0 ? { ...ok(v), seq: 99 } : ok(v)));
  await r.box.add(scan('A'));
  await until(() => r.results.length === 1);
  assert.equal(r.sent.length, 2);
});

test('a refusal is a result: the next verb follows', async () => {
  const r = rig((v) => ({ ...ok(v), ok: v.barcode !== 'A', code: v.barcode === 'A' ? 'WRONG_BIN' : 'OK' }));
  await r.box.add(scan('A'));
  await r.box.add(scan('B'));
  await until(() => r.results.length === 2);
  assert.deepEqual(r.results, [['WRONG_BIN', 'A'], ['OK', 'B']]);
});

test('what an earlier run left goes out first, with its old sequence', async () => {
  const store = memory();
  const dead = rig(() => new Promise(() => {}), store); // a gateway that never answers
  await dead.box.add(scan('OLD'));
  const r = rig(ok, store);
  await r.box.start();
  await r.box.add(scan('NEW'));
  await until(() => r.results.length === 2);
  assert.deepEqual(r.sent.map((v) => [v.seq, v.barcode]), [[1, 'OLD'], [2, 'NEW']]);
});

test('a handheld that was reset goes on behind what the site knows', async () => {
  const r = rig(ok);
  r.box.siteSeq(41);
  r.box.siteSeq(7); // older news
  await r.box.add(scan('A'));
  await until(() => r.results.length === 1);
  assert.equal(r.sent[0].seq, 42);
});

test('kick ends the waiting', async () => {
  let fails = 1;
  /** @type {any} */
  let woken;
  const box = new Outbox('web-abcdef', memory(), async (v) => { if (fails-- > 0) throw new Error('no link'); return ok(v); },
    { onResult: () => {}, onCount: () => {} }, { wait: (_, wake) => { woken = false; return wake.then(() => { woken = true; }); } });
  await box.add(scan('A'));
  await until(() => woken === false);
  box.kick();
  await until(() => woken && box.count === 0);
});

test('two windows of one device never use a sequence twice', async () => {
  const store = memory();
  const a = rig(ok, store), b = rig(ok, store);
  await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).box.add(scan(`S${i}`))));
  await until(() => store.verbs.length === 0 && a.count() === 0 && b.count() === 0);
  const bySeq = new Map();
  for (const v of [...a.sent, ...b.sent]) bySeq.set(v.seq, (bySeq.get(v.seq) ?? new Set()).add(v.barcode));
  assert.equal(bySeq.size, 20);
  for (const codes of bySeq.values()) assert.equal(codes.size, 1); // copies of the same verb only
});

test('a full outbox refuses, it drops nothing', async () => {
  const store = memory();
  const r = rig(() => new Promise(() => {}), store);
  for (let i = 0; i < MAX_VERBS; i++) await r.box.add(scan('A'));
  await assert.rejects(r.box.add(scan('B')), OutboxFull);
  assert.equal(store.verbs.length, MAX_VERBS);
});
