package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// maxNest bounds how deep values may stand in each other; the deepest of a
// configuration is 6.
const maxNest = 64

var (
	byteOrder = []byte("\ufeff")
	wide      = [][]byte{{0xff, 0xfe}, {0xfe, 0xff}} // UTF-16
)

// text makes the file what the parser takes: UTF-8 with bare line ends. A byte
// order mark and the line ends of Windows are taken quietly: people cannot see
// them.
func (s *source) text(data []byte) ([]byte, Problems) {
	for _, mark := range wide {
		if bytes.HasPrefix(data, mark) {
			return nil, Problems{{Code: CodeRead, File: s.file, Line: 1, Column: 1, Text: "the file is UTF-16", Action: "Save it as UTF-8 (in Notepad: Save as, Encoding UTF-8)."}}
		}
	}
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, byteOrder), []byte("\r\n"), []byte("\n"))
	s.lines = strings.Split(string(data), "\n")
	for i, line := range s.lines {
		if p := s.characters(i+1, line); p != nil {
			return nil, Problems{*p}
		}
	}
	if n := nested(data); n > 0 {
		p := Problem{Code: CodeSyntax, File: s.file, Line: n, Column: 1, Excerpt: excerpt(s.lines[n-1], n, 1), Text: fmt.Sprintf("values stand in each other more than %d deep", maxNest)}
		p.Action = "Remove the brackets or dashes that are too many."
		return nil, Problems{p}
	}
	return data, nil
}

// characters finds what is no text.
func (s *source) characters(n int, line string) *Problem {
	column := 0
	for i, r := range line {
		column++
		_, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &Problem{
				Code: CodeRead, File: s.file, Line: n, Column: column, Text: fmt.Sprintf("byte 0x%02x is not UTF-8", line[i]),
				Action: "Save the file as UTF-8; the character is one of another encoding, as ISO 8859-1.", Excerpt: excerpt(strings.ToValidUTF8(line, "?"), n, column),
			}
		case unicode.IsControl(r) && r != '\t':
			return &Problem{
				Code: CodeRead, File: s.file, Line: n, Column: column, Text: fmt.Sprintf("control character 0x%02x", r),
				Action: "The file is damaged, as by a power cut, or no text: bring back a copy of it.", Excerpt: excerpt(strings.Map(visible, line), n, column),
			}
		}
	}
	return nil
}

func visible(r rune) rune {
	if unicode.IsControl(r) {
		return '?'
	}
	return r
}

// nested is the line in which values stand in each other too deep, 0 = none. It
// reads no YAML: a parser that recurses must not be asked first.
func nested(data []byte) int {
	depth := 0
	for i, l := range bytes.Split(data, []byte("\n")) {
		trimmed := bytes.TrimLeft(l, " -?")
		if bytes.HasPrefix(trimmed, []byte("#")) {
			continue
		}
		if dashes := bytes.Count(l[:len(l)-len(trimmed)], []byte("- ")); dashes > maxNest {
			return i + 1
		}
		for _, c := range trimmed {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			}
			if depth > maxNest {
				return i + 1
			}
		}
	}
	return 0
}

