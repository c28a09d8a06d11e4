// The handheld page in a real browser shows the picture of the item to pick.
// node image.js BASE_URL CHROMIUM BADGE
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [base, executablePath, badge] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--mute-audio'] });
try {
  const pocket = await browser.newContext({ viewport: { width: 360, height: 640 } });
  const hh = await pocket.newPage();
  hh.setDefaultTimeout(30000);
  /** @type {string[]} */
  const complaints = [];
  hh.on('pageerror', (e) => complaints.push(String(e)));
  hh.on('console', (m) => { if (/Content Security|Refused/.test(m.text())) complaints.push(m.text()); });
  await hh.goto(base + '/hh/');
  const shown = (/** @type {string} */ what) => hh.waitForFunction((w) => document.body.dataset.do === w, what);
  await shown('sign_in');
  await hh.keyboard.type('~' + badge);
  await hh.keyboard.press('Enter');
  await shown('ask');
  assert.equal(await hh.isVisible('#pic'), false);
  await hh.click('#primary');
  await shown('scan_bin');
  await hh.waitForFunction(() => {
    const pic = /** @type {HTMLImageElement} */ (document.getElementById('pic'));
    return !pic.hidden && pic.complete && pic.naturalWidth === 3 && pic.naturalHeight === 2;
  });
  assert.equal(await hh.isVisible('#pic'), true);
  assert.equal(await hh.isVisible('#primary') || await hh.isVisible('#problem'), true); // nothing is pushed off the screen
  await pocket.setOffline(true); // a Wi-Fi hole: it stays
  await hh.waitForFunction(() => document.getElementById('link')?.dataset.state === 'off', undefined, { timeout: 60000 });
  assert.equal(await hh.evaluate(() => /** @type {HTMLImageElement} */ (document.getElementById('pic')).naturalWidth), 3);
  assert.equal(await hh.isVisible('#pic'), true);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
