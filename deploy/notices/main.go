// Command notices writes THIRD_PARTY_NOTICES: the licence texts of every module that
// is in the program, on any of the machines it is built for, and of Go itself. The
// texts are those of the module cache, so they are of the very versions go.mod names.
// `make notices` runs it; a test holds the file against it.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	text, err := notices(context.Background(), ".")
	if err == nil {
		err = os.WriteFile("THIRD_PARTY_NOTICES", text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// module is what `go list` says of one.
type module struct {
	Path, Version, Dir string
	Main               bool
}

const head = `Third-party notices of Tote
===========================

The program tote contains the modules below, unchanged. The source code of each, of
exactly the version named, can be had from the Go module proxy and from the address
that is the module's name: "go mod download NAME@VERSION" fetches it. That is also
where the source code of the parts under the Mozilla Public License 2.0 and the
Eclipse Public License 2.0 is available.

`

// notices is the whole file for the repository at root.
func notices(ctx context.Context, root string) ([]byte, error) {
	modules, err := inProgram(ctx, root)
	if err != nil {
		return nil, err
	}
	goroot, err := output(ctx, root, nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	modules = append(modules, module{Path: "the Go standard library and runtime", Dir: strings.TrimSpace(string(goroot))})
	var b bytes.Buffer
	b.WriteString(head)
	for _, m := range modules {
		b.WriteString(strings.TrimRight("  "+m.Path+" "+m.Version, " ") + "\n")
	}
	for _, m := range modules {
		files, err := licences(m.Dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(filepath.Join(m.Dir, name))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n%s\n%s %s: %s\n%[1]s\n\n", strings.Repeat("-", 80), m.Path, m.Version, name)
			b.Write(tidy(text))
		}
	}
	return b.Bytes(), nil
}

// inProgram lists the modules of ./cmd/tote on all machines, sorted.
func inProgram(ctx context.Context, root string) ([]module, error) {
	found := map[string]module{}
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		out, err := output(ctx, root, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}, "list", "-deps", "-json=Module", "./cmd/tote")
		if err != nil {
			return nil, err
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct{ Module *module }
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module != nil && !p.Module.Main {
				found[p.Module.Path] = *p.Module
			}
		}
	}
	var list []module
	for _, m := range found {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

func output(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("go %s: %s", args[0], e.Stderr)
	}
	return out, err
}

var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|edl|epl)([-._].*)?$`)

// licences are the names of the texts a module brings; none at all is an error.
func licences(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list {
		if e.Type().IsRegular() && licence.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, errors.New("there is no licence text in it")
	}
	return names, nil
}

// tidy gives all texts the same line ends, and one at the end.
func tidy(text []byte) []byte {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	return []byte(strings.Trim(strings.Join(lines, "\n"), "\n") + "\n")
}
