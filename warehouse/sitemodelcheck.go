package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What is wrong with a model can be seen in the model alone, as long as nothing of
// the floor has to be asked. Where it is is said by what it is about, so that who
// read it from files can name the line.

type (
	// Model is everything that is changed as one.
	Model struct {
		Site    *Site // nil = none
		Items   []Item
		Bins    []Bin
		Workers []Worker
	}
	// ModelProblem is one thing that is wrong with a model.
	ModelProblem struct {
		Kind  string // kSite, UseItem, UseBin or UseWorker
		ID    string // of the thing; "" of the rules
		Field string // JSON name of the field, as carriers[1].first; "" = the whole thing
		Text  string
		// Warning: it is odd and can be worked with.
		Warning bool
	}
)

// ModelSite is the Kind of problems of the rules.
const ModelSite = kSite

// CheckModel lists what is wrong with a model.
func CheckModel(m *Model) []ModelProblem {
	ck := &modelCheck{m: m, claimed: map[[2]string]string{}}
	if m.Site == nil {
		ck.bad(ModelSite, "", "", "the model has no rules")
		return ck.out
	}
	if why := cmp.Or(checkSite(*m.Site), dotted("site id", m.Site.ID)); why != "" {
		ck.bad(ModelSite, "", siteField(m.Site, why), "%s", why)
	}
	ck.out = append(ck.out, checkRules(m.Site)...)
	ck.bins()
	ck.items()
	ck.workers()
	return ck.out
}

type modelCheck struct {
	m       *Model
	claimed map[[2]string]string // by space and code: what has it
	out     []ModelProblem
}

func (ck *modelCheck) bad(kind, id, field, format string, args ...any) {
	ck.out = append(ck.out, ModelProblem{Kind: kind, ID: id, Field: field, Text: inFull(fmt.Sprintf(format, args...))})
}

// Handlers name the field that is wrong, for programs. Who writes files is told what
// it may be as well.
const (
	whatID   = "1 to 64 printable ASCII characters without / and without a space at either end"
	whatCode = "1 to 64 printable ASCII characters without spaces"
	whatMm   = "0 to 1000000 mm"
)

var rulesOfFields = map[string]string{
	"bin code": whatID, "sku": whatID, "worker id": whatID, "site id": whatID, "class": whatID, "zone": whatID, "side": whatID, "code": whatID,
	"tote prefix": "1 to 16 printable ASCII characters without /", "pack drop": whatCode, "badge": whatCode, "barcode": whatCode,
	"name": "1 to 200 bytes of text", "weight": "more than nothing, at most a tonne", "layout lengths": whatMm,
	"layout depot aisle": "one of the aisles, counted from 0", "carton tare": "0 to a tonne, in mg", "tolerance": "0 to a tonne, in mg",
	"range": "first to last, not below 0", "adjustment limit": "0 to 1000000000", "countLimit": "0 to 1000000000", "revision": "0 or more",
	"prefix": "at most 20 printable ASCII characters without /", "weights": "minMg not above maxMg, at most a tonne",
}

// inFull is a text of the checks with what the field may be.
func inFull(text string) string {
	last := text[strings.LastIndex(text, ": ")+1:]
	if rule := rulesOfFields[strings.TrimSpace(last)]; rule != "" {
		return text + ": " + rule
	}
	return text
}

func dotted(what, id string) string {
	if dots(id) {
		return what + ": . and .. are no ids"
	}
	return ""
}

// claim takes a code, and says who has it already, in any space.
func (ck *modelCheck) claim(kind, id, field, code string) {
	for _, in := range codeSpaces {
		owner := ck.claimed[[2]string{in, code}]
		if owner != "" && owner != kind+" "+id {
			ck.bad(kind, id, field, "%s is the barcode of %s", code, owner)
			return
		}
	}
	ck.claimed[[2]string{kind, code}] = kind + " " + id
}

func (ck *modelCheck) bins() {
	site, zones := ck.m.Site, 0
	for i := range ck.m.Bins {
		b := &ck.m.Bins[i]
		if why := cmp.Or(checkBin(*b, site.Layout), dotted("bin code", b.Code)); why != "" {
			ck.bad(UseBin, b.Code, fieldOf(binFields, why), "%s", explainBin(why, b, site))
			continue
		}
		if why := binNamed(site, b.Code); why != "" {
			ck.bad(UseBin, b.Code, "bin", "%s", why)
		}
		if b.Zone != "" {
			zones++
		}
		ck.claim(UseBin, b.Code, "bin", b.Code)
	}
	if site.ZonePicking && zones == 0 && len(ck.m.Bins) > 0 {
		ck.bad(ModelSite, "", "zonePicking", "the site picks by zone, and no bin has a zone")
	}
}

