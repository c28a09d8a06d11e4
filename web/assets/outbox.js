// @ts-check
// The outbox: a verb is written here first, shown second, sent third, and stays
// until its result came. The site tells copies apart by (device, seq), so the
// same verb may be sent any number of times.

/**
 * @typedef {object} Verb One message of up/cmd.
 * @property {string} cmdId
 * @property {number} seq
 * @property {'sign_in'|'sign_out'|'ask'|'scan'|'short'|'finish'|'claim'|'skip'|'empty'|'left'|'skip_line'|'change_lot'|'hand_over'} verb
 * @property {string} [barcode]
 * @property {number} [qty]
 * @property {'bin'|'item'|'slot'} [expect]
 * @property {string} [task]
 * @property {string} [reason]
 * @property {string} [kind] of floor task
 * @property {string} [pin] beside a badge; never in the store
 * @property {number} at ms since 1970
 */

/**
 * @typedef {object} Result One message of down/result.
 * @property {string} cmdId
 * @property {number} seq
 * @property {boolean} ok
 * @property {string} code
 * @property {string} [text]
 * @property {any} [next]
 */

/**
 * @typedef {object} Store What survives a flat battery.
 * @property {() => Promise<Verb[]>} all in the order of seq
 * @property {(make: (lastSeq: number) => Verb) => Promise<Verb>} add gives the
 *   newest seq ever used to make, and keeps what it returns, in one step
 * @property {(seq: number) => Promise<void>} remove
 */

/** @typedef {(v: Verb) => Promise<Result>} Send Fails when nothing was recorded. */

export const MAX_VERBS = 1000;
const FIRST_WAIT = 500, LONGEST_WAIT = 5000; // ms between two tries

/** Thrown by add: too many verbs wait for the site. */
export class OutboxFull extends Error {}

export class Outbox {
  /**
   * @param {string} device @param {Store} store @param {Send} send
   * @param {{onResult: (r: Result, v: Verb) => void, onCount: (n: number) => void}} on
   * @param {{now?: () => number, wait?: (ms: number, wake: Promise<void>) => Promise<void>}} [env]
   */
  constructor(device, store, send, on, { now = Date.now, wait = sleep } = {}) {
    this.device = device;
    this.store = store;
    this.send = send;
    this.on = on;
    this.now = now;
    this.wait = wait;
    this.site = 0; // newest sequence the site knows of this device
    this.count = 0;
    /** @type {Map<number, object>} what is sent with a verb and must not be kept, by its seq */
    this.secrets = new Map();
    this.running = false;
    this.wake = () => {};
  }

  /** Begins with what an earlier run left. */
  async start() {
    this.setCount((await this.store.all()).length);
    this.drain();
  }

  /** What state/seq says: a reset handheld goes on behind it. @param {number} last */
  siteSeq(last) {
    this.site = Math.max(this.site, last);
  }

  /** Keeps a verb and returns once it is kept; sending goes on by itself.
   * @param {Omit<Verb, 'cmdId' | 'seq' | 'at'>} verb
   * @param {object} [secret] fields that go with it and stay in memory: a page that is
   *   loaded anew sends the verb without them */
  async add(verb, secret) {
    if (this.count >= MAX_VERBS) throw new OutboxFull('outbox full');
    const v = await this.store.add((lastSeq) => {
      const seq = Math.max(lastSeq, this.site) + 1;
      if (secret) this.secrets.set(seq, secret);
      return { ...verb, seq, cmdId: `${this.device}-${seq}`, at: this.now() };
    });
    this.setCount(this.count + 1);
    this.drain();
    return v;
  }

  /** Tries again now: the link is back. */
  kick() {
    this.wake();
    this.drain();
  }

  /** Sends the verbs one by one, the oldest first, each until its result came. */
  async drain() {
    if (this.running) return;
    this.running = true;
    try {
      for (let pause = FIRST_WAIT; ;) {
        const all = await this.store.all();
        this.setCount(all.length); // another window of this device may have sent some
        const v = all[0];
        if (!v) return;
        let result;
        try {
          result = await this.send({ ...v, ...this.secrets.get(v.seq) });
          if (result.seq !== v.seq) throw new Error(`result of ${result.seq} for ${v.seq}`);
        } catch {
          await this.wait(pause, new Promise((ok) => { this.wake = () => ok(undefined); }));
          pause = Math.min(2 * pause, LONGEST_WAIT);
          continue;
        }
        pause = FIRST_WAIT;
        this.siteSeq(v.seq);
        this.secrets.delete(v.seq);
        await this.store.remove(v.seq);
        this.setCount(Math.max(0, this.count - 1));
        this.on.onResult(result, v);
      }
    } finally {
      this.running = false;
    }
  }

  /** @param {number} n */
  setCount(n) {
    if (n === this.count) return;
    this.count = n;
    this.on.onCount(n);
  }
}

/** @param {number} ms @param {Promise<void>} wake */
function sleep(ms, wake) {
  return Promise.race([new Promise((ok) => setTimeout(ok, ms, undefined)), wake]);
}

/** The store in IndexedDB. Sequence and verb are written in one transaction, so
 * two windows of one device never give the same sequence to two verbs.
 * @param {string} name @returns {Promise<Store>} */
export async function openStore(name) {
  const db = await new Promise((ok, fail) => {
    const req = indexedDB.open(name, 1);
    req.onupgradeneeded = () => {
      req.result.createObjectStore('verbs', { keyPath: 'seq' });
      req.result.createObjectStore('meta');
    };
    req.onsuccess = () => ok(req.result);
    req.onerror = () => fail(req.error);
  });
  /** @param {IDBTransactionMode} mode @param {(tx: IDBTransaction, done: (v: any) => void) => void} fn */
  const run = (mode, fn) => new Promise((ok, fail) => {
    const tx = db.transaction(['verbs', 'meta'], mode, { durability: 'strict' });
    /** @type {any} */
    let value;
    tx.oncomplete = () => ok(value); // on the disk, not only in line for it
    tx.onabort = () => fail(tx.error);
    fn(tx, (v) => { value = v; });
  });
  return {
    all: () => run('readonly', (tx, done) => {
      const req = tx.objectStore('verbs').getAll();
      req.onsuccess = () => done(req.result);
    }),
    add: (make) => run('readwrite', (tx, done) => {
      const req = tx.objectStore('meta').get('seq');
      req.onsuccess = () => {
        const v = make(req.result ?? 0);
        tx.objectStore('verbs').add(v);
        tx.objectStore('meta').put(v.seq, 'seq');
        done(v);
      };
    }),
    remove: (seq) => run('readwrite', (tx) => { tx.objectStore('verbs').delete(seq); }),
  };
}
