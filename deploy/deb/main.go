// Command deb builds the Debian packages of Tote: amd64 and arm64, and armhf,
// which is a satellite. It needs Go and git, no Debian: a package is an ar archive
// of two tar files, written here (archive.go). The ready packers bring a hundred
// modules for formats that nobody asked for, and one of them cannot even be tidied.
//
// The same commit gives the same bytes on every machine with the same Go: times are
// those of the commit (or SOURCE_DATE_EPOCH), paths are trimmed, order and owners are
// fixed.
//
//	go run ./deploy/deb                     all three into dist
//	go run ./deploy/deb -arch arm64 -out .  one of them
//	go run ./deploy/deb -kind update        releases for `tote update`, not signed yet
//
// What lies where on the machine is the tree files, as it is; what happens when it is
// installed, upgraded, removed and purged is the folder scripts.
//
// Wire: deb(5), format 2.0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "deb:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("deb", flag.ContinueOnError)
	root := flags.String("root", ".", "the repository")
	out := flags.String("out", "dist", "folder for the packages")
	arch := flags.String("arch", strings.Join(architectures(), ","), "architectures as Debian names them, with commas")
	kind := flags.String("kind", "deb", "deb, or update: the same program as a release for tote update")
	from := flags.String("from", "", "of a release: the oldest version it may replace")
	version := flags.String("version", "", "version of the package; left out: of git")
	if err := flags.Parse(args); err != nil {
		return err
	}
	src, err := describe(ctx, *root)
	if err != nil {
		return err
	}
	if *version != "" {
		src.version = *version
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	make1, ok := map[string]func(arch string) (string, error){
		"deb":    func(arch string) (string, error) { return build(ctx, *root, *out, arch, src) },
		"update": func(arch string) (string, error) { return packRelease(ctx, *root, *out, arch, *from, src) },
	}[*kind]
	if !ok {
		return fmt.Errorf("kind %q; there are deb and update", *kind)
	}
	for name := range strings.SplitSeq(*arch, ",") {
		file, err := make1(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := fmt.Fprintln(w, file); err != nil {
			return err
		}
	}
	return nil
}

// build compiles the program for one architecture and packs it. It returns the name
// of the package's file.
func build(ctx context.Context, root, out, arch string, src source) (string, error) {
	tmp, err := os.MkdirTemp(out, ".build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	bin := filepath.Join(tmp, "tote")
	if err := compile(ctx, root, bin, arch, src); err != nil {
		return "", err
	}
	p, err := contents(root, bin, arch, src)
	if err != nil {
		return "", err
	}
	part := filepath.Join(tmp, "deb")
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	if err := errors.Join(p.write(f, time.Unix(src.epoch, 0)), f.Close()); err != nil {
		return "", err
	}
	name := filepath.Join(out, fmt.Sprintf("tote_%s_%s.deb", src.version, arch))
	return name, os.Rename(part, name)
}

// packRelease compiles the program for one architecture and makes it a release. How one looks
// only the program itself knows, so that of this machine is asked to.
func packRelease(ctx context.Context, root, out, arch, from string, src source) (string, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(out, ".build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	bin := filepath.Join(tmp, "tote")
	if err := compile(ctx, root, bin, arch, src); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./cmd/tote", "release", "pack", "--program", bin, "--arch", machines[arch].goarch,
		"--of-version", src.version, "--commit", src.commit, "--from", from, "--out", out)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=", "GOARCH=")
	cmd.Stderr = os.Stderr
	name, err := cmd.Output()
	return strings.TrimSpace(string(name)), err
}
