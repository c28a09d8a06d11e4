package health

import (
	"errors"
	"regexp"
	"strings"

	"tote/agent/config"
)

// Explained is an error with what a person does about it.
type Explained struct {
	Fault Fault
	Err   error
}

func (e *Explained) Error() string { return e.Err.Error() + "\nwhat to do: " + e.Fault.Action }

func (e *Explained) Unwrap() error { return e.Err }

// coded finds what may be a code in a text. Codes of one plain word are not
// looked for: they may be words.
var coded = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)+\b`)

// Explain adds the action of the first code that err names. An error that names
// none, or was explained before, stays as it is.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Explained](err); ok {
		return err
	}
	if _, ok := errors.AsType[config.Problems](err); ok {
		return err // each of them says what to do
	}
	for _, code := range coded.FindAllString(err.Error(), -1) {
		if f, ok := Find(code); ok {
			return &Explained{f, err}
		}
	}
	return err
}

// ExplainAt is Explain of what befell that gateway itself: where the action names
// a gateway to replace, it is this one.
func ExplainAt(gateway string, err error) error {
	err = Explain(err)
	if e, ok := errors.AsType[*Explained](err); ok {
		e.Fault.Action = strings.ReplaceAll(e.Fault.Action, "`tote cluster replace NAME`", "`tote cluster replace "+gateway+"`")
	}
	return err
}

// Find is the row of a code.
func Find(code string) (Fault, bool) {
	for _, g := range Groups() {
		for _, f := range g.Faults {
			if f.Code == code {
				return f, true
			}
		}
	}
	return Fault{}, false
}
