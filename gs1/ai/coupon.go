package ai

import "tote/gs1/key"

// Coupons of North America hold fields behind each other, many with a digit in
// front that says how long they are: AI 8110 as in the application guideline for
// DataBar Expanded, AI 8112 as in the coupon data specification.

// cutter takes fields off the front of digits; bad once one did not fit.
type cutter struct {
	rest string
	bad  bool
}

func (c *cutter) take(n int) string {
	if c.bad || len(c.rest) < n {
		c.bad = true
		return ""
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

// digit takes one digit between lo and hi.
func (c *cutter) digit(lo, hi byte) int {
	d := c.take(1)
	if c.bad || d[0] < lo || d[0] > hi {
		c.bad = true
		return 0
	}
	return int(d[0] - '0')
}

// sized takes a field behind its length, which is a digit between lo and hi and
// counts from base.
func (c *cutter) sized(lo, hi byte, base int) string { return c.take(c.digit(lo, hi) + base) }

// option takes the mark of an optional field.
func (c *cutter) option(mark byte) bool {
	if c.bad || c.rest == "" || c.rest[0] != mark {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// purchase takes what must be bought: how much or many, in which unit, of which
// family.
func (c *cutter) purchase() {
	c.sized('1', '5', 0)
	if d := c.digit('0', '9'); d > 4 && d != 9 {
		c.bad = true
	}
	c.take(3)
}

// prefix takes the company prefix of a further purchase; 9 says there is none.
func (c *cutter) prefix() {
	if c.option('9') {
		return
	}
	c.sized('0', '6', 6)
}

func (c *cutter) date() string {
	d := c.take(6)
	if !c.bad && !key.PossibleDate(d, false) {
		c.bad = true
	}
	return d
}

func coupon(v string) bool {
	if !key.Digits(v) {
		return false
	}
	c := &cutter{rest: v}
	c.sized('0', '6', 6) // company prefix
	c.take(6)            // offer
	c.sized('1', '5', 0) // what is saved
	c.purchase()
	if c.option('1') {
		c.digit('0', '3') // how the purchases combine
		c.purchase()
		c.prefix()
	}
	if c.option('2') {
		c.purchase()
		c.prefix()
	}
	end := ""
	if c.option('3') {
		end = c.date()
	}
	if c.option('4') {
		if start := c.date(); end != "" && start > end {
			return false
		}
	}
	if c.option('5') {
		c.sized('0', '9', 6) // serial number
	}
	if c.option('6') {
		c.sized('1', '7', 6) // retailer
	}
	if c.option('9') {
		if d := c.digit('0', '6'); d == 3 || d == 4 {
			return false
		}
		c.digit('0', '2') // which item the saving is for
		c.digit('0', '9') // of this store only
		c.digit('0', '1') // not to be multiplied
	}
	return !c.bad && c.rest == ""
}

func offerCoupon(v string) bool {
	if !key.Digits(v) {
		return false
	}
	c := &cutter{rest: v}
	c.digit('0', '1')    // format
	c.sized('0', '6', 6) // who pays
	c.take(6)            // offer
	c.sized('0', '9', 6) // serial number
	return !c.bad && c.rest == ""
}
