package label

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keepPNG is a folder in which the drawn labels are kept, to be looked at.
var keepPNG = os.Getenv("TOTE_KEEP_LABELS")

// drawn has labels drawn by an independent renderer.
func drawn(t *testing.T, labels map[string][]Label, names []string) map[string]*image.Gray {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED, NOT PROVEN: node is not installed; run make deps")
	}
	if _, err := os.Stat("interop/node_modules/zpl-renderer-js"); err != nil {
		t.Skip("SKIPPED, NOT PROVEN: drivers/label/interop/node_modules is missing; run make deps")
	}
	var in bytes.Buffer
	for _, name := range names {
		l := labels[name][0]
		zpl, err := Write(Device{Language: ZPL}, l)
		if err != nil {
			t.Fatal(err)
		}
		line := map[string]any{"zpl": string(zpl), "wide": float64(l.Width) / Unit, "high": float64(l.Height) / Unit}
		if err := json.NewEncoder(&in).Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "interop/render.js")
	cmd.Stdin = &in
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaint.Bytes())
	}
	pages := map[string]*image.Gray{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for _, name := range names {
		var got struct {
			PNG   []byte `json:"png"`
			Error string `json:"error"`
		}
		if err := dec.Decode(&got); err != nil || got.Error != "" {
			t.Fatalf("%s: %v %s", name, err, got.Error)
		}
		if keepPNG != "" {
			if err := os.WriteFile(filepath.Join(keepPNG, name+".png"), got.PNG, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		img, err := png.Decode(bytes.NewReader(got.PNG))
		if err != nil {
			t.Fatal(err)
		}
		page := image.NewGray(img.Bounds())
		draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(page, page.Bounds(), img, img.Bounds().Min, draw.Over)
		pages[name] = page
	}
	return pages
}

// dark are the pixels of a part of a page that are not white, as the box around
// them; empty when there are none.
func dark(page *image.Gray, in image.Rectangle) (found image.Rectangle) {
	in = in.Intersect(page.Bounds())
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			if page.GrayAt(x, y).Y < 128 {
				found = found.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return found
}

// scanned has a part of a page, twice as large, read by independent scanners:
// zbar, and zxing for Data Matrix, which zbar does not know.
func scanned(t *testing.T, page *image.Gray, part image.Rectangle, kind Kind) string {
	t.Helper()
	part = part.Intersect(page.Bounds())
	const times, border = 2, 40
	crop := image.NewGray(image.Rect(0, 0, part.Dx()*times+2*border, part.Dy()*times+2*border))
	draw.Draw(crop, crop.Bounds(), image.White, image.Point{}, draw.Src)
	for y := range part.Dy() * times {
		for x := range part.Dx() * times {
			crop.SetGray(border+x, border+y, page.GrayAt(part.Min.X+x/times, part.Min.Y+y/times))
		}
	}
	file := filepath.Join(t.TempDir(), "symbol.png")
	var b bytes.Buffer
	if err := png.Encode(&b, crop); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	tool, args := "ZXingReader", []string{file}
	if kind != DataMatrix && have("zbarimg") {
		tool, args = "zbarimg", []string{"-q", "--nodbus", file}
	}
	out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", tool, err, out)
	}
	return string(out)
}

func have(tool string) bool { _, err := exec.LookPath(tool); return err == nil }

// reads tells whether what a scanner tool printed is the symbol that was meant:
// its kind and its data.
func reads(said string, e Element, meant string) bool {
	data := meant[3:]
	if strings.HasPrefix(said, "CODE-128:") || strings.HasPrefix(said, "QR-Code:") {
		// zbar tells no FNC1 in front, but GS within.
		return strings.TrimRight(said, "\n") == map[Kind]string{GS1128: "CODE-128:", Code128: "CODE-128:", QR: "QR-Code:"}[e.Kind]+data
	}
	id, text := "", ""
	for line := range strings.Lines(said) {
		if v, ok := strings.CutPrefix(line, "Identifier:"); ok {
			id = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "Text:"); ok {
			text = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return id == meant[:3] && (text == data || text == strings.ReplaceAll(data, string(gs), "<GS>"))
}

// TestDrawnAndScanned has every template drawn by a renderer that nobody here
// wrote and looks at the picture: around each symbol there is nothing within its
// quiet zone, the bars of an SSCC are at least 32 mm high, and scanners that
// nobody here wrote read what was meant.
func TestDrawnAndScanned(t *testing.T) {
	if !have("zbarimg") || !have("ZXingReader") {
		t.Skip("SKIPPED, NOT PROVEN: zbar-tools or zxing-cpp-tools are not installed; run make deps")
	}
	labels := all(t)
	names := []string{"plain", "hostile", "a6", "tote", "bin", "item", "link", "sku", "slip"}
	pages := drawn(t, labels, names)
	for _, name := range names {
		l := labels[name][0]
		page := pages[name]
		if got := page.Bounds().Size(); got.X < l.Width-1 || got.Y < l.Height-1 {
			t.Errorf("%s is %v dots", name, got)
		}
		for _, e := range l.Elements {
			if !e.Symbol() {
				if dark(page, image.Rect(e.X, e.Y, e.X+max(e.W, 10), e.Y+e.H)).Empty() {
					t.Errorf("%s: nothing where %q should stand", name, e.Data)
				}
				continue
			}
			meant, err := e.Scan()
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name+" "+meant[:3], func(t *testing.T) { look(t, page, l, e, meant) })
		}
	}
}

// look judges one symbol of a page.
func look(t *testing.T, page *image.Gray, l Label, e Element, meant string) {
	b, err := e.size()
	if err != nil {
		t.Fatal(err)
	}
	qx, qy := e.quiet()
	inside := image.Rect(b.x, b.y, b.x2, b.y2)
	if e.linear() {
		inside.Max.Y = b.y + e.H
	}
	found := dark(page, inside)
	// A renderer may need fewer cells than were counted, never more.
	if found.Min.X != inside.Min.X || found.Max.X > inside.Max.X || found.Max.Y > inside.Max.Y {
		t.Errorf("drawn at %v, should be at %v", found, inside)
	}
	if e.linear() && (found.Dx() != inside.Dx() || found.Dy() != e.H) {
		t.Errorf("drawn %v large, should be %v", found.Size(), inside.Size())
	}
	if e.Kind == GS1128 && strings.HasPrefix(e.Data, "(00)") && found.Dy() < 32*Unit {
		t.Errorf("the SSCC is %d dots high, 256 are 32 mm", found.Dy())
	}
	for _, zone := range []image.Rectangle{
		image.Rect(found.Min.X-qx, found.Min.Y, found.Min.X, found.Max.Y),
		image.Rect(found.Max.X, found.Min.Y, found.Max.X+qx, found.Max.Y),
		image.Rect(found.Min.X, found.Min.Y-qy, found.Max.X, found.Min.Y),
		image.Rect(found.Min.X, found.Max.Y, found.Max.X, found.Max.Y+qy),
	} {
		if zone.Min.X < 0 || zone.Max.X > l.Width {
			t.Errorf("quiet zone %v is not on the label", zone)
		}
		if spot := dark(page, zone); !spot.Empty() {
			t.Errorf("something at %v in quiet zone %v", spot, zone)
		}
	}
	if said := scanned(t, page, found.Inset(-max(qx, qy)), e.Kind); !reads(said, e, meant) {
		t.Errorf("scanned %q, meant %q", said, meant)
	}
}

// TestDrawnBarsAreScanned draws the bars that TSPL and EPL2 are sent, dot by
// dot, and has them scanned.
func TestDrawnBarsAreScanned(t *testing.T) {
	if !have("zbarimg") {
		t.Skip("SKIPPED, NOT PROVEN: zbar-tools are not installed; run make deps")
	}
	labels := all(t)
	for _, name := range []string{"plain", "a6", "tote", "bin", "sku"} {
		for lang, command := range map[Language]string{TSPL: "BAR %d,%d,%d,%d", EPL2: "LO%d,%d,%d,%d"} {
			l := labels[name][0]
			job, err := Write(Device{Language: lang}, l)
			if err != nil {
				t.Fatal(err)
			}
			page := image.NewGray(image.Rect(0, 0, l.Width, l.Height))
			draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
			for line := range strings.SplitSeq(string(job), "\r\n") {
				var x, y, w, h int
				if n, _ := fmt.Sscanf(line, command, &x, &y, &w, &h); n == 4 {
					draw.Draw(page, image.Rect(x, y, x+w, y+h), image.NewUniform(color.Black), image.Point{}, draw.Src)
				}
			}
			for _, e := range l.Elements {
				if !e.Symbol() {
					continue
				}
				meant, err := e.Scan()
				if err != nil {
					t.Fatal(err)
				}
				b, _ := e.size()
				if said := scanned(t, page, image.Rect(b.x, b.y, b.x2, b.y+e.H), e.Kind); !reads(said, e, meant) {
					t.Errorf("%s in %s: scanned %q, meant %q", name, lang, said, meant)
				}
			}
		}
	}
}
