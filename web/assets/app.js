// @ts-check
// The picker's page: one task a screen. It shows what the site says (Step) and
// sends what the picker does, through the outbox. It validates nothing itself.
import { listen } from './scan.js';
import { Outbox, OutboxFull, openStore } from './outbox.js';

/**
 * @typedef {object} Step What the handheld shows: state/task and next.
 * @property {string} do
 * @property {string} [task]
 * @property {string} [order]
 * @property {string} [bin]
 * @property {string} [sku]
 * @property {string} [name]
 * @property {string} [lot]
 * @property {string} [expiry]
 * @property {number} [qty]
 * @property {number} [held]
 * @property {number} [slot]
 * @property {string} [tote]
 * @property {string} [serial]
 * @property {number} [left]
 * @property {string} [worker]
 * @property {string} [kind] of a floor task
 * @property {string} [zero] bin that should be empty now
 * @property {boolean} [zones] a zone may be chosen
 * @property {string} [zone] the chosen one
 */

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);
const assets = new URL(import.meta.url).pathname.split('/')[2];
const LOST_AFTER = 15000; // ms; the server beats every 5 s
const SLOW = 1500; // ms without a result: say that the scan is kept

const device = deviceID();
/** @type {Step | undefined} */
let step;
let linkUp = false, quorum = true, heard = Date.now(), lastDone = 0, siteSeq = 0, taskSeq = 0, takeAll = false, unanswered = 0;
/** @type {Record<string, {cause: string, action: string}>} */
let codes = {};
/** @type {Outbox} */
let outbox;

/** The id this browser gave itself once. */
function deviceID() {
  let id = localStorage.getItem('tote-device');
  if (!id || !/^web-[a-z0-9]{6,16}$/.test(id)) {
    const letters = 'abcdefghijkmnpqrstuvwxyz23456789'; // none that look alike
    id = 'web-' + Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => letters[b % 32]).join('');
    localStorage.setItem('tote-device', id);
  }
  return id;
}

// ---- what the screen says for each step

/** @type {Record<string, string>} what a floor task is called */
const kindsOfWork = { PUTAWAY: 'PUT AWAY', REPLENISH: 'REPLENISH', COUNT: 'COUNT', PUTBACK: 'PUT BACK', MOVE: 'MOVE' };
/** What kind of work it is comes first. @param {Step} s @param {string} what @param {string} [floor] for a floor task */
const caption = (s, what, floor = what) => s.kind ? `${kindsOfWork[s.kind] ?? s.kind}: ${floor}` : what;

/** @type {Record<string, (s: Step) => {ask: string, caption?: string, big?: string, primary?: string}>} */
const screens = {
  sign_in: () => ({ ask: 'Scan your badge', caption: 'Sign in', big: 'BADGE' }),
  ask: () => ({ ask: 'Ask for work', caption: 'Ready', big: 'FREE', primary: 'Ask for work' }),
  wait: () => ({ ask: 'Work comes by itself', caption: 'Waiting for work', big: 'WAIT' }),
  scan_bin: (s) => ({ ask: 'Scan bin', caption: caption(s, 'Go to bin', 'go to bin'), big: s.bin }),
  scan_item: (s) => ({ ask: `Scan item ${(s.held ?? 0) + 1} of ${(s.held ?? 0) + (s.qty ?? 0)}`, caption: caption(s, 'Pick from bin', 'take from'), big: s.bin }),
  scan_slot: (s) => ({ ask: s.tote ? `Scan tote ${s.tote}` : 'Scan an empty tote', caption: 'Put into slot', big: String(s.slot ?? '') }),
  scan_unit: (s) => ({ ask: `Scan tote ${s.tote}`, caption: caption(s, 'Find the tote', s.bin ? `the tote is at ${s.bin}` : 'find the tote'), big: s.tote }),
  put_down: (s) => ({ ask: s.bin ? `Put into bin ${s.bin}` : 'Put into any bin and scan it', caption: caption(s, 'Put down', 'put down in'), big: s.bin ?? 'ANY BIN' }),
  count: (s) => ({ ask: 'Scan each piece, then the bin again', caption: caption(s, 'Count', 'what lies in'), big: s.bin }),
  finish: () => ({ ask: 'Scan the pack drop', caption: 'All picked: put the totes down', big: 'PACK DROP', primary: 'Finish' }),
};

