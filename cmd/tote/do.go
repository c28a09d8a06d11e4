package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"tote/agent/api"
)

type doCmd struct {
	gatewayURL `embed:""`
	List       bool   `help:"Print the commands of the gateway, or the named one, with their fields; do nothing."`
	Actor      string `help:"Who does it, for the record." default:"${user}"`
	Key        string `help:"Counts once however often it is sent; the same again gets the first answer. One is made up when none is given." placeholder:"KEY"`
	Command    string `arg:"" optional:"" help:"Name of the command; see --list."`
	File       string `arg:"" optional:"" default:"-" help:"JSON object with its fields; - is standard input."`
}

func (c doCmd) Run(ctx context.Context) error {
	switch {
	case c.List:
		return c.list(ctx)
	case c.Command == "":
		return errors.New("say which command; tote do --list prints them")
	}
	body, err := c.read()
	if err != nil {
		return err
	}
	if c.Key == "" {
		c.Key = rand.Text()
	}
	headers := http.Header{"Content-Type": {"application/json"}, api.HeaderActor: {c.Actor}, api.HeaderKey: {c.Key}}
	answer, err := c.sendWith(ctx, http.MethodPost, "/v1/do/"+url.PathEscape(c.Command), headers, bytes.NewReader(body))
	if err != nil {
		if answer == nil || bytes.Contains(answer, []byte(api.CodeUnknown)) {
			fmt.Fprintln(os.Stderr, "to ask again without doing it twice: --key", c.Key)
		}
		return err
	}
	fmt.Println(strings.TrimSpace(pretty(answer)))
	return nil
}

func (c doCmd) read() ([]byte, error) {
	if c.File != "-" {
		return os.ReadFile(c.File)
	}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "type the fields of %s as JSON, then Ctrl-D\n", c.Command)
	}
	return io.ReadAll(os.Stdin)
}

// listed is a command as the gateway lists it.
type listed struct {
	Command, About string
	Fields         []api.Field
}

func (c doCmd) list(ctx context.Context) error {
	var all []listed
	if err := c.ask(ctx, http.MethodGet, "/v1/do", "", nil, &all); err != nil {
		return err
	}
	if c.Command != "" {
		all = slices.DeleteFunc(all, func(l listed) bool { return l.Command != c.Command })
		if len(all) == 0 {
			return fmt.Errorf("the gateway does no command %q; tote do --list prints those it does", c.Command)
		}
	}
	for _, l := range all {
		fmt.Printf("%s: %s\n", l.Command, l.About)
		printFields(l.Fields, "  ")
	}
	return nil
}

func printFields(fields []api.Field, indent string) {
	for _, f := range fields {
		text := f.Type
		if f.List {
			text = "list of " + text
		}
		if f.Required {
			text += ", required"
		}
		fmt.Printf("%s%-*s %s\n", indent, 24-len(indent), f.Name, text)
		printFields(f.Fields, indent+"  ")
	}
}
