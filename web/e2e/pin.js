// The handheld page in a real browser at a site with PINs: a wrong one, the right one
// on the big pad, a first one that is chosen, one from the keys of the handheld; and
// nothing of it stays in the browser.
// node pin.js BASE_URL CHROMIUM BADGE PIN NEW_BADGE
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [base, executablePath, badge, pin, newcomer] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--mute-audio'] });
try {
  const pocket = await browser.newContext({ viewport: { width: 360, height: 640 } });
  const hh = await pocket.newPage();
  hh.setDefaultTimeout(30000);
  await hh.goto(base + '/hh/');
  const shown = (/** @type {string} */ what) => hh.waitForFunction((w) => document.body.dataset.do === w, what);
  const says = (/** @type {string} */ id, /** @type {string} */ part) => hh.waitForFunction(
    ([i, p]) => document.getElementById(i)?.textContent?.includes(p), [id, part]);
  const open = () => hh.waitForSelector('#pinpad:not([hidden])');
  const shut = () => hh.waitForSelector('#pinpad', { state: 'hidden' });
  const scan = async (/** @type {string} */ code) => { await hh.keyboard.type('~' + code); await hh.keyboard.press('Enter'); };
  const press = async (/** @type {string} */ digits) => { for (const d of digits) await hh.click(`[data-digit="${d}"]`); };
  await shown('sign_in');

  // Big enough for gloves, all of it on a small screen.
  await scan(badge);
  await open();
  await says('pinask', 'Type your PIN');
  for (const id of ['[data-digit="1"]', '[data-digit="0"]', '#pinok', '#pinback']) {
    const box = await hh.locator(id).boundingBox();
    assert.ok(box && box.width >= 90 && box.height >= 70 && box.y + box.height <= 640, `${id} is ${JSON.stringify(box)}`);
  }
  assert.ok(await hh.isDisabled('#pinok'));

  // A wrong one is said, and the pad is there again.
  await press('13570');
  await hh.click('#pinback');
  assert.equal(await hh.textContent('#pindots'), '●●●●');
  await hh.click('#pinok');
  await says('word', 'PIN WRONG');
  await hh.click('#ack');
  await open();
  assert.equal(await hh.textContent('#pindots'), '');
  await press(pin);
  await hh.click('#pinok');
  await shut();
  await shown('ask');
  await hh.click('#out');
  await shown('sign_in');

  // The first one of a newcomer is typed twice.
  await scan(newcomer);
  await open();
  await says('pinask', 'Choose a PIN');
  await press('2580');
  await hh.click('#pinok');
  await says('pinask', 'once more');
  await press('2581');
  await hh.click('#pinok');
  await says('word', 'NOT THE SAME');
  await hh.click('#ack');
  for (const what of ['Choose a PIN', 'once more']) {
    await says('pinask', what);
    await hh.keyboard.type('2580', { delay: 120 }); // a person on the keys of the handheld
    await hh.keyboard.press('Enter');
  }
  await shut();
  await shown('ask');

  // Somebody else scans his badge instead: the pad is his.
  await hh.click('#out');
  await shown('sign_in');
  await scan(newcomer);
  await open();
  await press('25');
  await scan(badge);
  await hh.waitForFunction(() => document.getElementById('pindots')?.textContent === '');
  await says('pinask', 'Type your PIN');
  await press(pin);
  await hh.click('#pinok');
  await shown('ask');

  const kept = await hh.evaluate(async () => {
    const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.documentElement.outerHTML];
    for (const { name } of await indexedDB.databases()) {
      const db = await new Promise((ok) => { const r = indexedDB.open(name ?? ''); r.onsuccess = () => ok(r.result); });
      for (const s of db.objectStoreNames) {
        found.push(JSON.stringify(await new Promise((ok) => { const r = db.transaction(s).objectStore(s).getAll(); r.onsuccess = () => ok(r.result); })));
      }
    }
    return found.join('\n');
  });
  for (const secret of [pin, '2580']) assert.ok(!kept.includes(secret), 'the browser keeps a PIN');
} finally {
  await browser.close();
}
