package warehouse

import (
	"cmp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"tote/gs1"
)

// Bounds of fields. Together they keep every sum below far from the end of
// int64: 500 lines of a million units of a tonne are 5e17 milligrams.
const (
	maxID       = 64
	maxText     = 200
	maxBarcode  = 128
	maxLines    = 500
	maxQty      = 1_000_000
	maxStockQty = 1_000_000_000
	maxWeightMg = 1_000_000_000 // a tonne
	maxLeaseMs  = 7 * 24 * 3600 * 1000
	maxMm       = 1_000_000
	maxSlots    = 64
	maxNamed    = 100 // carriers, lanes, stations, portals of a site
	maxEPCs     = 500 // of one pass before level 5; of one list of tags
	maxMinDays  = 3650
	maxBinMg    = 100_000_000_000
	maxBinMl    = 1_000_000_000
)

// validID: 1..64 printable ASCII without '/' and without outer spaces. Ids are
// key components, topic levels and parts of places and task ids.
func validID(s string) bool {
	if s == "" || len(s) > maxID || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '/' {
			return false
		}
	}
	return true
}

// validBarcode is for barcodes we register: 1..64 printable ASCII.
func validBarcode(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// scannable is for barcodes that arrive: anything short that can be looked up.
func scannable(s string) bool {
	if s == "" || len(s) > maxBarcode {
		return false
	}
	for i := range len(s) {
		if s[i] == sep {
			return false
		}
	}
	return true
}

// validText: 1..most bytes of UTF-8 without control characters.
func validText(s string, most int) bool {
	if s == "" || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func validDate(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Format(time.DateOnly) == s
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// validGTIN14 checks length and check digit.
func validGTIN14(s string) bool {
	if len(s) != 14 || !digits(s) {
		return false
	}
	d, err := gs1.CheckDigit(s[:13])
	return err == nil && d == s[13]
}

func validCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// checkSite names the first field that is wrong, "" when all is well.
func checkSite(s Site) string {
	l := s.Layout
	switch {
	case !validID(s.ID):
		return "site id"
	case len(s.CompanyPrefix) < 4 || len(s.CompanyPrefix) > 12 || !digits(s.CompanyPrefix):
		return "company prefix: 4 to 12 digits"
	case s.SSCCExtension < 0 || s.SSCCExtension > 9:
		return "SSCC extension: 0 to 9"
	case !validID(s.TotePrefix) || len(s.TotePrefix) > 16:
		return "tote prefix"
	case s.CartonTareMg < 0 || s.CartonTareMg > maxWeightMg:
		return "carton tare"
	case s.ToleranceMg < 0 || s.ToleranceMg > maxWeightMg:
		return "tolerance"
	case s.TolerancePermil < 0 || s.TolerancePermil > 1000:
		return "tolerance per mille: 0 to 1000"
	case s.LeaseMs < 1 || s.LeaseMs > maxLeaseMs:
		return "lease: 1 ms to 7 days"
	case s.CartSlots < 1 || s.CartSlots > maxSlots:
		return "cart slots: 1 to 64"
	case l.Aisles < 1 || l.Aisles > 1000:
		return "layout aisles: 1 to 1000"
	case l.Cells < 1 || l.Cells > 64:
		return "layout cells: 1 to 64"
	case l.CellMm < 0 || l.EndMm < 0 || l.PitchMm < 0 || l.CellMm > maxMm || l.EndMm > maxMm || l.PitchMm > maxMm:
		return "layout lengths"
	case l.DepotAisle < 0 || l.DepotAisle >= l.Aisles:
		return "layout depot aisle"
	case s.CountLimit < 0 || s.CountLimit > maxStockQty:
		return "countLimit"
	case s.AgeingMinutes < 0 || s.AgeingMinutes > maxAgeing:
		return "ageingMinutes"
	case checkKeep(&s) != "":
		return checkKeep(&s)
	case s.ExpiryDays < 0 || s.ExpiryDays > 3650:
		return "expiryDays: 0 to 3650"
	case s.Weights != "" && s.Weights != WeightsPropose && s.Weights != WeightsUse:
		return `weights: "", "propose" or "use"`
	case s.PackDrop != "" && !validBarcode(s.PackDrop):
		return "pack drop"
	case s.ATPEveryMs < 0 || s.ATPEveryMs > maxATPEveryMs:
		return "stock levels: every 0 ms to 1 day"
	case s.AdjustLimit < 0 || s.AdjustLimit > maxStockQty:
		return "adjustment limit"
	case len(s.Carriers) > maxNamed:
		return "more than 100 carriers"
	}
	for i, c := range s.Carriers {
		if why := checkCarrier(c); why != "" {
			return "carrier " + c.Code + ": " + why
		}
		for _, d := range s.Carriers[:i] {
			if d.Code == c.Code {
				return "carrier " + c.Code + " is listed twice"
			}
		}
	}
	if why := checkChanges(s.Changes); why != "" {
		return why
	}
	if why := checkNames("station in hard mode", s.HardMode); why != "" {
		return why
	}
	if why := checkIntake(s.Intake, s.Carriers); why != "" {
		return why
	}
	if why := checkCountries(s.Countries); why != "" {
		return why
	}
	return cmp.Or(checkPinRule(s), checkFloor(s), checkServices(s), checkCartons(s), checkGuides(s), checkOffers(s), checkProfiles(s), checkUpstreams(s.Upstreams))
}

// checkFloor looks at the rules for robots, conveyor and portals.
func checkFloor(s Site) string {
	if s.Transport != "" && s.Transport != TransportRobot {
		return `transport: "" or "robot"`
	}
	if s.Transport == TransportRobot && len(s.PackStations) == 0 {
		return "transport by robots needs pack stations"
	}
	if why := checkNames("pack station", s.PackStations); why != "" {
		return why
	}
	if why := checkNames("portal", s.Portals); why != "" {
		return why
	}
	ids := make([]string, len(s.Lanes))
	for i, l := range s.Lanes {
		ids[i] = l.ID
		switch {
		case l.Carrier != "" && !slices.ContainsFunc(s.Carriers, func(c Carrier) bool { return c.Code == l.Carrier }):
			return "lane " + l.ID + ": no carrier " + l.Carrier
		case l.Dock != "" && !validID(l.Dock):
			return "lane " + l.ID + ": dock"
		}
	}
	if why := checkNames("lane", ids); why != "" {
		return why
	}
	if len(ids) == 0 && s.DefaultLane == "" || slices.Contains(ids, s.DefaultLane) {
		return ""
	}
	return "default lane: one of the lanes"
}

// checkNames looks at a list of ids that must differ.
func checkNames(what string, ids []string) string {
	if len(ids) > maxNamed {
		return "more than 100 of " + what
	}
	for i, id := range ids {
		if !validID(id) {
			return what + " id"
		}
		if slices.Contains(ids[:i], id) {
			return what + " " + id + " is listed twice"
		}
	}
	return ""
}

func checkCarrier(c Carrier) string {
	switch {
	case !validID(c.Code):
		return "code"
	case c.Method != "" && !validText(c.Method, maxID):
		return "method"
	case c.Prefix != "" && (!validID(c.Prefix) || len(c.Prefix) > 20):
		return "prefix"
	case c.Digits < 1 || c.Digits > 18:
		return "digits: 1 to 18"
	case c.First < 0 || c.Last < c.First:
		return "range"
	case c.Mode != "" && c.Mode != CarrierOnline:
		return `mode: "" or "online"`
	case c.LowWater < 0 || c.LowWater > maxStockQty:
		return "lowWater"
	case c.MaxMg < 0 || c.MaxMg > maxWeightMg:
		return "maxMg"
	case c.MaxLine < 0 || c.MaxLine > maxText:
		return "maxLine: 0 to 200"
	}
	top := int64(1)
	for range c.Digits {
		top *= 10
	}
	if c.Last >= top {
		return "range has more digits than the number"
	}
	return ""
}

func checkItem(it Item) string {
	switch {
	case !validID(it.SKU):
		return "sku"
	case !validText(it.Name, maxText):
		return "name"
	case it.GTIN != "" && !validGTIN14(it.GTIN):
		return "gtin: 14 digits with a good check digit"
	case it.WeightMg < 1 || it.WeightMg > maxWeightMg:
		return "weight"
	case it.Tagged && it.GTIN == "":
		return "tagged items need a gtin"
	case len(it.Barcodes) > maxAliases:
		return "more than 16 barcodes"
	case !validPolicy(it.Policy):
		return `policy: "", "fifo", "closest" or "touches"`
	case it.MinDays < 0 || it.MinDays > maxMinDays:
		return "minimum days: 0 to 3650"
	case it.Revision < 0:
		return "revision"
	case it.Min < 0 || it.Max < 0 || it.Reorder < 0 || it.Min > maxStockQty || it.Max > maxStockQty || it.Reorder > maxStockQty:
		return "min, max and reorder point"
	case it.Max > 0 && (it.Min > it.Max || it.Reorder > it.Max):
		return "min and reorder point must not exceed max"
	case it.MinDays > 0 && !it.LotTracked:
		return "minimum days need lots"
	case it.Class != "" && !validID(it.Class):
		return "class"
	}
	if why := checkSubstitutes(it); why != "" {
		return why
	}
	for _, b := range it.Barcodes {
		if !validBarcode(b) {
			return "barcode"
		}
	}
	return cmp.Or(checkPacks(it), checkSides(it), checkImage(it))
}

func checkBin(b Bin, l Layout) string {
	switch {
	case !validID(b.Code):
		return "bin code"
	case b.Aisle < 0 || b.Aisle >= l.Aisles:
		return "aisle outside the layout"
	case b.Cell < 0 || b.Cell >= l.Cells:
		return "cell outside the layout"
	case b.Side != "" && !validID(b.Side):
		return "side"
	case b.Class != "" && !validID(b.Class):
		return "class"
	case b.Zone != "" && !validID(b.Zone):
		return "zone"
	case b.MaxMg < 0 || b.MaxMg > maxBinMg || b.MaxMg%1000 != 0:
		return "maxMg: 0 to 100 tonnes, in whole grams"
	case b.MaxMl < 0 || b.MaxMl > maxBinMl:
		return "maxMl: 0 to 1000 cubic metres"
	}
	return ""
}

func checkWorker(w Worker) string {
	switch {
	case !validID(w.ID):
		return "worker id"
	case !validText(w.Name, maxText):
		return "name"
	case !validBarcode(w.Badge):
		return "badge"
	case w.Kind != "" && w.Kind != WorkerRobot:
		return `kind: "" or "robot"`
	case w.Role != "" && !slices.Contains(Roles, w.Role):
		return `role: "picker", "packer", "stock", "dock", "lead" or "engineer"`
	}
	return ""
}

func checkStockRow(r StockRow) string {
	switch {
	case !validID(r.Bin):
		return "bin"
	case !validID(r.SKU):
		return "sku"
	case r.Lot != "" && !validBarcode(r.Lot): // GS1 lots may hold '/'
		return "lot"
	case r.Expiry != "" && !validDate(r.Expiry):
		return "expiry: YYYY-MM-DD"
	case r.Expiry != "" && r.Lot == "":
		return "expiry without a lot"
	case r.Qty < 1 || r.Qty > maxStockQty:
		return "quantity"
	}
	return checkKey(r.stock())
}

// checkKey looks at owner, serial and status of goods.
func checkKey(s stockKey) string {
	switch {
	case s.owner != "" && !validID(s.owner):
		return "owner"
	case s.serial != "" && !validBarcode(s.serial): // GS1 serials may hold '/'
		return "serial"
	case !validStatus(s.status):
		return `status: "", "qc", "damaged" or "quarantined"`
	}
	return ""
}

// checkSpec looks at what an order says of itself; items and carriers are
// looked up later.
func checkSpec(s OrderSpec) string {
	a := s.ShipTo
	switch {
	case !validID(s.ID):
		return "order id: 1 to 64 printable characters without '/'"
	case s.Revision < 0 || s.Revision > maxStockQty:
		return "revision"
	case s.Priority < 0 || s.Priority > 9:
		return "priority: 0 to 9"
	case !validText(a.Name, maxText):
		return "ship-to name"
	case !validText(a.Street, maxText):
		return "ship-to street"
	case !validText(a.Postcode, maxID):
		return "ship-to postcode"
	case !validText(a.City, maxText):
		return "ship-to city"
	case !validCountry(a.Country):
		return "ship-to country: two capital letters"
	case s.Method != "" && !validText(s.Method, maxID):
		return "method"
	case s.Channel != "" && !validText(s.Channel, maxID):
		return "channel"
	case s.PlacedAt < 0 || s.ShipBy < 0:
		return "times"
	case s.Owner != "" && !validID(s.Owner):
		return "owner"
	case s.Kit < 0 || s.Kit > maxKit:
		return "kit: 0 to 999999"
	case checkCommercial(s.Commercial) != "":
		return checkCommercial(s.Commercial)
	case len(s.Lines) > 0 && checkKinds(s.Lines) != "":
		return checkKinds(s.Lines)
	case checkHolds(s.Holds) != "":
		return checkHolds(s.Holds)
	case checkNamed(s) != "":
		return checkNamed(s)
	case len(s.Lines) == 0:
		return "no lines"
	case len(s.Lines) > maxLines:
		return "more than 500 lines"
	}
	seen := make(map[int]bool, len(s.Lines))
	for _, l := range s.Lines {
		switch {
		case l.Line < 1 || l.Line > maxQty:
			return "line number"
		case seen[l.Line]:
			return "line number twice"
		case !validID(l.SKU):
			return "line sku"
		case l.Qty < 1 || l.Qty > maxQty:
			return "line quantity: 1 to 1000000"
		}
		seen[l.Line] = true
	}
	return ""
}
