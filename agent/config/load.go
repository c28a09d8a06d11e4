package config

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads and validates a file. The error is a [Problems].
func Load(path string) (*Config, error) {
	cfg, _, err := LoadWarned(path)
	return cfg, err
}

// LoadWarned is Load with what is allowed and unwise; see [Problem.Warning].
func LoadWarned(path string) (cfg *Config, warnings Problems, err error) {
	data, err := readFile(path)
	if err != nil {
		p := Problem{Code: CodeRead, File: path, Text: err.Error()}
		if errors.Is(err, fs.ErrPermission) {
			p.Action = "Run the command as root or as the user tote."
		}
		return nil, nil, Problems{p.whole()}
	}
	return parseWarned(path, data)
}

// readFile reads what may be a configuration, and no more of it than that: the
// path may name a device that never ends.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d bytes: that is no configuration", maxFile)
	}
	return data, err
}

// Parse validates data, which came from the named file. Defaults are filled
// in. The error is a [Problems].
func Parse(file string, data []byte) (*Config, error) {
	cfg, _, err := parseWarned(file, data)
	return cfg, err
}

func parseWarned(file string, data []byte) (*Config, Problems, error) {
	cfg := new(Config)
	src, wrong := parse(file, data, cfg)
	if src == nil {
		return nil, nil, wrong.whole()
	}
	fill(reflect.ValueOf(cfg).Elem())
	// What follows from a mistake of the form is no mistake of its own.
	for _, p := range validate(cfg, src) {
		if !src.doubted(p) {
			wrong = append(wrong, p)
		}
	}
	if len(wrong) > 0 {
		return nil, nil, bounded(wrong).whole()
	}
	return cfg, bounded(warnings(cfg, src)).whole(), nil
}

// doubted: the problem is at, above or below a key that could not be read, or at
// one that is probably there under another name.
func (s *source) doubted(p Problem) bool {
	near := func(path string) bool {
		return p.Path == path || strings.HasPrefix(p.Path, path+".") || strings.HasPrefix(p.Path, path+"[")
	}
	for _, w := range s.wrong {
		if w.Path == "" {
			return true // nothing was read
		}
		parent := w.Path[:max(strings.LastIndexByte(w.Path, '.'), 0)]
		if near(w.Path) || w.Near != "" && near(join(parent, w.Near)) {
			return true
		}
		if p.Code == CodeMissing && w.Code == CodeUnknownKey && lastKey(w.Path) == lastKey(p.Path) {
			return true // it stands in another section
		}
		if p.Code == CodeMissing && strings.HasPrefix(w.Path, p.Path+".") { // "one of serial and tcp must be given"
			return true
		}
	}
	return slices.ContainsFunc(s.guessed, near)
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// Validate checks a configuration that did not come from a file. Defaults are
// filled in.
func (c *Config) Validate() error {
	fill(reflect.ValueOf(c).Elem())
	if ps := validate(c, &source{file: "config"}); len(ps) > 0 {
		return bounded(ps).whole()
	}
	return nil
}

// fill sets each field that is zero to the default of its tag.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			fill(f)
			def, ok := v.Type().Field(i).Tag.Lookup("default")
			if !ok || !f.IsZero() {
				continue
			}
			switch f.Kind() {
			case reflect.String:
				f.SetString(def)
			case reflect.Int:
				if n, err := strconv.ParseInt(def, 10, 64); err == nil {
					f.SetInt(n)
				}
			}
		}
	}
}

// HashedToken stands before the SHA-256 of a token, where that is kept instead of it.
const HashedToken = "sha256:"

// hashed tells whether a hash is one.
func hashed(token string) bool {
	sum, err := hex.DecodeString(strings.TrimPrefix(token, HashedToken))
	return err == nil && len(sum) == sha256.Size
}

// LoadTokens reads a tokens file: one line "client-id token" per client, or the hash
// of the token; empty lines and lines with # in front are skipped.
func LoadTokens(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Problems{{Code: CodeRead, File: path, Text: err.Error()}}.whole()
	}
	tokens := map[string]string{}
	var ps Problems
	sc := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// The text of a problem never shows the line: it holds a secret.
		f := strings.Fields(line)
		switch {
		case len(f) != 2:
			ps = append(ps, Problem{Code: CodeSyntax, File: path, Line: n, Column: 1, Text: "want: client-id token"})
		case tokens[f[0]] != "":
			ps = append(ps, Problem{Code: CodeTwice, File: path, Line: n, Column: 1, Text: "second token of " + quote(f[0])})
		case strings.HasPrefix(f[1], HashedToken) && !hashed(f[1]):
			ps = append(ps, Problem{Code: CodeValue, File: path, Line: n, Column: 1, Text: "token of " + quote(f[0]) + ": after " + HashedToken + " want 64 hex digits"})
		case len(f[1]) < 8:
			ps = append(ps, Problem{Code: CodeValue, File: path, Line: n, Column: 1, Text: "token of " + quote(f[0]) + " has less than 8 characters"})
		default:
			tokens[f[0]] = f[1]
		}
	}
	if err := sc.Err(); err != nil {
		ps = append(ps, Problem{Code: CodeRead, File: path, Text: err.Error()})
	}
	if len(ps) > 0 {
		return nil, bounded(ps).whole()
	}
	return tokens, nil
}

// inOrder sorts problems by where they stand.
func inOrder(ps Problems) Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Column < ps[j].Column
	})
	return ps
}
