// @ts-check
// The console: swaps the fragments the server sends, counts ages on, says when
// the link is lost, and posts forms without leaving the page. Everything works
// without it too, only not live.
import { age } from './age.js';

const page = document.body.dataset.page;
const link = /** @type {HTMLElement} */ (document.getElementById('link'));
const assets = new URL(import.meta.url).pathname.split('/')[2];
const LOST_AFTER = 15000; // ms; the server beats every 5 s
let skew = 0; // server clock minus ours, ms
let heard = Date.now();
/** @type {EventSource | undefined} */
let source;

function tick() {
  const now = Date.now() + skew;
  for (const t of document.querySelectorAll('time[data-since]')) {
    const text = age(now - Number(/** @type {HTMLElement} */ (t).dataset.since));
    if (t.textContent !== text) t.textContent = text;
  }
}

/** Makes old look like fresh and keeps every node that can stay, so that focus
 * and running transitions survive. Children are matched by data-key, else by
 * position. @param {Element} old @param {Element} fresh */
function morph(old, fresh) {
  for (const a of [...old.attributes]) if (!fresh.hasAttribute(a.name)) old.removeAttribute(a.name);
  for (const a of fresh.attributes) if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
  if (!old.matches('time[data-since]')) morphChildren(old, fresh);
}

/** @param {Element} old @param {Element} fresh */
function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const c of old.children) if (c.hasAttribute('data-key')) keyed.set(c.getAttribute('data-key'), c);
  /** @type {ChildNode | null} */
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    const key = want instanceof Element ? want.getAttribute('data-key') : null;
    /** @type {any} */
    let have = key ? keyed.get(key) : at;
    if (have && !key && have instanceof Element && have.hasAttribute('data-key')) have = null; // belongs to a key
    if (have && have.nodeName === want.nodeName) {
      if (have === at) at = /** @type {ChildNode} */ (at).nextSibling;
      else old.insertBefore(have, at);
      if (want instanceof Element) morph(have, want);
      else if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    } else old.insertBefore(want, at);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

/** @param {{id: string, html: string}} frag */
function swap(frag) {
  const old = document.getElementById(frag.id);
  if (!old) return;
  const fresh = /** @type {Element} */ (old.cloneNode(false)); // parses as SVG inside the map
  fresh.innerHTML = frag.html;
  morphChildren(old, fresh);
}

/** @param {boolean} live */
function linked(live) {
  if (link.dataset.state === (live ? 'live' : 'lost')) return;
  link.dataset.state = live ? 'live' : 'lost';
  const since = new Date(heard + skew).toTimeString().slice(0, 8);
  /** @type {HTMLElement} */ (link.querySelector('[data-word]')).textContent =
    live ? 'Live' : `Link lost: shown as of ${since}`;
}

function connect() {
  source?.close();
  source = new EventSource('/events?page=' + encodeURIComponent(page ?? '/'));
  /** @param {string} name @param {(d: any) => void} fn */
  const on = (name, fn) => source?.addEventListener(name, (e) => {
    const d = JSON.parse(/** @type {MessageEvent} */ (e).data);
    heard = Date.now();
    skew = d.now - heard;
    linked(true);
    fn(d);
  });
  on('hello', (d) => { if (d.assets !== assets) location.reload(); }); // another version serves now
  on('update', (d) => { d.frags.forEach(swap); tick(); });
  on('beat', () => {});
  source.onerror = () => linked(false);
}

document.addEventListener('submit', async (e) => {
  const form = /** @type {HTMLFormElement} */ (e.target);
  if (form.method !== 'post') return;
  e.preventDefault();
  const button = form.querySelector('button');
  const box = /** @type {HTMLElement} */ (document.getElementById('notice'));
  if (button) button.disabled = true;
  try {
    const r = await fetch(form.action, {
      method: 'POST', headers: { 'X-Requested-With': 'console' },
      body: new URLSearchParams(/** @type {any} */ (new FormData(form))),
    });
    box.innerHTML = await r.text(); // rendered and escaped by the server
  } catch {
    box.textContent = 'The gateway cannot be reached. Nothing was done.';
  }
  const close = box.appendChild(document.createElement('button'));
  close.textContent = 'Close';
  close.onclick = () => box.replaceChildren();
  if (button) button.disabled = false;
});
document.addEventListener('keydown', (e) => {
  if (e.key === 'Escape') /** @type {HTMLElement} */ (document.getElementById('notice')).replaceChildren();
});

if (page) {
  connect();
  setInterval(tick, 1000);
  setInterval(() => {
    if (Date.now() - heard > LOST_AFTER) { linked(false); connect(); }
    else if (source?.readyState === EventSource.CLOSED) connect(); // refused: the browser gives up by itself
  }, 2000);
}
