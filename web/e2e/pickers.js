// The handheld page in a real browser: the picker takes another lot than the one
// on the screen and then hands the walk over, each by its button.
// node pickers.js BASE_URL CHROMIUM BADGE LOT_CODE OTHER_BADGE
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [base, executablePath, badge, lot, other] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--mute-audio'] });
try {
  const pocket = await browser.newContext({ viewport: { width: 360, height: 640 } });
  const hh = await pocket.newPage();
  hh.setDefaultTimeout(30000);
  await hh.goto(base + '/hh/');
  const shown = (/** @type {string} */ what) => hh.waitForFunction((w) => document.body.dataset.do === w, what);
  const says = (/** @type {string} */ id, /** @type {string} */ part) => hh.waitForFunction(
    ([i, p]) => document.getElementById(i)?.textContent?.includes(p), [id, part]);
  const scan = async (/** @type {string} */ code) => { await hh.keyboard.type('~' + code); await hh.keyboard.press('Enter'); };
  await shown('sign_in');
  await scan(badge);
  await shown('ask');
  assert.deepEqual([await hh.isVisible('#otherlot'), await hh.isVisible('#handover')], [false, false]);
  await hh.click('#primary');
  await shown('scan_bin');
  assert.deepEqual([await hh.isVisible('#otherlot'), await hh.isVisible('#handover')], [false, true]);
  await scan((await hh.textContent('#big') ?? '').trim());
  await shown('scan_item');
  await says('lot', 'L1');
  await hh.click('#otherlot');
  await says('nextask', 'Scan the lot you take instead');
  await scan(lot);
  await says('lot', 'L2');
  await shown('scan_item');
  await hh.click('#handover');
  await says('nextask', 'Scan the badge of who takes the work');
  await scan(other);
  await shown('ask');
  assert.deepEqual([await hh.isVisible('#otherlot'), await hh.isVisible('#handover')], [false, false]);
} finally {
  await browser.close();
}
