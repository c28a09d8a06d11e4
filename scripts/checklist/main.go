// Command checklist shows how much of the order-management checklist is proven.
// It looks for tests that name a row ("row 103" in the name of a subtest, or
// Row103 in the name of a test function), runs them, and counts a row only when
// a test that names it passed in this run. The last line is "NN covered, MM
// open". Its exit code is 1 when a named test failed.
//
// A row is proven "end to end" by a test of a package that talks to an agent
// from outside (MQTT, HTTP, the command line), and "in the domain" by a test of
// the state machine or another library.
package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed rows.tsv
var rowsFile string

// row is one line of the checklist.
type row struct {
	n                        int
	where, feature, evidence string
}

// proof is a test that names rows and how it ended.
type proof struct {
	test, pkg, outcome string // pass, fail, skip
}

// outside are the folders whose tests talk to an agent from outside.
var outside = []string{"agent", "cmd", "demo", "web"}

// elsewhere are the folders whose tests have rows of another table in their
// names (the failure matrix of the replicated store).
var elsewhere = []string{"raftstore", "agent/replica"}

func main() {
	ok, err := run(".", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "checklist:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

func run(root string, out io.Writer) (ok bool, err error) {
	rows, err := readRows(rowsFile)
	if err != nil {
		return false, err
	}
	tests, err := findTests(root)
	if err != nil {
		return false, err
	}
	proofs := map[int][]proof{}
	for _, pkg := range slices.Sorted(keys(tests)) {
		if err := runTests(root, pkg, tests[pkg], proofs); err != nil {
			return false, err
		}
	}
	return report(out, rows, proofs), nil
}

func keys(m map[string][]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func readRows(file string) ([]row, error) {
	var rows []row
	for line := range strings.Lines(file) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("rows.tsv: %q has %d fields, not 4", line, len(f))
		}
		n, err := strconv.Atoi(f[0])
		if err != nil || n != len(rows)+1 {
			return nil, fmt.Errorf("rows.tsv: row %q follows row %d", f[0], len(rows))
		}
		rows = append(rows, row{n, f[1], f[2], f[3]})
	}
	return rows, nil
}

var (
	inFunc    = regexp.MustCompile(`Row(\d+)`)
	inLiteral = regexp.MustCompile(`\brow (\d+)\b`)
	inSubtest = regexp.MustCompile(`(?:^|[/_,(])row_(\d+)(?:[^0-9]|$)`)
)

// findTests lists the test functions that name a row, by package folder.
func findTests(root string) (map[string][]string, error) {
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipDir(root, rel, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && namesRow(fn) {
				tests[dir] = append(tests[dir], fn.Name.Name)
			}
		}
		return nil
	})
	return tests, err
}

func skipDir(root, rel, name string) bool {
	if rel == "." {
		return false
	}
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || rel == "scripts/checklist" {
		return true
	}
	if slices.Contains(elsewhere, filepath.ToSlash(rel)) {
		return true
	}
	_, err := os.Stat(filepath.Join(root, rel, "go.mod")) // another module
	return err == nil
}

func namesRow(fn *ast.FuncDecl) bool {
	found := inFunc.MatchString(fn.Name.Name)
	ast.Inspect(fn, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		found = found || ok && lit.Kind == token.STRING && inLiteral.MatchString(lit.Value)
		return !found
	})
	return found
}

// rowsOf are the rows in the name of a test.
func rowsOf(test string) []int {
	fn, sub, _ := strings.Cut(test, "/")
	var out []int
	for _, m := range append(inFunc.FindAllStringSubmatch(fn, -1), inSubtest.FindAllStringSubmatch(sub, -1)...) {
		if n, err := strconv.Atoi(m[1]); err == nil && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// runTests runs the functions of a package and notes the rows they prove.
func runTests(root, dir string, funcs []string, proofs map[int][]proof) error {
	cmd := exec.Command("go", "test", "-json", "-count=1", "-timeout=300s", "-run", "^("+strings.Join(funcs, "|")+")$", "./"+dir)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ran := note(pipe, dir, proofs, os.Stderr)
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	if ran == 0 {
		return fmt.Errorf("no test of ./%s ran: does it build?", dir)
	}
	return nil
}

// note reads the events of go test -json. A test counts under the rows of its
// own name: a function whose subtests name the rows counts for none itself. What
// a failed test printed goes to failed.
func note(r io.Reader, dir string, proofs map[int][]proof, failed io.Writer) (ran int) {
	said := map[string]*strings.Builder{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(in.Bytes(), &e) != nil || e.Test == "" {
			continue
		}
		if said[e.Test] == nil {
			said[e.Test] = &strings.Builder{}
		}
		said[e.Test].WriteString(e.Output)
		switch e.Action {
		case "pass", "fail", "skip":
			if ran++; e.Action == "fail" {
				fmt.Fprintf(failed, "./%s %s\n%s", dir, e.Test, said[e.Test])
			}
			delete(said, e.Test)
			for _, n := range rowsOf(e.Test) {
				proofs[n] = append(proofs[n], proof{e.Test, dir, e.Action})
			}
		}
	}
	return ran
}

// report prints a line a row; false when a test that names a row failed.
func report(out io.Writer, rows []row, proofs map[int][]proof) bool {
	good, covered := true, 0
	for _, r := range rows {
		how := "open"
		var by []string
		for _, p := range proofs[r.n] {
			by = append(by, fmt.Sprintf("./%s %s (%s)", p.pkg, p.test, p.outcome))
			good = good && p.outcome != "fail"
			if p.outcome != "pass" {
				continue
			}
			top, _, _ := strings.Cut(p.pkg, "/")
			if slices.Contains(outside, top) {
				how = "end to end"
			} else if how == "open" {
				how = "in the domain"
			}
		}
		if slices.ContainsFunc(proofs[r.n], func(p proof) bool { return p.outcome == "fail" }) {
			how = "FAILED"
		}
		if how == "in the domain" || how == "end to end" {
			covered++
		}
		fmt.Fprintf(out, "%3d  %-7s  %-13s  %s\n", r.n, r.where, how, r.feature)
		for _, b := range by {
			fmt.Fprintf(out, "%29s%s\n", "", b)
		}
	}
	fmt.Fprintf(out, "%d covered, %d open\n", covered, len(rows)-covered)
	return good
}
