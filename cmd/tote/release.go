package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tote/agent/update/minisign"
	"tote/agent/update/release"
	"tote/warehouse"
)

// keyPassword is how a command gets at the password of a secret key.
type keyPassword struct {
	PasswordFile string `help:"File with the password of the secret key; left out: it is asked for." type:"existingfile"`
}

func (s keyPassword) password(prompt string) (string, error) {
	if s.PasswordFile != "" {
		b, err := os.ReadFile(s.PasswordFile)
		return strings.TrimRight(string(b), "\r\n"), err
	}
	fmt.Fprint(os.Stderr, prompt+": ")
	defer fmt.Fprintln(os.Stderr)
	fd := int(os.Stdin.Fd())
	if t, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil { // else it is no terminal
		quiet := *t
		quiet.Lflag &^= unix.ECHO
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err == nil {
			defer func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, t) }()
		}
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type releaseKeygenCmd struct {
	keyPassword `embed:""`
	Secret      string `help:"File for the secret key." default:"tote-release.key" type:"path"`
	Public      string `help:"File for the public key." default:"tote-release.pub" type:"path"`
	NoPassword  bool   `help:"Do not hide the secret key: for one that lies where nobody else reads."`
}

func (c releaseKeygenCmd) Run() error {
	if err := errors.Join(notThere(c.Secret), notThere(c.Public)); err != nil {
		return err
	}
	word := ""
	if !c.NoPassword {
		var err error
		if word, err = c.password("password for the new key"); err != nil {
			return err
		}
		if word == "" {
			return errors.New("an empty password hides nothing; --no-password when that is meant")
		}
	}
	k, err := minisign.Generate()
	if err != nil {
		return err
	}
	text, err := k.File(word, minisign.Sensitive)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Secret, text, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(c.Public, k.Public().File(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s is the secret key, %s the public one:\n%s\nEach gateway needs its line in /etc/tote/release.pub.\n", c.Secret, c.Public, k.Public())
	return nil
}

type releaseSignCmd struct {
	keyPassword `embed:""`
	Secret      string   `help:"File of the secret key." default:"tote-release.key" type:"existingfile"`
	Files       []string `arg:"" type:"existingfile"`
}

func (c releaseSignCmd) Run() error {
	text, err := os.ReadFile(c.Secret)
	if err != nil {
		return err
	}
	k, err := minisign.ParseSecret(text, func() (string, error) { return c.password("password of " + c.Secret) })
	if err != nil {
		return fmt.Errorf("%s: %w", c.Secret, err)
	}
	for _, file := range c.Files {
		m, err := sign(file, k)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Printf("%s is signed: %s\n", file, m.Comment())
	}
	return nil
}

// sign writes beside the file and renames: a file of that name is whole.
func sign(file string, k minisign.SecretKey) (m release.Manifest, err error) {
	in, err := os.Open(file)
	if err != nil {
		return m, err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := os.OpenFile(file+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return m, err
	}
	m, err = release.Sign(out, in, k)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return m, errors.Join(err, os.Remove(out.Name()))
	}
	return m, os.Rename(out.Name(), file)
}

type releasePackCmd struct {
	Program string `required:"" type:"existingfile"`
	Arch    string `required:"" help:"As Go names it."`
	Of      string `required:"" name:"of-version"`
	Commit  string
	From    string `help:"Oldest version it may replace."`
	Out     string `help:"Folder." default:"." type:"path"`
}

// Run packs a program built from the source this one was: its feature level is the same.
func (c releasePackCmd) Run() error {
	in, err := os.Open(c.Program)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	m := release.Manifest{Version: c.Of, Commit: c.Commit, Arch: c.Arch, From: c.From, Levels: release.Levels{Max: warehouse.Level}}
	name := filepath.Join(c.Out, m.Name())
	out, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(release.Pack(out, m, in), out.Close()); err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	fmt.Println(name)
	return os.Rename(out.Name(), name)
}
