package gs1

import "tote/gs1/fault"

// Error is a fault in GS1 data. The exported values are sentinels: test for
// them with errors.Is, show Code, Cause and Action to a person.
type Error = fault.Error

// The faults of this package; those of the packages below are in package fault.
var (
	ErrEmpty         = fault.Empty
	ErrIdentifier    = fault.Identifier
	ErrUnknownAI     = fault.UnknownAI
	ErrEmptyValue    = fault.EmptyValue
	ErrLength        = fault.Length
	ErrSeparatorLost = fault.SeparatorLost
	ErrSeparator     = fault.Separator
	ErrCharset       = fault.Charset
	ErrCheckDigit    = fault.CheckDigit
	ErrDate          = fault.Date
	ErrContent       = fault.Content
	ErrRepeated      = fault.Repeated
	ErrBrackets      = fault.Brackets
	ErrKey           = fault.Key
	ErrEPCHex        = fault.EPCHex
	ErrEPC           = fault.EPC
)

// Faults lists every error of this package and those below, for the table of
// faults.
func Faults() []Error { return fault.All() }
