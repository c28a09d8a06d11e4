package repotest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the wanted findings of the fixtures")

// TestFixtures shows each check a bad tree. The fixture NAME.txtar or
// NAME-more.txtar belongs to the check NAME; its file "want" lists the
// findings, sorted.
func TestFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/fixtures/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]bool{} // checks that were seen to find something
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".txtar")
		i := slices.IndexFunc(checks, func(c struct {
			name string
			run  func(*Tree) []Finding
		},
		) bool {
			return base == c.name || strings.HasPrefix(base, c.name+"-")
		})
		if i < 0 {
			t.Errorf("%s belongs to no check", name)
			continue
		}
		t.Run(base, func(t *testing.T) {
			files, want := fixture(t, name)
			tree, err := Load(files, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range checks[i].run(tree) {
				got = append(got, f.String())
			}
			slices.Sort(got)
			slices.Sort(want)
			if len(got) > 0 {
				failed[checks[i].name] = true
			}
			if *update {
				rewrite(t, name, got)
				return
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
	for _, c := range checks {
		if !failed[c.name] {
			t.Errorf("no fixture shows that %s can fail", c.name)
		}
	}
}

// fixture reads a tree from one file in the txtar form: a line "-- NAME --"
// begins the file NAME; what stands before the first is a remark.
func fixture(t *testing.T, name string) (files fstest.MapFS, want []string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files = fstest.MapFS{}
	var file *fstest.MapFile
	inWant := false
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(path, " --\n") {
			path = strings.TrimSuffix(path, " --\n")
			file = &fstest.MapFile{}
			if inWant = path == "want"; !inWant {
				files[path] = file
			}
		} else if inWant {
			want = append(want, strings.TrimSuffix(line, "\n"))
		} else if file != nil {
			file.Data = append(file.Data, line...)
		}
	}
	return files, want
}

// rewrite puts the findings in the place of the wanted ones.
func rewrite(t *testing.T, name string, got []string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(data), "-- want --\n")
	out := head + "-- want --\n" + strings.Join(got, "\n")
	if len(got) > 0 {
		out += "\n"
	}
	if err := os.WriteFile(name, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoadNamesABrokenFile(t *testing.T) {
	_, err := Load(fstest.MapFS{"agent/a.go": {Data: []byte("package agent\nfunc {")}}, nil)
	if err == nil || !strings.Contains(err.Error(), "agent/a.go:2") {
		t.Errorf("error %v does not name the file and line", err)
	}
}

func TestLoadLeavesOut(t *testing.T) {
	bad := &fstest.MapFile{Data: []byte("not Go")}
	tree, err := Load(fstest.MapFS{
		"bin/a.go":                &fstest.MapFile{Data: []byte("not Go")},
		"web/node_modules/x/a.go": bad,
		"demo-run-17/a.go":        bad,
		"agent/testdata/a.go":     bad,
		"agent/ignored.go":        bad,
		"agent/image.png":         {Data: []byte("\x89PNG\x00")},
		"agent/a.go":              {Data: []byte("package agent\n")},
	}, func(name string) bool { return name != "agent/ignored.go" })
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) != 1 || len(tree.Packages[0].Files) != 1 {
		t.Errorf("packages %+v, want agent with one file", tree.Packages)
	}
	var texts []string
	for name := range tree.Texts {
		texts = append(texts, name)
	}
	slices.Sort(texts)
	if d := cmp.Diff([]string{"agent/a.go", "agent/testdata/a.go"}, texts); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"v4.9.3", "v4.9.4", true},
		{"v4.9.4", "v4.9.4", false},
		{"v4.9.10", "v4.9.4", false},
		{"v4.10.0", "v4.9.4", false},
		{"v3.99.0", "v4.9.4", true},
		{"v4.9.4-0.20250101000000-abcdef", "v4.9.4", false},
		{"main", "v4.9.4", true},
	} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("older(%s, %s) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// TestModuleOf: of nested modules the inner one holds the package.
func TestModuleOf(t *testing.T) {
	m := parseModule([]byte("require (\n\ta.example/m v1.0.0\n\ta.example/m/sub v1.0.0\n\ta.example/m/sub/v2 v2.0.0\n)\n"))
	for path, want := range map[string]string{
		"a.example/m/x":        "a.example/m",
		"a.example/m/sub":      "a.example/m/sub",
		"a.example/m/sub/v2/x": "a.example/m/sub/v2",
		"a.example/m/subway":   "a.example/m",
		"a.example/mm":         "",
	} {
		for range 50 { // the modules are in a map
			if got := m.of(path); got != want {
				t.Errorf("%s is in %q, want %q", path, got, want)
				break
			}
		}
	}
}
