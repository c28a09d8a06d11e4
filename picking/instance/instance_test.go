package instance

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const good = `{"version":1,"layout":{"aisles":2,"pitchMm":5000,"blocks":[{"cells":4,"cellMm":1000,"frontMm":1500,"backMm":1500}],"depotAisle":0,"depotCross":0},
"cart":{"weight":5},"orders":[{"id":"A","weight":2,"lines":[{"aisle":0,"cell":3},{"aisle":1,"cell":0}]},{"id":"B","weight":2,"lines":[{"aisle":1,"cell":1,"qty":2}]}]}`

// TestRoundTrip: what is written is read again as it was.
func TestRoundTrip(t *testing.T) {
	for _, c := range []Class{HennWaescher(30, 45, false, 1), HennWaescher(40, 30, true, 2), Pool(50, 75, 3), {Orders: 5, Aisles: 3, MinLines: 1, MaxLines: 4, Capacity: 9, Blocks: 3, ArrivalsMs: 1000}} {
		var first, second bytes.Buffer
		in := c.Generate()
		if err := in.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := (JSON{}).Load(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%+v: %v, not the same", c, err)
		}
		if _, err := again.Field(); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadRefuses: each wrong file is refused with its place.
func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ old, now, want string }{
		"no JSON":              {good, "hello", "at byte"},
		"cut off":              {good, good[:60], "at byte"},
		"two of them":          {good, good + good, "follows its end"},
		"another version":      {`"version":1`, `"version":2`, "version 2"},
		"an unknown key":       {`"cart"`, `"kart"`, "kart"},
		"no aisles":            {`"aisles":2`, `"aisles":0`, "aisles 0"},
		"a negative distance":  {`"pitchMm":5000`, `"pitchMm":-1`, "pitchMm -1"},
		"no blocks":            {`[{"cells":4,"cellMm":1000,"frontMm":1500,"backMm":1500}]`, `[]`, "blocks 0"},
		"too many cells":       {`"cells":4`, `"cells":65`, "cells 65"},
		"depot outside":        {`"depotAisle":0`, `"depotAisle":2`, "the depot"},
		"depot at no cross":    {`"depotCross":0`, `"depotCross":2`, "the depot"},
		"cell outside":         {`"cell":3`, `"cell":4`, "order A, lines[0]"},
		"aisle outside":        {`"aisle":1,"cell":1`, `"aisle":2,"cell":1`, "order B, lines[0]"},
		"block outside":        {`"aisle":1,"cell":1`, `"aisle":1,"block":1,"cell":1`, "order B, lines[0]"},
		"a negative quantity":  {`"qty":2`, `"qty":-2`, "quantity -2"},
		"a fraction":           {`"cell":3`, `"cell":3.5`, "at byte"},
		"two of one id":        {`"id":"B"`, `"id":"A"`, `orders[1]`},
		"no id":                {`"id":"B"`, `"id":""`, `orders[1]`},
		"no lines":             {`[{"aisle":1,"cell":1,"qty":2}]`, `[]`, "order B has no lines"},
		"a number far too big": {`"cellMm":1000`, `"cellMm":99999999999`, "cellMm"},
	} {
		text := strings.Replace(good, tt.old, tt.now, 1)
		if text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := (JSON{}).Load(strings.NewReader(text)); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLoad: any bytes are a problem or an error.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := (JSON{}).Load(bytes.NewReader(raw))
		if err != nil {
			return
		}
		if _, err := in.Field(); err != nil {
			t.Error("what was loaded is refused")
		}
	})
}