// explainBin says what the layout has when a bin is outside of it.
func explainBin(why string, b *Bin, site *Site) string {
	switch why {
	case "aisle outside the layout":
		return fmt.Sprintf("aisle %d is outside the layout, which has the aisles 0 to %d", b.Aisle, site.Layout.Aisles-1)
	case "cell outside the layout":
		return fmt.Sprintf("cell %d is outside the layout, whose aisles have the cells 0 to %d", b.Cell, site.Layout.Cells-1)
	}
	return why
}

// binNamed is why a bin cannot be told from a tote or the pack drop.
func binNamed(site *Site, code string) string {
	switch {
	case isTote(site, code):
		return fmt.Sprintf("it begins like a tote (totePrefix %s)", site.TotePrefix)
	case code == site.PackDrop:
		return "it is the barcode of the pack drop (packDrop)"
	}
	return ""
}

func (ck *modelCheck) items() {
	known := make(map[string]bool, len(ck.m.Items))
	for i := range ck.m.Items {
		known[ck.m.Items[i].SKU] = true
	}
	for i := range ck.m.Items {
		it := &ck.m.Items[i]
		if why := cmp.Or(checkItem(*it), dotted("sku", it.SKU)); why != "" {
			ck.bad(UseItem, it.SKU, fieldOf(itemFields, why), "%s", why)
			continue
		}
		if why := fitsRules(ck.m.Site, it); why != "" {
			ck.bad(UseItem, it.SKU, "profile", "%s", why)
		}
		for _, s := range it.Substitutes {
			if !known[s] {
				ck.bad(UseItem, it.SKU, "substitutes", "there is no item %s", s)
			}
		}
		for _, code := range scanKeys(it) {
			ck.claim(UseItem, it.SKU, codeField(it, code), code)
		}
	}
}

// codeField is the field of an item in which a code stands.
func codeField(it *Item, code string) string {
	has := func(c string) bool { return string(codeKey(c)[len(under(kCode)):]) == code }
	switch {
	case it.SKU == code:
		return "sku"
	case it.GTIN != "" && has(it.GTIN):
		return "gtin"
	case slices.ContainsFunc(it.Barcodes, has):
		return "barcodes"
	}
	return "packs"
}

func (ck *modelCheck) workers() {
	for i := range ck.m.Workers {
		w := &ck.m.Workers[i]
		if why := cmp.Or(checkWorker(*w), dotted("worker id", w.ID)); why != "" {
			ck.bad(UseWorker, w.ID, fieldOf(workerFields, why), "%s", why)
			continue
		}
		ck.claim(UseWorker, w.ID, "badge", w.Badge)
	}
}

// checkRules looks at what the rules say together. The domain took rules like these
// before there were models; a model with them is refused.
func checkRules(s *Site) []ModelProblem {
	var out []ModelProblem
	bad := func(field, format string, args ...any) {
		out = append(out, ModelProblem{Kind: ModelSite, Field: field, Text: fmt.Sprintf(format, args...)})
	}
	for i := range s.Carriers {
		a := &s.Carriers[i]
		for j := range s.Carriers[:i] {
			if b := &s.Carriers[j]; a.Mode == "" && b.Mode == "" && poolsMeet(a, b) {
				bad(fmt.Sprintf("carriers[%d].first", i), "carriers %s and %s would give the same tracking numbers", b.Code, a.Code)
			}
		}
		if a.Mode == "" && a.First <= a.Last && a.LowWater > a.Last-a.First {
			bad(fmt.Sprintf("carriers[%d].lowWater", i), "carrier %s is told of as low from its first number on", a.Code)
		}
	}
	if s.Transport == TransportRobot && s.PackDrop == "" {
		bad("packDrop", "robots fetch totes at the pack drop, and there is none")
	}
	if s.LeaseMs < 10_000 {
		bad("leaseMs", "%d, at least 10000: a batch would be taken back before its first scan", s.LeaseMs)
	}
	if s.Layout.CellMm < 1 {
		bad("layout.cellMm", "at least 1: walks could not be planned")
	}
	if s.PackDrop != "" && isTote(s, s.PackDrop) {
		bad("packDrop", "it begins like a tote (totePrefix %s)", s.TotePrefix)
	}
	for i, l := range s.Lanes {
		if l.Dock != "" && len(s.Portals) > 0 && !slices.Contains(s.Portals, l.Dock) {
			out = append(out, ModelProblem{
				Kind: ModelSite, Field: fmt.Sprintf("lanes[%d].dock", i), Warning: true,
				Text: fmt.Sprintf("lane %s leads to dock %s, which is the only one without a portal", l.ID, l.Dock),
			})
		}
	}
	return out
}

