package config

import (
	"cmp"
	"fmt"
	"reflect"
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
	CodeAnchor     = "CFG_ANCHOR"
	CodeMore       = "CFG_MORE"
	CodeUnstable   = "CFG_UNSTABLE_PORT"
	CodeSecret     = "CFG_SECRET_OPEN"
	CodeNoFile     = "CFG_NO_FILE"
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
		{CodeAnchor, "The file uses an anchor, an alias, a merge key or a tag of YAML.", "Write the values out where they are used."},
		{CodeMore, "There are more problems than are shown.", "Mend those above, then check again."},
		{CodeUnstable, "A device is named by the number it got at boot, which may be that of another device after the next one.", "Use the link of `tote devices list` below /dev/serial/by-id or by-path, or a rule of `tote devices udev`."},
		{CodeSecret, "A file with a secret can be read by every user of the machine.", "chmod o-rwx FILE, and change the secret if others work on this machine."},
		{CodeNoFile, "A file that the configuration names is not on this machine.", "Put it there, or correct the path; on another machine than the gateway this is to be expected."},
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
	// Cause and Action are those of the table, or nearer to the case.
	Cause  string `json:"cause,omitempty"`
	Action string `json:"action,omitempty"`
	// Warning: it is allowed, and unwise.
	Warning bool `json:"warning,omitempty"`
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
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	fmt.Fprintf(&b, "%s: ", p.Code)
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
	if p.Action != "" {
		b.WriteString("\n      what to do: " + p.Action)
	}
	return b.String()
}

// whole has its cause, and the action of the table when there is no nearer one.
func (p Problem) whole() Problem {
	if p.Code == CodeValue && p.Action == "" {
		p.Action = asExample(p.Path)
	}
	for _, f := range Faults() {
		if f.Code == p.Code {
			p.Cause, p.Action = f.Cause, cmp.Or(p.Action, f.Action)
		}
	}
	return p
}

// Problems is everything wrong in a file, in the order of the lines.
type Problems []Problem

// asExample says how a value of a key looks, "" when there is no short example.
func asExample(path string) string {
	f, ok := fieldAt(path)
	if !ok || f.Type.Kind() != reflect.String || f.Tag.Get("example")+f.Tag.Get("default") == "" {
		return ""
	}
	return "Write it as in " + keyOf(f) + ": " + scalar(f.Type, f.Tag) + "; docs/config.md tells what else it may be."
}

// whole are all of them [Problem.whole].
func (ps Problems) whole() Problems {
	for i := range ps {
		ps[i] = ps[i].whole()
	}
	return ps
}

// Error joins all problems.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
