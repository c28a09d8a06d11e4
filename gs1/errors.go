package gs1

// Error is a fault in GS1 data. The exported values are sentinels: test for
// them with errors.Is, show Code, Cause and Action to a person.
type Error struct {
	Code   string // stable, for people on the phone
	Cause  string // full sentence
	Action string // what to do about it
}

// Error returns the cause.
func (e *Error) Error() string { return "gs1: " + e.Cause }

// The faults of this package.
var (
	ErrEmpty         = &Error{"GS1_EMPTY", "The barcode holds no data.", "Scan again; replace the label if it stays empty."}
	ErrIdentifier    = &Error{"GS1_IDENTIFIER", "The scanner sent a symbology identifier that does not exist.", "Check the prefix setting of the scanner."}
	ErrUnknownAI     = &Error{"GS1_UNKNOWN_AI", "The data names an application identifier that does not exist.", "Check for a lost separator (GS) in the scanner's settings; otherwise the label is wrong."}
	ErrEmptyValue    = &Error{"GS1_EMPTY_VALUE", "An application identifier has no value.", "The label is wrong: replace it."}
	ErrLength        = &Error{"GS1_LENGTH", "A value has the wrong length for its application identifier.", "Scan again; replace the label if it stays wrong."}
	ErrSeparatorLost = &Error{"GS1_SEPARATOR_LOST", "A value is longer than its application identifier allows: a separator (GS) was lost.", "Let the scanner send GS (1D hex) or a substitute for it."}
	ErrSeparator     = &Error{"GS1_SEPARATOR", "A separator (GS) stands where none may stand.", "The label is wrong: replace it."}
	ErrCharset       = &Error{"GS1_CHARSET", "A value holds a character that its application identifier does not allow.", "The label is wrong: replace it."}
	ErrCheckDigit    = &Error{"GS1_CHECK_DIGIT", "The check digit is wrong.", "Scan again; type the number only with its check digit."}
	ErrDate          = &Error{"GS1_DATE", "A date does not exist.", "The label is wrong: take the date from the goods."}
	ErrContent       = &Error{"GS1_CONTENT", "A value breaks the rules of its application identifier.", "The label is wrong: replace it."}
	ErrRepeated      = &Error{"GS1_REPEATED_AI", "The same application identifier stands twice with different values.", "The label is wrong: replace it."}
	ErrBrackets      = &Error{"GS1_BRACKETS", "The bracketed form is broken.", "Write each application identifier as (AI) and put a backslash before a bracket in a value."}
	ErrKey           = &Error{"GS1_KEY", "A key cannot be built from these parts.", "Check company prefix, extension digit and serial number of the site."}
	ErrEPCHex        = &Error{"GS1_EPC_HEX", "This is no content of an RFID tag: hexadecimal digits are wanted, at most 496 bits.", "Check the settings of the RFID reader."}
	ErrEPC           = &Error{"GS1_EPC", "An EPC breaks the rules of its scheme.", "The tag is encoded wrongly, or it is not a GS1 tag: replace it."}
)

// Faults lists every error of this package, for the table of faults.
func Faults() []Error {
	all := []*Error{
		ErrEmpty, ErrIdentifier, ErrUnknownAI, ErrEmptyValue, ErrLength, ErrSeparatorLost, ErrSeparator,
		ErrCharset, ErrCheckDigit, ErrDate, ErrContent, ErrRepeated, ErrBrackets, ErrKey,
		ErrEPCHex, ErrEPC,
	}
	out := make([]Error, len(all))
	for i, e := range all {
		out[i] = *e
	}
	return out
}
