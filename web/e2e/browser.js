// The console and the handheld page in a real browser: picks order WEB-1 by
// typed scans. node browser.js BASE_URL CHROMIUM [SCREENSHOT_DIR]
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [base, executablePath, shots] = process.argv.slice(2);
const more = process.env.TOTE_SHOTS; // a folder for pictures of every page and width
const t0 = Date.now();
const step = (/** @type {string} */ s) => console.log(`${((Date.now() - t0) / 1000).toFixed(1)} s ${s}`);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--mute-audio'] });
/** @type {string[]} */
const complaints = []; // CSP violations and exceptions must not happen
/** @param {import('playwright-core').Page} page */
const watch = (page) => {
  page.setDefaultTimeout(20000);
  page.on('pageerror', (e) => complaints.push(String(e)));
  page.on('console', (m) => { if (/Content Security|Refused/.test(m.text())) complaints.push(m.text()); });
  return page;
};
/** A picture for the documentation, small enough to live in the repository.
 * @param {import('playwright-core').Page} page @param {string} name */
const picture = async (page, name) => {
  const png = await page.screenshot({ path: `${shots}/${name}.png` });
  assert.ok(png.length < 300_000, `${name}.png has ${png.length} bytes`);
};
const post = (/** @type {string} */ path) => fetch(base + path, { method: 'POST' });