// Lines that people write and YAML does not take. Each is looked for in the line
// of the error and the ones before it: a parser often notices late.
var slips = []struct {
	form   *regexp.Regexp
	at     int // group of form with the place, 0 = its beginning
	text   string
	action string
}{
	{regexp.MustCompile(`^ *(\t)`), 1, "a tab stands in the indentation", "Indent with spaces, two for each level."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+:\s+([@%` + "`" + `])`), 1, "a value begins with a character that YAML keeps for itself", "Put the value in quotes."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+:\s+(")[^"]*$`), 1, "a quote is opened and not closed", "Close it at the end of the value."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+:\s+(')[^']*$`), 1, "a quote is opened and not closed", "Close it at the end of the value."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+:\s+("[^"]*\\[^0abtnvfre "/\\N_LPxuU])`), 1, "in double quotes a backslash begins an escape, and this is none", "Put the value in single quotes, or double the backslash."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+(:)[^\s:/"']`), 1, "there is no space behind the colon", "Put a space behind the colon of the key."},
	{regexp.MustCompile(`^\s*(-)[A-Za-z_]+:(?:\s|$)`), 1, "there is no space behind the dash", "Put a space behind the dash."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+\s*(=)`), 1, "a key is followed by =", "Write a colon and a space behind the key."},
	{regexp.MustCompile(`^\s*(?:- +)?[a-z_]+( +)[^\s:#]+$`), 1, "a key has no colon", "Write a colon and a space behind the key."},
	{regexp.MustCompile(`^\s*(?:- +)?[A-Za-z_]+: +[^"'\[{#\s][^#]*?(: )`), 1, "a value has a colon followed by a space", "Put the value in quotes, or each key on a line of its own."},
}

// looked is how many lines above the one of the error are searched for slips.
const looked = 3

// yamlProblem turns the parser's error into a problem.
func (s *source) yamlProblem(err error) Problems {
	var ye yaml.Error
	if !errors.As(err, &ye) || ye.GetToken() == nil {
		return Problems{{Code: CodeSyntax, File: s.file, Text: err.Error()}}
	}
	p := s.at(ye.GetToken(), CodeSyntax, "", plainly(ye.GetMessage()))
	for n := p.Line; n >= max(p.Line-looked, 1) && n <= len(s.lines); n-- {
		line := s.lines[n-1]
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, slip := range slips {
			at := slip.form.FindStringSubmatchIndex(line)
			if at == nil {
				continue
			}
			p.Line, p.Column = n, utf8.RuneCountInString(line[:at[2*slip.at]])+1
			p.Text, p.Action, p.Excerpt = slip.text, slip.action, excerpt(line, n, p.Column)
			return Problems{p}
		}
	}
	if n := p.Line + 1; n <= len(s.lines) && indent(s.lines[n-1]) > indent(s.lines[p.Line-1]) && !strings.HasSuffix(s.lines[p.Line-1], ":") {
		// The parser takes the line below for more of the value.
		p.Line, p.Column = n, indent(s.lines[n-1])+1
		p.Text, p.Excerpt = "this line is indented more than the one above, which has a value already", excerpt(s.lines[n-1], n, p.Column)
	}
	p.Action = "Look at the indentation of this line and the one above: keys of one section begin in one column."
	if open := s.opened(p.Line); open > 0 {
		p.Line, p.Column = open, strings.IndexAny(s.lines[open-1], "[{")+1
		p.Text, p.Action, p.Excerpt = "a bracket is opened and not closed", "Close it.", excerpt(s.lines[open-1], open, p.Column)
	}
	return Problems{p}
}

// indent is how many spaces a line begins with.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// opened is the last line up to n with more brackets opened than closed, 0 = none.
func (s *source) opened(n int) int {
	for n = min(n, len(s.lines)); n > 0; n-- {
		line, _, _ := strings.Cut(s.lines[n-1], "#")
		if strings.Count(line, "[")+strings.Count(line, "{") > strings.Count(line, "]")+strings.Count(line, "}") {
			return n
		}
	}
	return 0
}

// plainly are messages of the parser in words of people.
func plainly(message string) string {
	for _, m := range []struct{ has, say string }{
		{"non-map value is specified", "this line is no key with a colon and a value"},
		{"unexpected key name", "this line is no key with a colon and a value"},
		{"value is not allowed in this context", "this does not belong to the line above: its indentation fits nothing"},
		{"could not find end character", "a quote or bracket is opened and not closed"},
		{"sequence was used where mapping is expected", "an item of a list stands among keys"},
		{"mapping was used where", "a key stands among the items of a list"},
	} {
		if strings.Contains(message, m.has) {
			return m.say
		}
	}
	return message
}

// excerpt shows a line with a mark below the column, and no secret of it.
func excerpt(line string, n, column int) string {
	line = masked(strings.TrimRight(line, "\r"))
	runes := []rune(line)
	from := 0
	if column > 100 {
		from = min(column-60, len(runes))
	}
	short := string(runes[from:])
	if len(runes)-from > 120 {
		short = string(runes[from:from+120]) + "…"
	}
	lead := ""
	if from > 0 {
		lead = "…"
	}
	// A tab stays one below, so that the mark stands right on every screen.
	mark := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(runes[from:min(max(column-1, from), len(runes))]))
	mark += strings.Repeat(" ", max(0, column-1-len(runes)))
	return fmt.Sprintf("%5d | %s%s\n      | %s%s^", n, lead, short, strings.Repeat(" ", utf8.RuneCountInString(lead)), mark)
}

var (
	// secretLine is a key that says it holds a secret itself, not where one is.
	secretLine = regexp.MustCompile(`(?i)((?:^|[\s{,"'])[a-z_-]*(?:token|secret|passw(?:or)?d|passphrase|credential|api_?key|private_?key|pin|pwd)["']?\s*[:=]\s*)([^\s,}#][^,}#]*)`)
	// userInfo is a password in an address.
	userInfo = regexp.MustCompile(`://[^/\s"'@]+@`)
)

// masked is a line of the file without what may be a secret: what is wrong with a
// configuration goes to the journal and over the shoulder.
func masked(line string) string {
	line = secretLine.ReplaceAllString(line, "${1}***")
	return userInfo.ReplaceAllString(line, "://***@")
}

// secretFor is the key that names a file for what somebody wrote as a secret.
func secretFor(key string, known []string) string {
	key = strings.ToLower(key)
	if strings.HasSuffix(key, "_file") || !secretLine.MatchString(" "+key+": x") {
		return ""
	}
	for _, k := range []string{"token_file", "tokens_file", "secret_file"} {
		if slices.Contains(known, k) {
			return k
		}
	}
	return ""
}

// bounded are the first of many problems: who has mended those reads the rest.
func bounded(ps Problems) Problems {
	ps = inOrder(ps)
	if more := len(ps) - maxProblems; more > 0 {
		last := ps[maxProblems-1]
		ps = append(ps[:maxProblems:maxProblems], Problem{
			Code: CodeMore, File: last.File, Text: fmt.Sprintf("%d more behind line %d", more, cmp.Or(last.Line, 1)),
		})
	}
	return ps
}

// maxProblems of a file are told.
const maxProblems = 20
