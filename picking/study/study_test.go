package study

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"tote/picking/batch"
	"tote/picking/instance"
)

// TestPlan: a plan holds every line of every order once, its walks are what it
// says, no shorter than the bound and no longer than what people walk.
func TestPlan(t *testing.T) {
	for _, blocks := range []int{1, 3} {
		c := instance.HennWaescher(40, 45, true, 7)
		c.Blocks = blocks
		f, err := c.Generate().Field()
		if err != nil {
			t.Fatal(err)
		}
		r, err := Plan(f, batch.Options{Rounds: 100})
		if err != nil {
			t.Fatal(err)
		}
		lines, sum := map[Pick]int{}, int64(0)
		for _, o := range f.Orders {
			for _, l := range o.Lines {
				lines[Pick{o.ID, l}]++
			}
		}
		for _, b := range r.Batches {
			sum += b.LengthMm
			if b.Load.Weight > f.Cart.Weight {
				t.Errorf("a walk of %d on a cart for %d", b.Load.Weight, f.Cart.Weight)
			}
			for _, p := range b.Picks {
				lines[p]--
			}
			var picture bytes.Buffer
			if err := SVG(&picture, f, b); err != nil {
				t.Fatal(err)
			}
			wellFormed(t, &picture)
		}
		for p, n := range lines {
			if n != 0 {
				t.Errorf("%+v is picked %d times too few", p, n)
			}
		}
		if sum != r.LengthMm || r.LengthMm < r.BoundMm || r.BoundMm <= 0 {
			t.Errorf("walks of %d mm, said %d, the bound %d", sum, r.LengthMm, r.BoundMm)
		}
		others, err := Compare(f)
		if err != nil || len(others) < 2 {
			t.Fatal(others, err)
		}
		for _, m := range others {
			if m.LengthMm < r.LengthMm {
				t.Errorf("%s walks %d mm, the plan %d", m.Name, m.LengthMm, r.LengthMm)
			}
		}
	}
}

func wellFormed(t *testing.T, r io.Reader) {
	t.Helper()
	d := xml.NewDecoder(r)
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTooMuch: an order no cart takes is named.
func TestTooMuch(t *testing.T) {
	in := instance.HennWaescher(5, 45, false, 1).Generate()
	in.Orders[3].Weight = 46
	f, err := in.Field()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Plan(f, batch.Options{})
	if !errors.Is(err, batch.ErrTooLarge) || Code(err) != CodeTooMuch || !bytes.Contains([]byte(err.Error()), []byte("order O4")) {
		t.Error(err)
	}
}