function show() {
  const s = step;
  if (!s) return;
  const scr = (screens[s.do] ?? (() => ({ ask: s.do, big: '…' })))(s);
  text('ask', scr.ask);
  $('ask').hidden = scr.ask === scr.primary; // the button says it
  text('caption', scr.caption ?? '');
  text('big', scr.big ?? '');
  const size = (scr.big ?? '').length;
  $('big').dataset.size = size <= 6 ? 'l' : size <= 10 ? 'm' : 's';
  document.body.dataset.do = s.do;
  const picking = !!s.task;
  $('item').hidden = !s.sku; // who counts does not see the book
  picture(s.sku);
  if (s.sku) {
    text('name', s.name || s.sku || '');
    text('lot', [s.sku, s.lot && `lot ${s.lot}`, s.expiry && `until ${s.expiry}`].filter(Boolean).join(' · '));
    const inHand = s.do === 'scan_slot' || s.do === 'put_down', todo = s.kind ? 'to take' : 'to pick';
    text('qty', String(inHand ? s.held : s.qty));
    text('unit', inHand ? 'in hand' : s.held ? `${todo}, ${s.held} in hand` : todo);
    const many = s.do === 'scan_item' && (s.qty ?? 0) > 1;
    $('all').style.visibility = many ? 'visible' : 'hidden';
    $('all').setAttribute('aria-pressed', String(takeAll));
    text('all', takeAll ? `1 scan = all ${s.qty} pieces` : '1 scan = 1 piece');
  }
  text('left', s.kind ? s.order ? `of order ${s.order}` : '' : s.left ? `${s.left} ${s.left === 1 ? 'task' : 'tasks'} left · order ${s.order}` : '');
  text('who', s.worker || 'Nobody');
  text('place', s.tote ? `tote ${s.tote}` : s.slot ? `slot ${s.slot}` : s.zone ? `zone ${s.zone}` : '');
  $('primary').hidden = !scr.primary;
  text('primary', scr.primary ?? '');
  const free = s.do === 'ask' || s.do === 'wait';
  $('floor').hidden = $('out').hidden = !free;
  $('zone').hidden = !free || !s.zones;
  $('problem').hidden = !picking || !s.sku || s.do === 'put_down' || s.do === 'scan_unit' || s.kind === 'PUTBACK'; // what is in a tote is not short
  $('otherlot').hidden = s.do !== 'scan_item' || !!s.kind || !s.lot || !!s.serial || !!s.held;
  $('handover').hidden = !picking && s.do !== 'finish';
  $('zero').hidden = !s.zero;
  text('emptied', s.zero ? `Is bin ${s.zero} empty now?` : '');
  $('skip').hidden = !(s.kind || (s.do === 'scan_bin' && (s.left ?? 0) > 1)) || !!s.held; // what is in hand is put down first
}

/** Shows the item's picture when the gateway has one; its name is always there.
 * @param {string} [sku] */
function picture(sku) {
  const pic = /** @type {HTMLImageElement} */ ($('pic'));
  if (pic.dataset.sku === (sku ?? '')) return;
  pic.dataset.sku = sku ?? '';
  pic.hidden = true;
  if (!sku) return pic.removeAttribute('src');
  pic.onload = () => { pic.hidden = false; };
  pic.src = `/hh/image/${encodeURIComponent(sku)}`;
}

/** @param {string} id @param {string} value */
function text(id, value) {
  if ($(id).textContent !== value) $(id).textContent = value;
}

function strip() {
  const word = !linkUp ? '○ offline' : quorum ? '● online' : '◐ gateway only';
  text('link', word);
  $('link').dataset.state = !linkUp ? 'off' : quorum ? 'on' : 'half';
  text('unsent', `${outbox?.count ?? 0} unsent`);
  $('unsent').dataset.some = String((outbox?.count ?? 0) > 0);
  if (!linkUp) trouble('No link to the gateway. Go on scanning: every scan is kept and sent when the link is back.');
  else if (quorum) trouble('');
}

/** @param {string} what */
function trouble(what) {
  text('trouble', what);
  $('trouble').hidden = !what;
}

// ---- what the picker does

/** @type {((code: string) => void) | undefined} what the next code is for, when a button asked for it */
let wanted;

/** Asks for one code that is no scan of the task. @param {string} ask @param {(code: string) => void} use */
function want(ask, use) {
  openSheet('next');
  text('nextask', ask);
  wanted = use;
}

/** The task a verb is about; none while the screen is behind the picker's hands. */
const ofTask = () => outbox.count === 0 && step?.task ? { task: step.task } : {};

