// @ts-check
// A barcode scanner that types (a keyboard wedge) is told from a person by its
// speed, or by a prefix the scanner is set to send. The code ends with Enter or
// Tab.

/**
 * @typedef {object} Key What the reader needs of a keydown event.
 * @property {string} key
 * @property {boolean} [ctrlKey]
 * @property {boolean} [altKey]
 * @property {boolean} [metaKey]
 * @property {number} timeStamp ms
 */

/**
 * @typedef {'' | 'part' | 'scan'} Verdict '' = not of a scanner (so far), 'part'
 * = belongs to a scan that is running, 'scan' = the scan is whole.
 */

const GS = '\x1d';

/** Puts the keys of a scanner together. */
export class WedgeReader {
  /**
   * @param {{prefix?: string, gs?: string, gap?: number, prefixGap?: number, min?: number}} [opt]
   *   gs: what the scanner types for GS, '' = nothing of its own. gap: the longest pause between two keys of a scanner, ms. prefixGap: the
   *   same once the prefix was seen, which no person types. min: the shortest
   *   code taken without the prefix.
   */
  constructor({ prefix = '~', gs = '', gap = 50, prefixGap = 1000, min = 3 } = {}) {
    this.prefix = prefix;
    this.gs = gs;
    this.gap = gap;
    this.prefixGap = prefixGap;
    this.min = min;
    this.code = '';
    this.last = 0; // timeStamp of the newest character
    this.prefixed = false;
    this.keys = 0; // of the running burst, the prefix included
  }

  reset() {
    this.code = '';
    this.last = 0;
    this.prefixed = false;
    this.keys = 0;
  }

  /** Takes one key; the code is in this.code when the verdict is 'scan'.
   * @param {Key} e @returns {Verdict} */
  key(e) {
    const pause = e.timeStamp - this.last;
    if (this.keys > 0 && pause > (this.prefixed ? this.prefixGap : this.gap)) this.reset();
    if (e.key === 'Enter' || e.key === 'Tab') {
      const whole = this.prefixed ? this.code.length > 0 : this.code.length >= this.min;
      const code = this.code;
      this.reset();
      if (!whole) return '';
      this.code = this.gs === '' ? code : code.replaceAll(this.gs, GS);
      return 'scan';
    }
    const c = charOf(e);
    if (c === '') return ''; // Shift and the like come between the characters
    this.last = e.timeStamp;
    if (c === this.prefix && this.prefix !== '') {
      this.reset();
      this.prefixed = true;
      this.keys = 1;
      this.last = e.timeStamp;
      return 'part';
    }
    if (this.keys === 0) this.code = '';
    this.keys++;
    this.code += c;
    return this.prefixed || this.keys > 1 ? 'part' : '';
  }
}

/** @param {Key} e */
function charOf(e) {
  // How most scanners type the separator of element strings.
  if (e.ctrlKey && e.key === ']' || e.key === 'F8') return GS;
  if (e.ctrlKey || e.altKey || e.metaKey) return '';
  return [...e.key].length === 1 ? e.key : '';
}

/**
 * Listens on the whole page. A scan goes to onScan wherever the focus is, and
 * what it typed into a field is taken out again.
 * @param {Document} doc @param {(code: string) => void} onScan
 * @param {ConstructorParameters<typeof WedgeReader>[0]} [opt]
 */
export function listen(doc, onScan, opt) {
  const reader = new WedgeReader(opt);
  /** @type {{el: HTMLInputElement, value: string} | undefined} */
  let before; // the field and its content before the first key of the burst
  doc.addEventListener('keydown', (e) => {
    const fresh = reader.keys === 0;
    const was = doc.activeElement instanceof HTMLInputElement ? { el: doc.activeElement, value: doc.activeElement.value } : undefined;
    const verdict = reader.key(e);
    if (fresh || reader.keys === 1) before = was;
    if (verdict === 'scan') {
      e.preventDefault();
      e.stopPropagation();
      if (before) before.el.value = before.value;
      const code = reader.code;
      reader.reset();
      onScan(code);
    } else if (reader.prefixed) e.preventDefault(); // nothing of it is typed anywhere
    else if ((e.key === ' ' || e.key === 'F8') && verdict === 'part') e.preventDefault(); // would press the button in focus
  }, true);
}