// poolsMeet tells whether two carriers could give the same tracking number.
func poolsMeet(a, b *Carrier) bool {
	if len(a.Prefix) > len(b.Prefix) {
		a, b = b, a
	}
	rest, ok := strings.CutPrefix(b.Prefix, a.Prefix)
	if !ok || len(rest)+b.Digits != a.Digits || rest != "" && !digits(rest) {
		return false
	}
	above := int64(0)
	for i := range len(rest) {
		above = above*10 + int64(rest[i]-'0')
	}
	for range b.Digits {
		above *= 10
	}
	return above+b.First <= a.Last && a.First <= above+b.Last
}

// field is the column or key that a text of the checks is about.
type field struct{ begins, name string }

var (
	itemFields = []field{
		{"sku", "sku"},
		{"name", "name"},
		{"gtin", "gtin"},
		{"weight", "weight_g"},
		{"tagged", "tagged"},
		{"more than 16 barcodes", "barcodes"},
		{"barcode", "barcodes"},
		{"policy", "policy"},
		{"minimum days", "min_days"},
		{"revision", "revision"},
		{"min", "min"},
		{"class", "class"},
		{"substitute", "substitutes"},
		{"pack", "packs"},
		{"side", "length_mm"},
		{"image", "image"},
	}
	binFields = []field{
		{"bin code", "bin"}, {"aisle", "aisle"}, {"cell", "cell"}, {"side", "side"}, {"class", "class"}, {"zone", "zone"},
	}
	workerFields = []field{{"worker id", "id"}, {"name", "name"}, {"badge", "badge"}, {"kind", "kind"}}
	siteFields   = []field{
		{"site id", "id"},
		{"company prefix", "companyPrefix"},
		{"SSCC extension", "ssccExtension"},
		{"tote prefix", "totePrefix"},
		{"carton tare", "cartonTareMg"},
		{"tolerance per mille", "tolerancePermil"},
		{"tolerance", "toleranceMg"},
		{"lease", "leaseMs"},
		{"cart slots", "cartSlots"},
		{"layout aisles", "layout.aisles"},
		{"layout cells", "layout.cells"},
		{"layout lengths", "layout.cellMm"},
		{"layout depot aisle", "layout.depotAisle"},
		{"countLimit", "countLimit"},
		{"ageingMinutes", "ageingMinutes"},
		{"expiryDays", "expiryDays"},
		{"weights", "weights"},
		{"pack drop", "packDrop"},
		{"stock levels", "atpEveryMs"},
		{"adjustment limit", "adjustLimit"},
		{"more than 100 carriers", "carriers"},
		{"transport", "transport"},
		{"pack station", "packStations"},
		{"portal", "portals"},
		{"station in hard mode", "hardMode"},
		{"default lane", "defaultLane"},
		{"profile: one of", "profile"},
		{"profile", "profiles"},
		{"readingMs", "readingMs"},
		{"country", "countries"},
		{"upstream", "upstreams"},
		{"carton", "cartons"},
		{"guide", "guides"},
		{"service", "services"},
		{"more than 200 services", "services"},
		{"lane id", "lanes"},
		{"lane", "lanes"},
		{"archiveDays", "archiveDays"},
		{"purgeDays", "purgeDays"},
		{"forgetDays", "forgetDays"},
		{"ordersPerHour", "ordersPerHour"},
		{"offers", "offers"},
		{"intake", "intake"},
	}
)

// fieldOf is the field a text begins with, "" when it names none.
func fieldOf(fields []field, text string) string {
	for _, f := range fields {
		if strings.HasPrefix(text, f.begins) {
			return f.name
		}
	}
	return ""
}

// siteField is fieldOf for the rules; in a list it is the row that the text names.
func siteField(s *Site, why string) string {
	lists := []struct {
		begins, name string
		ids          []string
	}{
		{"carrier ", "carriers", ids(s.Carriers, func(c Carrier) string { return c.Code })},
		{"lane ", "lanes", ids(s.Lanes, func(l Lane) string { return l.ID })},
		{"service ", "services", ids(s.Services, func(v Service) string { return v.Carrier + " " + v.Code })},
		{"profile ", "profiles", ids(s.Profiles, func(p Profile) string { return p.Name })},
		{"upstream ", "upstreams", ids(s.Upstreams, func(u Upstream) string { return u.Name })},
	}
	for _, l := range lists {
		rest, ok := strings.CutPrefix(why, l.begins)
		if !ok {
			continue
		}
		for i := len(l.ids) - 1; i >= 0; i-- { // of two of a name the second is the wrong one
			if after, ok := strings.CutPrefix(rest, l.ids[i]); ok && (after == "" || after[0] == ':' || after[0] == ' ') {
				return fmt.Sprintf("%s[%d]", l.name, i)
			}
		}
	}
	return fieldOf(siteFields, why)
}

func ids[T any](list []T, of func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = of(v)
	}
	return out
}