try {
  const desk = await browser.newContext({ viewport: { width: 1920, height: 1080 } });
  const board = watch(await desk.newPage());
  await board.goto(base + '/');
  await board.waitForSelector('#link[data-state=live]');
  step('console is live');

  const pocket = await browser.newContext({ viewport: { width: 360, height: 640 }, hasTouch: true, deviceScaleFactor: 2 });
  // A flash of "ok" is gone in a third of a second: each is written down.
  await pocket.addInitScript(() => {
    const seen = /** @type {any} */ (window).flashes = /** @type {string[]} */ ([]);
    new MutationObserver(() => { const k = document.body?.dataset.flash; if (k) seen.push(k); })
      .observe(document, { attributes: true, subtree: true, attributeFilter: ['data-flash'] });
  });
  const hh = watch(await pocket.newPage());
  await hh.goto(base + '/hh/');
  const shown = (/** @type {string} */ what) => hh.waitForFunction((w) => document.body.dataset.do === w, what);
  const flashed = (/** @type {import('playwright-core').Page} */ page, /** @type {string} */ kind) => page.waitForFunction((k) => {
    const seen = /** @type {any} */ (window).flashes;
    const was = document.body.dataset.flash === k || (k === 'ok' || k === 'kept') && seen.includes(k); // the others stay
    if (was) seen.length = 0;
    return was;
  }, kind);
  const flash = (/** @type {string} */ kind) => flashed(hh, kind);
  const text = async (/** @type {string} */ sel) => (await hh.textContent(sel) ?? '').trim();
  /** Types like a scanner set to the prefix. @param {string} code */
  const scan = async (code) => { await hh.keyboard.type('~' + code); await hh.keyboard.press('Enter'); };
  /** Scans and waits until the screen says something else. @param {string} code */
  const advance = async (code) => {
    const before = await text('#task');
    await scan(code);
    await hh.waitForFunction((b) => document.getElementById('task')?.textContent?.trim() !== b, before);
  };
  const calm = () => hh.waitForFunction(() => !document.body.dataset.flash);

  await shown('sign_in');
  await scan('BADGE-9999');
  await flash('wrong');
  assert.equal(await text('#word'), 'UNKNOWN BADGE');
  await scan('BADGE-1004'); // the right thing takes the red screen away
  await shown('ask');
  assert.equal(await text('#who'), 'W4');
  assert.match(await text('#link'), /online/);
  assert.equal(await hh.isVisible('#ask'), false); // only what can be pressed looks like it
  step('signed in');

  await post('/test/release/WEB-1');
  await hh.click('#primary');
  await shown('scan_bin');
  await calm();
  const bin = await text('#big');
  assert.match(bin, /^[A-H]-\d\d-[LR]$/);
  step(`work: bin ${bin}`);

  await scan(bin === 'A-01-L' ? 'A-02-L' : 'A-01-L');
  await flash('wrong');
  assert.equal(await text('#word'), 'WRONG BIN');
  assert.match(await text('#need'), new RegExp(bin));
  assert.match(await text('#do'), /Go to the bin on the screen/);
  await hh.waitForTimeout(400);
  assert.equal(await hh.isVisible('#flash'), true); // it stays
  assert.equal(await hh.isVisible('#unsent'), true); // and the strip is never hidden
  if (shots) await picture(hh, 'handheld-wrong');
  step('wrong bin is told');

  let lost = false, all = false, pictured = false;
  for (let i = 0; i < 30; i++) {
    const s = await hh.evaluate(() => ({ do: document.body.dataset.do, lot: document.getElementById('lot')?.textContent }));
    if (s.do === 'finish') break;
    if (s.do === 'scan_bin') await advance(await text('#big'));
    else if (s.do === 'scan_item') {
      if (!pictured) {
        await calm();
        pictured = true;
        if (shots) await picture(hh, 'handheld');
      }
      if (!all && await hh.isVisible('#all')) { await hh.click('#all'); all = true; } // two pieces with one scan
      await advance((s.lot ?? '').split(' · ')[0]);
    } else if (s.do === 'scan_slot' && !lost) {
      // The link is lost in the middle: the scan is kept, shown as kept and
      // sent by itself when the link is back.
      lost = true;
      await calm();
      await pocket.setOffline(true);
      await hh.waitForFunction(() => /offline/.test(document.getElementById('link')?.textContent ?? ''));
      await scan('T0WEB');
      await flash('kept');
      assert.equal(await text('#unsent'), '1 unsent');
      await hh.reload().catch(() => {}); // even a reload does not lose it
      await pocket.setOffline(false);
      await hh.goto(base + '/hh/');
      await hh.waitForFunction(() => document.getElementById('unsent')?.textContent === '0 unsent' && document.body.dataset.do);
      step('link lost and back: the kept scan went out');
    } else await advance('T0WEB');
  }
  await shown('finish');
  assert.ok(lost && all);

  await post('/test/quorum/false');
  await board.waitForSelector('.status.bad');
  assert.match(await board.textContent('#status') ?? '', /NO QUORUM since \d\d:\d\d:\d\d.*Start the missing gateways/s);
  await hh.waitForFunction(() => /NO QUORUM since/.test(document.getElementById('trouble')?.textContent ?? ''));
  assert.match(await text('#link'), /gateway only/);
  await hh.click('#key'); // typed entry, for a label that cannot be read
  await hh.fill('#code', 'PACKDROP');
  await hh.press('#code', 'Enter');
  await flash('kept');
  await post('/test/quorum/true');
  await shown('ask');
  await board.waitForSelector('.status.warn');
  step('no quorum: kept, then finished by itself');

  // A floor task: claimed, skipped, claimed again and done, wrong once at each
  // scan; a lead sees it on the list and gives the next one back to the queue.
  const move = await (await post('/test/move')).json();
  await hh.click('#floor');
  await shown('scan_bin');
  assert.deepEqual([await text('#caption'), await text('#big'), await text('#unit')], ['MOVE: go to bin', move.From, 'to take']);
  await hh.click('#skip');
  await hh.click('[data-skip="the way is blocked"]');
  await shown('ask');
  const list = watch(await desk.newPage());
  await list.goto(base + '/floor-tasks');
  await list.waitForSelector('#link[data-state=live]');
  assert.match(await list.textContent('#floortasks') ?? '', /the way is blocked.*skipped 1 time.*waits/s);
  await hh.click('#floor');
  await shown('scan_bin');
  await list.getByLabel('Give K000001 back to the queue').waitFor();
  assert.match(await list.textContent('#floortasks') ?? '', /W4 Tomáš/);
  await checkContrast(list);
  if (more) await list.screenshot({ path: more + '/floor-tasks.png' });
  await calm();
  if (more) await hh.screenshot({ path: more + '/handheld-floor.png' });
  await scan(move.To);
  await flash('wrong');
  await advance(move.From);
  await shown('scan_item');
  assert.deepEqual([await text('#caption'), await hh.isVisible('#problem'), await hh.isVisible('#skip')], ['MOVE: take from', true, true]);
  if (await hh.getAttribute('#all', 'aria-pressed') === 'true') await hh.click('#all');
  await advance(move.SKU);
  assert.equal(await hh.isVisible('#skip'), false); // what is in hand is put down first
  await advance(move.SKU);
  await shown('put_down');
  assert.deepEqual([await text('#caption'), await text('#big'), await text('#qty'), await hh.isVisible('#problem')], ['MOVE: put down in', move.To, '2', false]);
  await scan(move.Other);
  await flash('attention');
  assert.equal(await text('#word'), 'CONFIRM');
  assert.match(await text('#text'), new RegExp(`expected ${move.To}: scan ${move.Other} again`));
  await scan(move.Other);
  await shown('ask');
  await list.waitForFunction(() => /No floor task waits/.test(document.getElementById('floortasks')?.textContent ?? ''));
  await hh.click('#floor');
  await flash('attention');
  assert.equal(await text('#word'), 'NO WORK');
  await hh.click('#ack');
  await post('/test/move');
  await hh.click('#floor');
  await shown('scan_bin');
  await list.getByRole('button', { name: 'back to the queue' }).click();
  await shown('ask');
  await flash('attention');
  assert.equal(await text('#word'), 'TASK CHANGED');
  await hh.click('#ack');
  assert.match(await list.textContent('.toast') ?? '', /It is in the queue again/);
  await list.close();
  // Screens of tasks that come from elsewhere, as the site would send them.
  for (const [task, want] of /** @type {[any, string[]][]} */ ([
    [{ do: 'scan_unit', kind: 'PUTBACK', tote: 'T0007', order: 'O1', qty: 2 }, ['PUT BACK: find the tote', 'T0007', 'Scan tote T0007', 'of order O1']],
    [{ do: 'put_down', kind: 'PUTAWAY', held: 2 }, ['PUT AWAY: put down in', 'ANY BIN', 'Put into any bin and scan it', '']],
    [{ do: 'scan_bin', kind: 'REPLENISH', bin: 'A-01-L', qty: 9 }, ['REPLENISH: go to bin', 'A-01-L', 'Scan bin', '']],
    [{ do: 'count', kind: 'COUNT', bin: 'A-01-L', sku: '' }, ['COUNT: what lies in', 'A-01-L', 'Scan each piece, then the bin again', '']],
    [{ do: 'scan_slot', held: 2, slot: 3, zero: 'A-01-L', order: 'O1' }, ['Put into slot', '3', 'Scan an empty tote', '1 task left · order O1']],
  ])) {
    const other = watch(await pocket.newPage());
    await other.route('**/hh/events?*', (r) => r.fulfill({
      contentType: 'text/event-stream', body: `event: task\ndata: ${JSON.stringify({ task: 'K000009', sku: 'SKU-001', left: 1, worker: 'W1', ...task })}\n\n`,
    }));
    await other.goto(base + '/hh/');
    await other.waitForFunction((w) => document.body.dataset.do === w, task.do);
    assert.deepEqual(await other.evaluate(() => ['caption', 'big', 'ask', 'left'].map((id) => document.getElementById(id)?.textContent)), want);
    assert.equal(await other.isVisible('#problem'), task.do === 'scan_bin' || task.do === 'scan_slot');
    assert.equal(await other.isVisible('#item'), task.do !== 'count'); // who counts does not see the book
    assert.equal(await other.isVisible('#zero'), !!task.zero);
    const answers = [];
    await other.route('**/hh/cmd?*', (r) => {
      const v = r.request().postDataJSON();
      answers.push(v);
      return r.fulfill({ json: { cmdId: v.cmdId, seq: v.seq, ok: true, code: 'OK' } });
    });
    if (task.zero) {
      if (more) await other.screenshot({ path: more + '/handheld-zero.png' });
      // All of it fits, without a link too.
      assert.deepEqual(await other.evaluate(() => [document.querySelector('main')].map((m) => (m?.scrollHeight ?? 0) - (m?.clientHeight ?? 0))), [0]);
      assert.equal(await other.textContent('#emptied'), 'Is bin A-01-L empty now?');
      await other.click('#isleft');
    } else {
      await other.keyboard.type('~A-01-L');
      await other.keyboard.press('Enter');
    }
    await flashed(other, 'ok');
    const [{ verb, expect, task: of }] = answers;
    assert.deepEqual([verb, expect, of], task.zero ? ['left', undefined, undefined]
      : ['scan', { scan_unit: 'slot', put_down: 'bin', scan_bin: 'bin' }[String(task.do)], 'K000009']);
    await other.close();
  }
  step('floor tasks: skipped, done, given back');

  // The console: a retry answers on the page; a row that did not change keeps
  // the focus while others are swapped.
  const button = board.getByLabel('Retry order SO-2001');
  await button.focus();
  const focused = () => board.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  await post('/test/release/SHORT-1');
  await board.getByLabel('Retry order SHORT-1').waitFor();
  assert.equal(await focused(), 'Retry order SO-2001');
  await post('/orders/SHORT-1/cancel');
  await board.getByLabel('Retry order SHORT-1').waitFor({ state: 'detached' });
  assert.equal(await focused(), 'Retry order SO-2001');
  await button.click();
  await board.waitForSelector('.toast .notice');
  assert.match(await board.textContent('.toast') ?? '', /OUT_OF_STOCK/);
  await board.keyboard.press('Escape');
  assert.equal(await board.locator('.marker').count() >= 6, true);
  // Every marker lies on the map, and who needs a person stands out.
  assert.deepEqual(await board.evaluate(() => {
    const plan = /** @type {Element} */ (document.querySelector('.plan svg')).getBoundingClientRect();
    return [...document.querySelectorAll('.marker .mk, .marker .what')].filter((e) => {
      const r = e.getBoundingClientRect();
      return r.left < plan.left || r.right > plan.right || r.top < plan.top || r.bottom > plan.bottom;
    }).map((e) => e.parentElement?.dataset.key);
  }), []);
  assert.match(await board.textContent('.marker.alert') ?? '', /R4!ROBOT_PLACE/);
  assert.match(await board.textContent('#missing') ?? '', /R3 absent ROBOT_ABSENT/);
  step('retry answers on the page');

  // Everything fits: no sideways scrolling at the promised widths, but for the
  // map on a phone, which scrolls in its card.
  for (const [w, h] of [[360, 780], [1280, 800], [1024, 1366], [768, 1024], [1920, 1080]]) {
    await board.setViewportSize({ width: w, height: h });
    if (more) await board.screenshot({ path: `${more}/console-${w}.png`, fullPage: true });
    const over = await board.evaluate(() => [...document.querySelectorAll('body *')]
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('.plan')).map((e) => `${e.tagName}.${e.className} ${e.textContent?.slice(0, 20)}`));
    assert.deepEqual(over, [], `too wide at ${w}`);
  }
  await checkContrast(board);
  await checkContrast(hh);
  await board.mouse.move(0, 0);
  await board.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
  await board.setViewportSize({ width: 1720, height: 960 });
  if (shots) await picture(board, 'console');

  await board.goto(base + '/orders/WEB-1');
  await board.waitForSelector('#link[data-state=live]');
  assert.match(await board.textContent('#order') ?? '', /waits for a pack station/);
  await checkContrast(board);
  if (more) await board.screenshot({ path: more + '/order.png' });
  await board.goto(base + '/orders');
  await checkContrast(board);
  if (more) await board.screenshot({ path: more + '/orders.png' });

  // A pack station: the packer says what goes into the first of two cartons, the
  // page goes on by itself when it was weighed, and the rest is the second.
  await post('/test/bench');
  const bench = watch(await desk.newPage());
  await bench.goto(base + '/stations/pack9');
  await bench.waitForSelector('#link[data-state=live]');
  const saysThat = (/** @type {string} */ what) => bench.waitForFunction((w) => document.getElementById('bench')?.textContent?.includes(w), what);
  await bench.getByLabel('How many SKU-012').fill('0');
  await bench.getByRole('button', { name: 'Only these go into this carton' }).click();
  await saysThat('1, more to come');
  await checkContrast(bench);
  if (more) await bench.screenshot({ path: more + '/bench.png' });
  await post('/test/weigh');
  await saysThat('Closed before');
  assert.equal(await bench.getByLabel('How many SKU-012').inputValue(), '1');
  assert.equal(await bench.getByLabel('How many SKU-002').count(), 0);
  await post('/test/weigh');
  await saysThat('Scan the tote to be packed.');
  await bench.close();
  step('pack station: two cartons');
  assert.deepEqual(complaints, []);
  step('done');
} catch (e) {
  for (const c of browser.contexts()) for (const p of c.pages()) console.log(p.url(), await p.innerText('body').catch(String));
  throw e;
} finally {
  await browser.close();
}

/** Every text has a contrast of 7:1 or more to what is behind it.
 * @param {import('playwright-core').Page} page */
async function checkContrast(page) {
  const bad = await page.evaluate(() => {
    const rgb = (/** @type {string} */ c) => (c.match(/[\d.]+/g) ?? []).map(Number);
    const lum = (/** @type {number[]} */ [r, g, b]) => {
      const f = (/** @type {number} */ v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
    };
    const out = [];
    for (const el of document.querySelectorAll('body *')) {
      if (![...el.childNodes].some((n) => n.nodeType === 3 && n.nodeValue?.trim()) || el.closest('svg,script,noscript,title')) continue;
      const box = el.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) continue;
      /** @type {Element | null} */
      let back = el;
      while (back && (rgb(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
      const [a, b] = [lum(rgb(getComputedStyle(el).color)), lum(back ? rgb(getComputedStyle(back).backgroundColor) : [255, 255, 255])];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 7) out.push(`${ratio.toFixed(1)} ${el.tagName}.${el.className}: ${el.textContent?.trim().slice(0, 30)}`);
    }
    return out;
  });
  assert.deepEqual(bad, []);
}
