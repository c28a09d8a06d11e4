package qr

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// picture is a code as a PGM file, scale pixels a module.
func picture(c *Code, scale int) []byte {
	side := (c.Size + 2*Quiet) * scale
	var b bytes.Buffer
	fmt.Fprintf(&b, "P5 %d %d 255\n", side, side)
	for y := range side {
		for x := range side {
			v := byte(255)
			if c.Dark(x/scale-Quiet, y/scale-Quiet) {
				v = 0
			}
			b.WriteByte(v)
		}
	}
	return b.Bytes()
}

// TestReadBack: another program reads every version, and gets the text.
func TestReadBack(t *testing.T) {
	zbar, err := exec.LookPath("zbarimg")
	if err != nil {
		t.Skip("SKIPPED: zbarimg is not here")
	}
	dir := t.TempDir()
	args := []string{"-q", "--raw", "-Sdisable", "-Sqrcode.enable"}
	var want []string
	sizes := map[int]bool{}
	for n := 1; n <= MaxText; n += 4 {
		text := strings.Repeat("https://192.0.2.1:8443/enrol?c=0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZ-_.", 4)[:n]
		if n == MaxText-MaxText%4+1 {
			text = strings.Repeat("z", MaxText)
		}
		c, err := Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		sizes[c.Size] = true
		file := filepath.Join(dir, fmt.Sprintf("%03d.pgm", n))
		if err := os.WriteFile(file, picture(c, 4), 0o600); err != nil {
			t.Fatal(err)
		}
		args, want = append(args, file), append(want, text)
	}
	out, err := exec.Command(zbar, args...).Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if len(sizes) != len(versions) {
		t.Errorf("%d versions were drawn, want %d", len(sizes), len(versions))
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("read %d texts, want %d:\n%s", len(got), len(want), out)
	}
}

// TestForms: the finders stand where they belong, and what is drawn is the same in
// all three forms.
func TestForms(t *testing.T) {
	c, err := Encode("tote")
	if err != nil || c.Size != 21 {
		t.Fatalf("%+v %v", c, err)
	}
	for i, row := range []string{"#######", "#     #", "# ### #", "# ### #", "# ### #", "#     #", "#######"} {
		for j, m := range row {
			if c.Dark(j, i) != (m == '#') || c.Dark(20-j, i) != (m == '#') || c.Dark(j, 20-i) != (m == '#') {
				t.Errorf("finder at %d,%d", j, i)
			}
		}
	}
	if rows := strings.Count(c.Terminal(), "\n"); rows != (21+2*Quiet+1)/2 {
		t.Errorf("%d rows", rows)
	}
	dark := 0
	for y := range c.Size {
		for x := range c.Size {
			if c.Dark(x, y) {
				dark++
			}
		}
	}
	if svg := c.SVG(); strings.Count(svg, "h1v1h-1z") != dark {
		t.Error("the SVG has another number of dark modules")
	}
	if _, err := Encode(strings.Repeat("z", MaxText+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("%v", err)
	}
}
