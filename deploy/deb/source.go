package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is what is built.
type source struct {
	version string // as Debian compares versions
	commit  string
	epoch   int64 // seconds since 1970: the time of all files in the package
}

// describe asks git what is checked out at root.
func describe(ctx context.Context, root string) (source, error) {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
		out, err := cmd.Output()
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(e.Stderr)))
		}
		return strings.TrimSpace(string(out)), err
	}
	long, err := git("describe", "--tags", "--long", "--dirty", "--match", "v[0-9]*", "--always", "--abbrev=12")
	if err != nil {
		return source{}, err
	}
	count, err := git("rev-list", "--count", "HEAD")
	if err != nil {
		return source{}, err
	}
	commit, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return source{}, err
	}
	when := os.Getenv("SOURCE_DATE_EPOCH")
	if when == "" {
		if when, err = git("log", "-1", "--format=%ct"); err != nil {
			return source{}, err
		}
	}
	epoch, err := strconv.ParseInt(when, 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	version, err := debianVersion(long, count)
	return source{version, commit, epoch}, err
}

var described = regexp.MustCompile(`^(?:v([0-9]+(?:\.[0-9]+)*)(-[a-z]+[0-9.]*)?-([0-9]+)-g)?([0-9a-f]+)(-dirty)?$`)

// debianVersion makes what `git describe --long` says into a version that sorts as
// the commits do: v1.4.0-rc1 is 1.4.0~rc1, before 1.4.0; five commits after v1.4.0
// is 1.4.0+5.gHASH. Before the first tag it is 0.0.0 and the number of commits.
func debianVersion(long, count string) (string, error) {
	m := described.FindStringSubmatch(long)
	if m == nil {
		return "", fmt.Errorf("git describes this as %q; want a tag like v1.4.0 or v1.4.0-rc1", long)
	}
	tag, pre, since, hash, dirty := m[1], m[2], m[3], m[4], m[5]
	v := tag
	if tag == "" {
		v, since = "0.0.0", count
	}
	if pre != "" {
		v += "~" + pre[1:]
	}
	if since != "0" || dirty != "" {
		v += "+" + since + ".g" + hash
	}
	if dirty != "" {
		v += ".dirty"
	}
	return v, nil
}

// machines maps Debian's names of architectures to Go's.
var machines = map[string]struct{ goarch, arm string }{
	"amd64": {"amd64", ""},
	"arm64": {"arm64", ""},
	"armhf": {"arm", "7"},
}

func architectures() (names []string) {
	for name := range machines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// compile builds the program, static and without a trace of this machine.
func compile(ctx context.Context, root, bin, arch string, src source) error {
	m, ok := machines[arch]
	if !ok {
		return fmt.Errorf("unknown architecture; there are %s", strings.Join(architectures(), ", "))
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", fmt.Sprintf("-s -w -buildid= -X main.version=%s -X main.commit=%s", src.version, src.commit),
		"-o", bin, "./cmd/tote")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+m.goarch, "GOARM="+m.arm, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
