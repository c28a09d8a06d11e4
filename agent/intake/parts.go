package intake

import (
	"strings"

	"tote/warehouse"
)

// Fields that hold several values have semicolons between them. What would be
// read as one of the signs is written as its number: %3B for a semicolon, %3D
// for an equals sign, %20 for a space, %25 for the percent sign of one of these.

var (
	part   = strings.NewReplacer("%3B", "%253B", "%3D", "%253D", "%20", "%2520", "%25", "%2525", ";", "%3B", "=", "%3D", " ", "%20")
	unpart = strings.NewReplacer("%3B", ";", "%3D", "=", "%20", " ", "%25", "%")
)

// split reads a list; spaces separate as well, as files of older versions have
// them.
func split(v string) []string {
	var out []string
	for _, s := range strings.Fields(strings.ReplaceAll(v, ";", " ")) {
		out = append(out, unpart.Replace(s))
	}
	return out
}

// join writes a list as split reads it.
func join(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = part.Replace(s)
	}
	return strings.Join(out, ";")
}

// joinRefs writes names and values as the column refs has them.
func joinRefs(refs []warehouse.Ref) string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = part.Replace(r.Name) + "=" + part.Replace(r.Value)
	}
	return strings.Join(out, ";")
}
