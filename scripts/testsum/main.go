// Command testsum reads the events of `go test -json` and prints what a person
// wants to know: one line a package, the whole output of what failed, and at
// the end every skipped test with its reason, so that a skip is never silent.
// Its exit code is 1 when anything failed or nothing ran.
//
// The event format is described by `go doc test2json`.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	ok, err := summarise(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// event is one line of go test -json.
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	ImportPath  string // of build-output
	FailedBuild string
	Elapsed     float64 // seconds
}

// skip is a test that did not run, with what it said.
type skip struct{ pkg, test, why string }

// summary collects the events of one run.
type summary struct {
	out    io.Writer
	output map[[2]string][]string // package, test ("" = the package itself) → lines, until it ends well
	build  map[string][]string    // import path → compiler output
	skips  []skip
	tests  int
	failed []string // "package" or "package.Test"
	pkgs   int
}

// summarise copies what matters from the events in r to w. ok is false when
// something failed or nothing ran.
func summarise(r io.Reader, w io.Writer) (ok bool, err error) {
	s := &summary{out: w, output: map[[2]string][]string{}, build: map[string][]string{}}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if strings.HasPrefix(line, "{") {
			var e event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				return false, fmt.Errorf("not an event of go test -json: %w", err)
			}
			s.add(e)
		} else {
			fmt.Fprint(w, line) // go's own words
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
	}
	return s.finish(), nil
}

func (s *summary) add(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "build-output":
		s.build[e.ImportPath] = append(s.build[e.ImportPath], e.Output)
	case "pass", "fail", "skip":
		if e.Test != "" {
			s.endTest(e, key)
		} else {
			s.endPackage(e)
		}
	}
}

func (s *summary) endTest(e event, key [2]string) {
	s.tests++
	switch e.Action {
	case "pass":
		delete(s.output, key)
	case "skip":
		s.skips = append(s.skips, skip{e.Package, e.Test, reason(s.output[key])})
		delete(s.output, key)
	case "fail":
		s.failed = append(s.failed, e.Package+"."+e.Test)
	}
}

// endPackage prints the line of the package. The output kept until now is that
// of failed tests, and of tests that were still running when it died.
func (s *summary) endPackage(e event) {
	if e.Action == "skip" {
		return // no test files
	}
	s.pkgs++
	if e.Action == "pass" {
		fmt.Fprintf(s.out, "ok    %-40s %6.1fs\n", e.Package, e.Elapsed)
		s.forget(e.Package)
		return
	}
	fmt.Fprintf(s.out, "FAIL  %-40s %6.1fs\n", e.Package, e.Elapsed)
	s.failed = append(s.failed, e.Package)
	for _, l := range s.build[e.FailedBuild] {
		fmt.Fprint(s.out, "      ", l)
	}
	var tests []string
	for key := range s.output {
		if key[0] == e.Package {
			tests = append(tests, key[1])
		}
	}
	slices.Sort(tests)
	for _, test := range tests {
		for _, l := range s.output[[2]string{e.Package, test}] {
			fmt.Fprint(s.out, "      ", l)
		}
	}
	s.forget(e.Package)
}

func (s *summary) forget(pkg string) {
	for key := range s.output {
		if key[0] == pkg {
			delete(s.output, key)
		}
	}
}

func (s *summary) finish() bool {
	for _, k := range s.skips {
		fmt.Fprintf(s.out, "SKIP  %s.%s: %s\n", k.pkg, k.test, k.why)
	}
	fmt.Fprintf(s.out, "tests: %d in %d packages, %d failed, %d skipped\n", s.tests, s.pkgs, len(s.failed), len(s.skips))
	for _, f := range s.failed {
		fmt.Fprintf(s.out, "failed: %s\n", f)
	}
	if s.pkgs == 0 {
		fmt.Fprintln(s.out, "failed: nothing ran")
	}
	return len(s.failed) == 0 && s.pkgs > 0
}

// reason is what t.Skip said: the output without go's own frame lines.
func reason(output []string) string {
	var said []string
	for _, l := range output {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ") {
			continue
		}
		said = append(said, l)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
