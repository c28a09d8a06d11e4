package epc

// Schemes of identity.
const (
	SGTIN = "sgtin" // one unit of a trade item
	SSCC  = "sscc"  // one logistic unit
	SGLN  = "sgln"  // one location
	GRAI  = "grai"  // one returnable asset
	GIAI  = "giai"  // one individual asset
	GSRN  = "gsrn"  // a recipient of a service
	GSRNP = "gsrnp" // a provider of a service
	GDTI  = "gdti"  // one document
	CPI   = "cpi"   // one component or part
	SGCN  = "sgcn"  // one coupon
	ITIP  = "itip"  // one piece of a trade item of several
	GID   = "gid"   // a number of anyone's own
	USDOD = "usdod" // a thing of the US Department of Defense
	ADI   = "adi"   // a part of an aircraft
)

// has are the parts of an identity beside its prefix.
type has uint8

const (
	hasReference has = 1 << iota
	hasPieces
	hasSerial
)

// kind says how a part is written.
type kind uint8

const (
	none      kind = iota
	padded         // so many digits, leading zeros kept
	integer        // decimal without leading zeros
	text           // the 82 characters, 7 bits each, zeros behind
	words          // capitals, digits and #-/, 6 bits each, ended by zeros
	numerals       // digits with leading zeros, as a number behind a 1
	partWords      // words without #
	serialWords
)

// field is one part: its kind and how long it may be. Of references the company
// prefix decides, see reference.
type field struct {
	kind kind
	bits int
	max  int // characters
}

// identity is what a scheme is made of, whatever tag it stands on.
type identity struct {
	name  string
	parts has
	sum   int   // digits of prefix and reference together, 0 = not fixed
	ref   kind  // of the reference: padded for those with a sum
	most  int   // characters of prefix and reference together, for those without
	last  field // of the serial number
}

// identities is every scheme.
var identities = [...]identity{
	{SGTIN, hasReference | hasSerial, 13, padded, 0, field{text, 0, 20}},
	{SSCC, hasReference, 17, padded, 0, field{}},
	{SGLN, hasReference | hasSerial, 12, padded, 0, field{text, 0, 20}},
	{GRAI, hasReference | hasSerial, 12, padded, 0, field{text, 0, 16}},
	{GIAI, hasReference, 0, text, 30, field{}},
	{GSRN, hasReference, 17, padded, 0, field{}},
	{GSRNP, hasReference, 17, padded, 0, field{}},
	{GDTI, hasReference | hasSerial, 12, padded, 0, field{text, 0, 17}},
	{CPI, hasReference | hasSerial, 0, words, 30, field{integer, 40, 12}},
	{SGCN, hasReference | hasSerial, 12, padded, 0, field{numerals, 0, 12}},
	{ITIP, hasReference | hasPieces | hasSerial, 13, padded, 0, field{text, 0, 20}},
	{GID, hasReference | hasSerial, 0, integer, 0, field{integer, 36, 11}},
	{USDOD, hasSerial, 0, none, 0, field{integer, 36, 11}},
	{ADI, hasReference | hasSerial, 0, partWords, 0, field{serialWords, 0, 30}},
}

// layoutOf gives the identity of a scheme, an empty one when there is none.
func layoutOf(scheme string) *identity {
	for i := range identities {
		if identities[i].name == scheme {
			return &identities[i]
		}
	}
	return &identity{}
}

// tag is how an identity stands on a tag.
type tag struct {
	name     string
	scheme   string
	header   byte
	bits     int      // 0 = as long as its parts
	refs     *[7]span // of the reference, by partition; nil = a scheme without partitions
	ref      kind
	serial   field
	reserved int // zero bits at the end
}

// span is how many bits and characters a reference has in a partition.
type span struct{ bits, max int }

// prefixes is the company prefix by partition: 12 to 6 digits.
var prefixes = [7]span{{40, 12}, {37, 11}, {34, 10}, {30, 9}, {27, 8}, {24, 7}, {20, 6}}

