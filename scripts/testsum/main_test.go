package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRealRun feeds the real output of go test over a small module with every
// kind of end: the event format belongs to the Go release, not to us.
func TestRealRun(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		ok    bool
		want  []string // in this order
		not   []string
	}{
		{
			name: "passes and skips",
			files: map[string]string{
				"a/a_test.go": "package a\nimport \"testing\"\n" +
					"func TestNode(t *testing.T) { t.Skip(\"SKIPPED: no node here\") }\n" +
					"func TestQuiet(t *testing.T) { t.SkipNow() }\n" +
					"func TestGood(t *testing.T) { t.Log(\"chatter\") }\n",
				"b/b.go": "package b\n",
			},
			ok: true,
			want: []string{
				`ok +m/a `, `SKIP +m/a\.TestNode: a_test\.go:3: SKIPPED: no node here`,
				`SKIP +m/a\.TestQuiet: no reason given`, `tests: 3 in 1 packages, 0 failed, 2 skipped`,
			},
			not: []string{"chatter", "m/b"},
		},
		{
			name: "fails, panics, does not build",
			files: map[string]string{
				"a/a_test.go": "package a\nimport \"testing\"\n" +
					"func TestBad(t *testing.T) { t.Error(\"seven is not eight\") }\n" +
					"func TestGood(t *testing.T) { t.Log(\"chatter\") }\n",
				"b/b_test.go": "package b\nimport \"testing\"\nfunc TestPanic(t *testing.T) { panic(\"boom\") }\n",
				"c/c_test.go": "package c\nfunc f() int { return \"x\" }\n",
				"d/d_test.go": "package d\nimport (\n\"os\"\n\"testing\"\n)\nfunc TestExit(t *testing.T) { os.Exit(3) }\n",
			},
			want: []string{
				`FAIL +m/a `, `seven is not eight`, `FAIL +m/b `, `boom`, `FAIL +m/c `, `cannot use "x"`,
				`FAIL +m/d `, `failed: m/a\.TestBad`, `failed: m/c`, `failed: m/d`,
			},
			not: []string{"chatter"},
		},
		{
			name:  "nothing to run",
			files: map[string]string{"b/b.go": "package b\n"},
			want:  []string{"failed: nothing ran"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.files["go.mod"] = "module m\n\ngo 1.26\n"
			for name, text := range c.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("go", "test", "-json", "-p", "1", "./...")
			cmd.Dir = dir
			// vet would report some of the broken tests in its own words.
			cmd.Env = append(os.Environ(), "GOFLAGS=-vet=off", "GOWORK=off")
			events, _ := cmd.Output() // its exit code is not what is tested
			var out strings.Builder
			ok, err := summarise(strings.NewReader(string(events)), &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok != c.ok {
				t.Errorf("ok = %v, want %v", ok, c.ok)
			}
			rest := out.String()
			for _, w := range c.want {
				at := regexp.MustCompile(w).FindStringIndex(rest)
				if at == nil {
					t.Fatalf("no %q (in this order) in:\n%s", w, out.String())
				}
				rest = rest[at[1]:]
			}
			for _, n := range c.not {
				if strings.Contains(out.String(), n) {
					t.Errorf("%q is noise in:\n%s", n, out.String())
				}
			}
		})
	}
}

func TestOddInput(t *testing.T) {
	var out strings.Builder
	if ok, err := summarise(strings.NewReader("go: no such file\n"), &out); ok || err != nil {
		t.Errorf("plain words: ok=%v err=%v, want not ok and no error", ok, err)
	}
	if !strings.Contains(out.String(), "go: no such file") {
		t.Errorf("go's own words are lost: %s", out.String())
	}
	if ok, err := summarise(strings.NewReader("{\"Action\":\n"), &out); ok || err == nil {
		t.Errorf("half an event: ok=%v err=%v, want an error", ok, err)
	}
}
