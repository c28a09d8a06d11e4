// Package sitemodel is the site as files: its rules in site.yaml, its items, bins and
// workers in CSV files. It reads and writes such folders, says how they differ from
// what a site holds and what of that is refused, and cuts the differences into the
// commands that bring them in (warehouse, sitemodel.go). It decides nothing that the
// state machine does not decide again. No goroutine; I/O only in ReadDir and WriteDir.
package sitemodel

import "fmt"

// Codes of problems in the files of a model. Those of CSV files are intake's.
const (
	CodeRead    = "SIT-101"
	CodeSyntax  = "SIT-102"
	CodeUnknown = "SIT-103"
	CodeType    = "SIT-104"
	CodeTwice   = "SIT-105"
	CodeRule    = "SIT-106"
	CodeTooMany = "SIT-107"
	CodeOlder   = "SIT-108"
)

// Fault explains a code.
type Fault struct{ Code, Cause, Action string }

// Faults lists every code of this package.
func Faults() []Fault {
	return []Fault{
		{CodeRead, "A folder or file of a site model cannot be read or written, or is no file of a model.", "Check the path. A model is site.yaml (or site.json), items.csv, bins.csv and workers.csv in one folder; tote site export writes one."},
		{CodeSyntax, "site.yaml is not one YAML document.", "Correct the indentation or quoting at the line given."},
		{CodeUnknown, "A key of site.yaml is not known; a misspelled one would otherwise be ignored in silence.", "Correct its spelling, or remove it; docs/site-model.md lists all keys."},
		{CodeType, "A value of site.yaml has the wrong kind, such as a text where a number belongs.", "Write the kind of value the text names."},
		{CodeTwice, "A key of site.yaml stands twice.", "Remove one of the two."},
		{CodeRule, "The site model contradicts the rules of the site or itself. Nothing was changed.", "Mend the named line. Lines are of your files; what stands in none of them is in the site and not in the files."},
		{CodeTooMany, "The site model removes or changes more at once than can be done in one step. Nothing was changed.", "Do it in several: take a part of it into the files, apply, and go on with the next part."},
		{CodeOlder, "An item in the files has a lower revision than the one the site has from the catalogue of the OMS.", "Export the items anew, or leave the column revision empty: then what you write holds."},
	}
}

// Problem is one thing wrong with a model, or odd about it.
type Problem struct {
	Code   string `json:"code"`
	File   string `json:"file,omitempty"`   // "" = it stands in no file
	Line   int    `json:"line,omitempty"`   // 1-based; 0 = not known
	Column int    `json:"column,omitempty"` // of site.yaml, 1-based
	Field  string `json:"field,omitempty"`  // key or CSV column
	ID     string `json:"id,omitempty"`     // of what it is about, as "bin A-01"
	Text   string `json:"text"`
}

// String renders the problem for a terminal: file, line and column first, as editors
// know them.
func (p Problem) String() string {
	at := ""
	if p.File != "" {
		at = p.File
		if p.Line > 0 {
			at += fmt.Sprintf(":%d", p.Line)
		}
		if p.Column > 0 {
			at += fmt.Sprintf(":%d", p.Column)
		}
		at += ": "
	}
	at += p.Code + ": "
	if p.ID != "" {
		at += p.ID + ": "
	}
	if p.Field != "" {
		at += p.Field + ": "
	}
	return at + p.Text
}
