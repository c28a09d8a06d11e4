// Package fault holds what can be wrong with GS1 data: one table of errors with
// code, cause and action, for all packages below gs1. Pure data, no goroutine.
package fault

// Error is a fault in GS1 data. The exported values are sentinels: test for
// them with errors.Is, show Code, Cause and Action to a person.
type Error struct {
	Code   string // stable, for people on the phone
	Cause  string // full sentence
	Action string // what to do about it
}

// Error returns the cause.
func (e *Error) Error() string { return "gs1: " + e.Cause }

// The faults of barcodes and element strings.
var (
	Empty         = &Error{"GS1_EMPTY", "The barcode holds no data.", "Scan again; replace the label if it stays empty."}
	Identifier    = &Error{"GS1_IDENTIFIER", "The scanner sent a symbology identifier that does not exist.", "Check the prefix setting of the scanner."}
	NoIdentifier  = &Error{"GS1_NO_IDENTIFIER", "The scanner sent no symbology identifier, and its configuration wants one.", "Let the scanner send the AIM identifier, or set identifier to auto for it."}
	UnknownAI     = &Error{"GS1_UNKNOWN_AI", "The data names an application identifier that does not exist.", "Check for a lost separator (GS) in the scanner's settings; otherwise the label is wrong."}
	EmptyValue    = &Error{"GS1_EMPTY_VALUE", "An application identifier has no value.", "The label is wrong: replace it."}
	Length        = &Error{"GS1_LENGTH", "A value has the wrong length for its application identifier.", "Scan again; replace the label if it stays wrong."}
	TooLong       = &Error{"GS1_TOO_LONG", "The data is longer than any barcode or tag can hold.", "Check the suffix setting of the scanner: several scans may have run together."}
	SeparatorLost = &Error{"GS1_SEPARATOR_LOST", "A value is longer than its application identifier allows: a separator (GS) was lost.", "Let the scanner send GS (1D hex) or a substitute for it."}
	Separator     = &Error{"GS1_SEPARATOR", "A separator (GS) stands where none may stand.", "The label is wrong: replace it."}
	Control       = &Error{"GS1_CONTROL", "The data holds a control character other than the separator (GS).", "Scan again; check the line settings of the scanner if it stays."}
	Charset       = &Error{"GS1_CHARSET", "A value holds a character that its application identifier does not allow.", "The label is wrong: replace it."}
	CheckDigit    = &Error{"GS1_CHECK_DIGIT", "The check digit is wrong.", "Scan again; type the number only with its check digit."}
	Date          = &Error{"GS1_DATE", "A date does not exist.", "The label is wrong: take the date from the goods."}
	Content       = &Error{"GS1_CONTENT", "A value breaks the rules of its application identifier.", "The label is wrong: replace it."}
	Code          = &Error{"GS1_CODE", "A value is not in the list of codes of its application identifier.", "Check the country, currency, media or package code; a list newer than this program may hold it."}
	Repeated      = &Error{"GS1_REPEATED_AI", "The same application identifier stands twice with different values.", "The label is wrong: replace it."}
	Missing       = &Error{"GS1_MISSING_AI", "An application identifier lacks another that must stand on the same item.", "Add the one the text names, or scan the other barcode of the item too."}
	Excluded      = &Error{"GS1_EXCLUDED_AI", "Two application identifiers may not stand on the same item.", "Remove one of the two the text names."}
	Brackets      = &Error{"GS1_BRACKETS", "The bracketed form is broken.", "Write each application identifier as (AI) and put a backslash before a bracket in a value."}
	Key           = &Error{"GS1_KEY", "A key cannot be built from these parts.", "Check company prefix, extension digit and serial number of the site."}
)

// The faults of Digital Links.
var (
	Link          = &Error{"GS1_LINK", "This is no GS1 Digital Link: the address is malformed or has no GS1 key in its path.", "The label is wrong, or the code is an ordinary web address."}
	LinkPath      = &Error{"GS1_LINK_PATH", "The path of a Digital Link holds application identifiers that do not belong to its key, or in the wrong order.", "The label is wrong: replace it."}
	LinkAttribute = &Error{"GS1_LINK_ATTRIBUTE", "A Digital Link has an application identifier in its query that may not stand there.", "The label is wrong: replace it."}
)

// The faults of RFID tags and EPCs.
var (
	EPCHex    = &Error{"GS1_EPC_HEX", "This is no content of an RFID tag: hexadecimal digits are wanted, at most 496 bits.", "Check the settings of the RFID reader."}
	EPC       = &Error{"GS1_EPC", "An EPC breaks the rules of its scheme.", "The tag is encoded wrongly, or it is not a GS1 tag: replace it."}
	EPCPrefix = &Error{"GS1_EPC_PREFIX", "An EPC needs to know how long the company prefix is, and a barcode does not say.", "Give the length (6 to 12 digits) from the master data; 12 for a single GTIN or GLN bought from GS1."}
	EPCNone   = &Error{"GS1_EPC_NONE", "There is no EPC for this: it names no single object.", "Add the serial number; without one it names a class of things."}
	EPCFit    = &Error{"GS1_EPC_FIT", "The value does not fit a tag of this size.", "Use the longer scheme (SGTIN-198 instead of SGTIN-96) and a tag with enough memory, or a numeric serial number."}
)

// All lists every fault, for the table of faults.
func All() []Error {
	all := []*Error{
		Empty, Identifier, NoIdentifier, UnknownAI, EmptyValue, Length, TooLong, SeparatorLost, Separator, Control, Charset,
		CheckDigit, Date, Content, Code, Repeated, Missing, Excluded, Brackets, Key,
		Link, LinkPath, LinkAttribute,
		EPCHex, EPC, EPCPrefix, EPCNone, EPCFit,
	}
	out := make([]Error, len(all))
	for i, e := range all {
		out[i] = *e
	}
	return out
}