function otherLot() {
  want('Scan the lot you take instead', (barcode) => {
    lotWanted = barcode;
    act({ verb: 'change_lot', barcode, ...ofTask() });
  });
}

/** @type {string | undefined} the lot that may need a second person */
let lotWanted;

/** @param {string} code */
function scanned(code) {
  const use = wanted;
  closeSheets();
  if (use && step) return use(code);
  if (!step) return flash('attention', 'NOT CONNECTED YET', 'The page does not know your task yet.', 'Wait for the link, then scan again.');
  if (step.do === 'sign_in' || step.do === 'ask' || step.do === 'wait') return act({ verb: 'sign_in', barcode: code });
  if (step.do === 'finish') return act({ verb: 'finish', barcode: code });
  const expect = { scan_bin: 'bin', scan_item: 'item', scan_slot: 'slot', scan_unit: 'slot', put_down: 'bin' }[step.do];
  /** @type {any} */
  const v = { verb: 'scan', barcode: code };
  // With an answer outstanding the screen is behind the picker's hands: then
  // the site decides what the scan means.
  if (outbox.count === 0 && step.task) {
    v.task = step.task;
    // With a part in hand a floor task takes the next piece or a bin to put it
    // down, and a count a piece or the bin: the site tells which it is.
    if (expect && !(step.kind && step.do === 'scan_item' && step.held)) v.expect = expect;
    if (takeAll && expect === 'item' && (step.qty ?? 0) > 1) v.qty = step.qty;
  }
  return act(v);
}

/** @param {any} verb @param {object} [secret] goes with it and is not kept */
async function act(verb, secret) {
  try {
    await outbox.add(verb, secret);
  } catch (e) {
    flash('wrong', e instanceof OutboxFull ? 'OUTBOX FULL' : 'NOT KEPT', 'This scan was not kept.', 'Stop picking and find the network.');
    return;
  }
  clearTimeout(unanswered);
  if (!linkUp) kept();
  else unanswered = window.setTimeout(() => { if (outbox.count > 0) kept(); }, SLOW);
}

function kept() {
  flash('kept', 'KEPT', `${outbox.count} not sent yet.`, 'Not checked yet: look twice.');
}

const WRONG = /^(WRONG_|PIN_WRONG|UNKNOWN_|TOTE_IN_USE|OVER_PICK|QTY_MISSING|EXPIRED|INVALID|MALFORMED)/;

// ---- the PIN: typed with gloves, shown as dots, kept nowhere

/** @type {{badge: string, typed: string, first?: string, choose: boolean} | undefined} what the pad is open for */
let pad;

/** @param {string} badge @param {boolean} choose it is the worker's first one: typed twice */
function openPad(badge, choose) {
  openSheet('pinpad');
  pad = { badge, typed: '', choose };
  showPad();
}

function showPad() {
  if (!pad) return;
  text('pinask', pad.choose ? pad.first ? 'Type it once more' : 'Choose a PIN of 4 to 8 digits' : 'Type your PIN');
  text('pindots', '●'.repeat(pad.typed.length));
  $('pinok').disabled = pad.typed.length < 4;
}

/** @param {string} digit */
function typeDigit(digit) {
  if (!pad || pad.typed.length >= 8) return;
  pad.typed += digit;
  navigator.vibrate?.(15);
  showPad();
}

function padBack() {
  if (!pad) return;
  pad.typed = pad.typed.slice(0, -1);
  showPad();
}

function padDone() {
  if (!pad || pad.typed.length < 4) return;
  const { badge, typed, first, choose } = pad;
  if (choose && first === undefined) {
    pad = { badge, typed: '', first: typed, choose };
    return showPad();
  }
  if (choose && first !== typed) {
    openPad(badge, true);
    return flash('wrong', 'NOT THE SAME', 'The two PINs differ.', 'Choose it again.');
  }
  closeSheets();
  act({ verb: 'sign_in', barcode: badge }, { pin: typed });
}

/** What a sign-in was answered that asks for a PIN; true when the pad says the rest.
 * @param {import('./outbox.js').Result} r @param {import('./outbox.js').Verb} v */
function askPin(r, v) {
  if (v.verb !== 'sign_in' || !v.barcode || !['PIN_WANTED', 'PIN_NEW', 'PIN_WRONG', 'PIN_WAIT'].includes(r.code)) return false;
  openPad(v.barcode, r.code === 'PIN_NEW');
  return r.code === 'PIN_WANTED' || r.code === 'PIN_NEW';
}

