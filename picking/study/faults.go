package study

import (
	"errors"

	"tote/picking/batch"
	"tote/picking/instance"
)

// Codes of problems that cannot be planned.
const (
	CodeFile    = "PLN-101"
	CodeTooMuch = "PLN-102"
)

// Fault explains a code.
type Fault struct{ Code, Cause, Action string }

// Faults lists every code of this package.
func Faults() []Fault {
	return []Fault{
		{CodeFile, "The file is no picking problem: it is no JSON, has a key that is not known, or its layout, an order or a line is out of range. The text names the place.", "Correct that place. docs/planning.md has the format; `tote plan --generate` writes an example."},
		{CodeTooMuch, "An order takes more than a whole cart: no plan can hold it.", "Split the order, or plan with the cart it needs."},
	}
}

// Code is the code of an error of planning, "" when it has none.
func Code(err error) string {
	switch {
	case errors.Is(err, batch.ErrTooLarge):
		return CodeTooMuch
	case errors.Is(err, instance.ErrFile), errors.Is(err, batch.ErrProblem):
		return CodeFile
	}
	return ""
}
