package warehouse

import (
	"strings"
)

// Pictures of items. The state holds where a picture is and the hash it must
// have, never the picture: the gateways fetch it, each for itself, and show it to
// whoever looks for the item. A gateway of before level 4 does not know the
// fields, so a list of items with one is a later version of its command.

const maxAddress = 512

// checkImage names what is wrong with the picture of an item, "" when all is well.
func checkImage(it Item) string {
	if it.Image == "" && it.ImageHash == "" {
		return ""
	}
	rest, ok := strings.CutPrefix(it.Image, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(it.Image, "http://")
	}
	bad := func(r rune) bool { return r <= 0x20 || r > 0x7e }
	switch {
	case !ok || rest == "" || rest[0] == '/' || len(it.Image) > maxAddress || strings.ContainsFunc(it.Image, bad):
		return "image: an http or https address of at most 512 printable characters"
	case len(it.ImageHash) != 64 || strings.Trim(it.ImageHash, "0123456789abcdef") != "":
		return "image hash: the SHA-256 of the picture, 64 small hex digits"
	}
	return ""
}