/** @param {import('./outbox.js').Result} r @param {import('./outbox.js').Verb} v */
function onResult(r, v) {
  clearTimeout(unanswered);
  lastDone = Math.max(lastDone, r.seq);
  if (r.next && siteSeq < r.seq) { // else the stream brought this or something newer already
    if (r.next.task !== step?.task) takeAll = false;
    step = r.next;
    show();
  }
  const lot = lotWanted;
  lotWanted = undefined;
  if (lot && r.code === 'SECOND_PERSON') {
    return want('That lot ends later. Another person scans a badge to agree', (second) => act({ verb: 'change_lot', barcode: lot, second, ...ofTask() }));
  }
  if (askPin(r, v)) return unflash();
  if (r.ok) return flash('ok', 'OK', r.text ?? '');
  const f = codes[r.code];
  return flash(WRONG.test(r.code) ? 'wrong' : 'attention', r.code.replaceAll('_', ' '), r.text || f?.cause || '', f?.action ?? '');
}

// ---- feedback: whole screen, tone, vibration; icon and word, never colour alone

/** @type {Record<string, {sign: string, tones: [number, number][], buzz: number[], stay: boolean}>} */
const kinds = {
  ok: { sign: '✓', tones: [[1320, 60]], buzz: [40], stay: false },
  wrong: { sign: '✕', tones: [[220, 300], [165, 300]], buzz: [300, 80, 300], stay: true },
  attention: { sign: '!', tones: [[620, 120], [620, 120]], buzz: [120, 60, 120], stay: true },
  kept: { sign: '⇡', tones: [[500, 80]], buzz: [80], stay: false },
};
let fading = 0;

/** @param {string} kind @param {string} word @param {string} [what] @param {string} [todo] */
function flash(kind, word, what = '', todo = '') {
  const k = kinds[kind];
  clearTimeout(fading);
  const box = $('flash');
  box.dataset.kind = kind;
  text('sign', k.sign);
  text('word', word);
  text('text', what);
  text('do', todo && '→ ' + todo);
  text('need', k.stay && step?.task ? `${$('ask').textContent}${step.do === 'scan_bin' ? ' ' + step.bin : ''}` : '');
  $('ack').hidden = !k.stay;
  box.hidden = false;
  document.body.dataset.flash = kind; // for tests and for screens far away
  if (!k.stay) fading = window.setTimeout(unflash, kind === 'ok' ? 350 : 1500);
  sound(k.tones);
  navigator.vibrate?.(k.buzz);
}

function unflash() {
  $('flash').hidden = true;
  delete document.body.dataset.flash;
}

/** @type {AudioContext | undefined} */
let audio;
/** @param {[number, number][]} tones pairs of Hz and ms, one after the other */
function sound(tones) {
  try {
    audio ??= new AudioContext();
    let at = audio.currentTime;
    for (const [hz, ms] of tones) {
      const osc = audio.createOscillator(), gain = audio.createGain();
      osc.frequency.value = hz;
      osc.type = hz < 400 ? 'square' : 'sine';
      gain.gain.value = 0.25;
      osc.connect(gain).connect(audio.destination);
      osc.start(at);
      osc.stop(at += ms / 1000);
      at += 0.05;
    }
  } catch { /* no sound on this device: the screen says it too */ }
}

// ---- buttons and sheets

