package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/config"
)

// TestWhatPeopleWrite: each file of testdata/malformed is a mistake somebody makes.
// The golden beside it is what tote validate says of it, word for word: read it as
// an engineer would who was woken for it.
func TestWhatPeopleWrite(t *testing.T) {
	files, err := filepath.Glob("testdata/malformed/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	open := filepath.Join(t.TempDir(), "oms.token")
	if err := os.WriteFile(open, []byte("geheim1234\n"), 0o644); err != nil { //nolint:gosec // it is the mistake
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	numbers := map[string]string{}
	for _, file := range files {
		name := filepath.Base(file)
		number, _, _ := strings.Cut(name, "-")
		if other, twice := numbers[number]; twice {
			t.Errorf("%s and %s have one number", name, other)
		}
		numbers[number] = name
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "agent.yaml")
			if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("/SECRET"), []byte(open)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, warnings, err := config.LoadWarned(path)
			var ps config.Problems
			_ = errors.As(err, &ps)
			for _, p := range append(ps, warnings...) {
				helpful(t, p)
			}
			got := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprintln(tell(ps, warnings)), open, "/SECRET"), filepath.Dir(path), "/etc/tote")
			for _, secret := range []string{"geheim", "8f31c2"} {
				if strings.Contains(got, secret) {
					t.Errorf("a secret is shown: %s", got)
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			// What the name promises.
			switch {
			case strings.Contains(name, "-good-") && (len(ps) > 0 || len(warnings) > 0):
				t.Errorf("%v %v", ps, warnings)
			case strings.Contains(name, "-warn-") && (len(ps) > 0 || len(warnings) != 1):
				t.Errorf("%v %v", ps, warnings)
			case !strings.Contains(name, "-good-") && !strings.Contains(name, "-warn-") && len(ps) == 0:
				t.Error("taken")
			}
		})
	}
}

func tell(ps, warnings config.Problems) string {
	if len(ps)+len(warnings) == 0 {
		return "good"
	}
	return append(ps, warnings...).Error()
}

var placeless = regexp.MustCompile(`empty|behind line|must be given|UTF-16`)

// helpful: a problem has its place, what is wrong, and what to do.
func helpful(t *testing.T, p config.Problem) {
	t.Helper()
	if p.Text == "" || p.Cause == "" || !strings.HasSuffix(p.Action, ".") {
		t.Errorf("not whole: %+v", p)
	}
	if (p.Line == 0 || p.Column == 0 || p.Excerpt == "") && !placeless.MatchString(p.Text) {
		t.Errorf("no place: %+v", p)
	}
	if p.Excerpt == "" {
		return
	}
	// The mark stands below a character of the line.
	line, mark, ok := strings.Cut(p.Excerpt, "\n")
	if at := strings.IndexByte(mark, '^'); !ok || at < 0 || len([]rune(line)) < at {
		t.Errorf("the mark is off:\n%s", p.Excerpt)
	}
}

// A file that is no configuration at all costs nothing: its size is bounded before
// it is parsed, and a device that never ends is no exception.
func TestHuge(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("site: a\n"), 10<<20/8), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{big, "/dev/zero", t.TempDir(), "/nonexistent/x.yaml"} {
		_, err := config.Load(path)
		var ps config.Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Code != config.CodeRead || ps[0].Action == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What fits into the bound is read in reasonable time, however it is made.
func TestHostile(t *testing.T) {
	for name, text := range map[string]string{
		"brackets":  strings.Repeat("[", 1<<17),
		"dashes":    strings.Repeat("- ", 1<<17),
		"many keys": strings.Repeat("k: x\n", 5000),
		"one line":  "site: " + strings.Repeat("x", 1<<17),
		"questions": strings.Repeat("? ", 1<<13),
		"colons":    strings.Repeat("a: ", 1<<13),
		"quotes":    strings.Repeat("\"", 1<<13),
		"anchors":   strings.Repeat("&a ", 1<<13),
	} {
		_, err := config.Parse("f", []byte(text))
		var ps config.Problems
		if !errors.As(err, &ps) || len(ps) > 21 || len(err.Error()) > 64<<10 {
			t.Errorf("%s: %d problems, %.200v", name, len(ps), err)
		}
	}
}