// References by partition.
var (
	itemRefs  = [7]span{{4, 1}, {7, 2}, {10, 3}, {14, 4}, {17, 5}, {20, 6}, {24, 7}}
	unitRefs  = [7]span{{18, 5}, {21, 6}, {24, 7}, {28, 8}, {31, 9}, {34, 10}, {38, 11}}
	placeRefs = [7]span{{1, 0}, {4, 1}, {7, 2}, {11, 3}, {14, 4}, {17, 5}, {21, 6}}
	assetRefs = [7]span{{4, 0}, {7, 1}, {10, 2}, {14, 3}, {17, 4}, {20, 5}, {24, 6}}
	ownRefs   = [7]span{{42, 13}, {45, 14}, {48, 15}, {52, 16}, {55, 17}, {58, 18}, {62, 19}}
	ownTexts  = [7]span{{148, 18}, {151, 19}, {154, 20}, {158, 21}, {161, 22}, {164, 23}, {168, 24}}
	partRefs  = [7]span{{11, 3}, {14, 4}, {17, 5}, {21, 6}, {24, 7}, {27, 8}, {31, 9}}
	partTexts = [7]span{{114, 18}, {120, 19}, {126, 20}, {132, 21}, {138, 22}, {144, 23}, {150, 24}}
)

// tags is every way onto a tag, of one identity the shortest first. Only GDTI-113
// comes last: it is given up, and read only so that old tags are understood.
var tags = [...]tag{
	{"sgtin-96", SGTIN, 0x30, 96, &itemRefs, padded, field{integer, 38, 12}, 0},
	{"sgtin-198", SGTIN, 0x36, 198, &itemRefs, padded, field{text, 140, 20}, 0},
	{"sscc-96", SSCC, 0x31, 96, &unitRefs, padded, field{}, 24},
	{"sgln-96", SGLN, 0x32, 96, &placeRefs, padded, field{integer, 41, 13}, 0},
	{"sgln-195", SGLN, 0x39, 195, &placeRefs, padded, field{text, 140, 20}, 0},
	{"grai-96", GRAI, 0x33, 96, &assetRefs, padded, field{integer, 38, 12}, 0},
	{"grai-170", GRAI, 0x37, 170, &assetRefs, padded, field{text, 112, 16}, 0},
	{"giai-96", GIAI, 0x34, 96, &ownRefs, integer, field{}, 0},
	{"giai-202", GIAI, 0x38, 202, &ownTexts, text, field{}, 0},
	{"gsrn-96", GSRN, 0x2D, 96, &unitRefs, padded, field{}, 24},
	{"gsrnp-96", GSRNP, 0x2E, 96, &unitRefs, padded, field{}, 24},
	{"gdti-96", GDTI, 0x2C, 96, &placeRefs, padded, field{integer, 41, 13}, 0},
	{"gdti-174", GDTI, 0x3E, 174, &placeRefs, padded, field{text, 119, 17}, 0},
	{"gdti-113", GDTI, 0x3A, 113, &placeRefs, padded, field{numerals, 58, 17}, 0},
	{"cpi-96", CPI, 0x3C, 96, &partRefs, integer, field{integer, 31, 10}, 0},
	{"cpi-var", CPI, 0x3D, 0, &partTexts, words, field{integer, 40, 12}, 0},
	{"sgcn-96", SGCN, 0x3F, 96, &placeRefs, padded, field{numerals, 41, 12}, 0},
	{"itip-110", ITIP, 0x40, 110, &itemRefs, padded, field{integer, 38, 12}, 0},
	{"itip-212", ITIP, 0x41, 212, &itemRefs, padded, field{text, 140, 20}, 0},
	{"gid-96", GID, 0x35, 96, nil, none, field{}, 0},
	{"usdod-96", USDOD, 0x2F, 96, nil, none, field{}, 0},
	{"adi-var", ADI, 0x3B, 0, nil, none, field{}, 0},
}

// byHeader finds the tag of a first byte; 0 = none, else its place and one.
var byHeader = func() (all [256]uint8) {
	for i := range tags {
		all[tags[i].header] = uint8(i + 1)
	}
	return all
}()

// others says what first bytes mean that are not decoded: the schemes of TDS 2.x,
// an empty tag, and what looks like the beginning of a tag's own number.
func others(header byte) string {
	if header >= 0xF0 && header <= 0xFB {
		return [...]string{"cpi+", "grai+", "sgln+", "itip+", "gsrn+", "gsrnp+", "gdti+", "sgtin+", "sgcn+", "sscc+", "giai+", "dsgtin+"}[header-0xF0]
	}
	switch header {
	case 0x00:
		return "unprogrammed"
	case 0xE2:
		return "tid"
	}
	return ""
}

// tagNamed finds a tag by its name.
func tagNamed(name string) (*tag, bool) {
	for i := range tags {
		if tags[i].name == name {
			return &tags[i], true
		}
	}
	return nil, false
}

// TagSchemes lists the names of all tags that can be read, in the order of their
// identities.
func TagSchemes() []string {
	all := make([]string, len(tags))
	for i := range tags {
		all[i] = tags[i].name
	}
	return all
}