function closeSheets() {
  $('typed').hidden = $('reasons').hidden = $('skips').hidden = $('next').hidden = $('pinpad').hidden = true;
  wanted = pad = undefined;
}
/** @param {string} id */
function openSheet(id) {
  const use = wanted;
  closeSheets();
  if (id === 'typed') wanted = use; // the code may be typed, too
  $(id).hidden = false;
  if (id === 'typed') { $('code').value = ''; $('code').focus(); }
}
$('key').onclick = () => openSheet('typed');
$('problem').onclick = () => openSheet('reasons');
$('skip').onclick = () => openSheet('skips');
$('floor').onclick = () => act({ verb: 'claim' });
$('otherlot').onclick = otherLot;
$('zone').onclick = () => want('Scan any bin of the zone', (barcode) => act({ verb: 'ask', barcode }));
$('handover').onclick = () => want('Scan the badge of who takes the work', (barcode) => act({ verb: 'hand_over', barcode, ...ofTask() }));
$('isempty').onclick = () => act({ verb: 'empty' });
$('isleft').onclick = () => act({ verb: 'left' });
$('out').onclick = () => act({ verb: 'sign_out' });
$('pinback').onclick = padBack;
$('pinok').onclick = padDone;
document.addEventListener('keydown', (e) => { // handhelds with keys
  if (!pad || e.defaultPrevented || !$('flash').hidden || e.ctrlKey || e.altKey || e.metaKey) return;
  if (/^[0-9]$/.test(e.key)) typeDigit(e.key);
  else if (e.key === 'Backspace') padBack();
  else if (e.key === 'Enter') padDone();
});
$('ack').onclick = unflash;
$('all').onclick = () => { takeAll = !takeAll; show(); };
$('primary').onclick = () => step?.do === 'finish' ? openSheet('typed') : act({ verb: 'ask' });
$('typed').onsubmit = (/** @type {Event} */ e) => {
  e.preventDefault();
  const code = $('code').value.trim();
  if (code) scanned(code);
};
document.addEventListener('click', (e) => {
  const b = /** @type {Element} */ (e.target).closest('button');
  if (!b) return;
  if (b.dataset.close !== undefined) closeSheets();
  if (b.dataset.digit) typeDigit(b.dataset.digit);
  if (b.dataset.reason) {
    closeSheets();
    act({ verb: 'short', reason: b.dataset.reason, ...(outbox.count === 0 && step?.task ? { task: step.task } : {}) });
  }
  if (b.dataset.skip) {
    closeSheets();
    if (step?.task) act({ verb: step.kind ? 'skip' : 'skip_line', task: step.task, reason: b.dataset.skip });
  }
  b.blur(); // the next Enter belongs to the scanner
});
// How the scanners of the site type is configured at the gateway.
const { prefix = '~', gs = '' } = document.documentElement.dataset;
listen(document, scanned, { prefix, gs });

// ---- the link

/** @param {import('./outbox.js').Verb} v */
async function send(v) {
  const r = await fetch(`/hh/cmd?device=${device}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(v), signal: AbortSignal.timeout(10000),
  });
  if (!r.ok) throw new Error(`${r.status}`);
  return r.json();
}

/** @type {EventSource | undefined} */
let source;
function connect() {
  source?.close();
  const es = source = new EventSource(`/hh/events?device=${device}`);
  /** @param {string} name @param {(d: any) => void} fn */
  const on = (name, fn) => es.addEventListener(name, (e) => {
    heard = Date.now();
    linked(true);
    fn(JSON.parse(/** @type {MessageEvent} */ (e).data));
  });
  on('hello', (d) => { if (d.assets !== assets && outbox.count === 0) location.reload(); });
  on('beat', () => {});
  on('seq', (d) => outbox.siteSeq(siteSeq = d.last));
  on('task', onTask);
  on('site', (d) => {
    quorum = d.quorum;
    strip();
    if (!quorum) trouble(`NO QUORUM${d.since ? ' since ' + new Date(d.since).toTimeString().slice(0, 8) : ''}. ${d.action}`);
    else outbox.kick();
  });
  es.onerror = () => linked(false);
}

/** @param {boolean} up */
function linked(up) {
  if (linkUp === up) return;
  linkUp = up;
  strip();
  if (up) outbox.kick();
}

/** @param {Step} next */
function onTask(next) {
  if (siteSeq < lastDone) return; // older than the answer on the screen
  // The stream may bring what this handheld did before the answer to it comes.
  const own = siteSeq > Math.max(taskSeq, lastDone);
  taskSeq = siteSeq;
  const before = step;
  step = next;
  if (before?.task !== next.task) takeAll = false;
  show();
  if (!before || outbox.count > 0) return;
  if ((before.do === 'wait' || before.do === 'ask') && next.task) flash('ok', 'NEW WORK');
  else if (!own && before.task && next.task !== before.task && next.do !== before.do) flash('attention', 'TASK CHANGED', 'The site changed your task.', 'Look at the screen.');
}

async function start() {
  outbox = new Outbox(device, await openStore('tote-' + device), send, { onResult, onCount: strip });
  await outbox.start();
  strip();
  connect();
  setInterval(() => {
    if (Date.now() - heard > LOST_AFTER) { linked(false); connect(); }
    else if (source?.readyState === EventSource.CLOSED) connect(); // refused: the browser gives up by itself
    if (outbox.count > 0) outbox.kick();
  }, 5000);
  addEventListener('offline', () => linked(false));
  addEventListener('online', () => { connect(); outbox.kick(); });
  navigator.storage?.persist?.();
  codes = await (await fetch(new URL('codes.json', import.meta.url))).json();
}
start().catch((e) => flash('wrong', 'THE PAGE DID NOT START', String(e), 'Load the page again.'));
