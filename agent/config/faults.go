package config

import (
	"fmt"
	"strings"
)

// Codes of problems in a configuration file.
const (
	CodeRead       = "CFG_READ"
	CodeSyntax     = "CFG_SYNTAX"
	CodeUnknownKey = "CFG_UNKNOWN_KEY"
	CodeType       = "CFG_TYPE"
	CodeVersion    = "CFG_VERSION"
	CodeMissing    = "CFG_MISSING"
	CodeID         = "CFG_ID"
	CodeValue      = "CFG_VALUE"
	CodeTwice      = "CFG_TWICE"
	CodeSamePort   = "CFG_SAME_PORT"
	CodePlain      = "CFG_PLAIN_LISTENER"
	CodeDriver     = "CFG_DRIVER"
	CodeNoStore    = "CFG_NO_STORE"
)

// Fault explains a code.
type Fault struct{ Code, Cause, Action string }

// Faults lists every code of this package.
func Faults() []Fault {
	return []Fault{
		{CodeRead, "A file cannot be read.", "Check the path and who may read it."},
		{CodeSyntax, "The file is not one YAML document.", "Correct the indentation or quoting at the line given."},
		{CodeUnknownKey, "A key is not known.", "Correct its spelling, or remove it; docs/config.md lists all keys."},
		{CodeType, "A value has the wrong kind, such as a text where a number belongs.", "Write the kind of value docs/config.md names."},
		{CodeVersion, "config_version is not one this program reads.", "Write config_version: 1, or install the program that fits the file."},
		{CodeMissing, "A key that must be there is missing or empty.", "Add it; config.example.yaml shows how."},
		{CodeID, "An id has characters that cannot be part of a topic.", "Use 1 to 64 of the letters A-Z and a-z, digits, dot, dash and underscore."},
		{CodeValue, "A value is out of range or not one of those allowed.", "Use a value docs/config.md allows."},
		{CodeTwice, "An id, address or key is there twice.", "Give each its own."},
		{CodeSamePort, "Two devices use the same serial line or network address.", "Correct the path of one of them."},
		{CodePlain, "A listener without TLS could be reached from the network.", "Write `tls: {}` (MQTT) or `http.https` for a certificate of the site (`tote site init` makes its authority), or listen on 127.0.0.1. docs/security.md says what `insecure: true` costs."},
		{CodeDriver, "There is no driver of this name for this kind of device.", "Use a name of `tote devices drivers`."},
		{CodeNoStore, "A 32-bit machine was asked to keep a store, which would lose data in silence there.", "Write store: none (the gateway is then a satellite and needs others with a store), or run it on arm64 or amd64."},
	}
}

// Problem is one thing wrong in a file.
type Problem struct {
	Code   string `json:"code"`
	File   string `json:"file"`
	Path   string `json:"path"`           // key, such as stations[0].scale.serial.baud
	Line   int    `json:"line,omitempty"` // 1-based; 0 = not known
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`           // what is wrong, one sentence
	Near   string `json:"near,omitempty"` // the right name that is nearest, for an unknown key
	// Excerpt shows the line, with a mark below the column.
	Excerpt string `json:"excerpt,omitempty"`
}

// Error renders the problem for a terminal.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	fmt.Fprintf(&b, ": %s: ", p.Code)
	if p.Path != "" {
		fmt.Fprintf(&b, "%s: ", p.Path)
	}
	b.WriteString(p.Text)
	if p.Near != "" {
		fmt.Fprintf(&b, "; did you mean %s?", p.Near)
	}
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	return b.String()
}

// Problems is everything wrong in a file, in the order of the lines.
type Problems []Problem

// Error joins all problems.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
