package warehouse_test

import (
	"strings"
	"testing"

	. "tote/warehouse"
)

// The picture of an item is an address and a hash, both or none.
func TestImageRow24(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for name, tt := range map[string]struct {
		image, hash string
		ok          bool
	}{
		"none":           {"", "", true},
		"both":           {"https://img.example/a.png?b=c", hash, true},
		"plain":          {"http://10.0.0.1:80/a", hash, true},
		"no hash":        {"https://img.example/a.png", "", false},
		"no address":     {"", hash, false},
		"short hash":     {"https://img.example/a.png", hash[2:], false},
		"large letters":  {"https://img.example/a.png", strings.ToUpper(hash), false},
		"another scheme": {"file:///etc/passwd", hash, false},
		"no host":        {"https:///a", hash, false},
		"a space":        {"https://img.example/a b", hash, false},
		"too long":       {"https://img.example/" + strings.Repeat("a", 512), hash, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := bare(t)
			before := w.tx.Digest()
			cmd := PutItems{Items: []Item{{SKU: "NEW", Name: "New", WeightMg: 1, Image: tt.image, ImageHash: tt.hash}}}
			_, version, _, err := Encode(cmd)
			if err != nil || (version == 2) != (tt.image+tt.hash != "") {
				t.Errorf("version %d, %v", version, err)
			}
			if !tt.ok {
				w.no(cmd, CodeInvalid)
				if w.tx.Digest() != before {
					t.Error("the state changed")
				}
				return
			}
			w.ok(cmd)
			if it, err := GetItem(w.tx, "NEW"); err != nil || it.Image != tt.image || it.ImageHash != tt.hash {
				t.Errorf("%+v %v", it, err)
			}
		})
	}
}

// pictured is a catalogue that gives items pictures, changes and takes them.
func pictured(t *testing.T) *world {
	w := bare(t)
	it := Item{SKU: "NEW", Name: "New", WeightMg: 1, Image: "https://img.example/a.png", ImageHash: strings.Repeat("0a", 32)}
	w.ok(PutItems{Items: append(testItems(), it)})
	it.ImageHash = strings.Repeat("0b", 32)
	w.ok(PutItems{Items: []Item{it}})
	it.Image, it.ImageHash = "", ""
	w.ok(PutItems{Items: []Item{it}})
	return w
}
