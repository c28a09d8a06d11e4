package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"tote/agent/pins"
)

type workerCmd struct {
	Pin workerPinCmd `cmd:"" help:"Give a worker a PIN for the sign-in with the badge; it is typed, or one line of standard input."`
}

type workerPinCmd struct {
	gatewayURL `embed:""`
	Remove     bool   `help:"Take the PIN away instead."`
	ID         string `arg:"" help:"Id of the worker."`
}

// Run reads the PIN where nobody sees it: no flag takes it, as command lines are shown
// to everybody on the machine and kept by the shell.
func (c workerPinCmd) Run(ctx context.Context) error {
	in := struct {
		Pin    string `json:"pin,omitempty"`
		Remove bool   `json:"remove,omitempty"`
	}{Remove: c.Remove}
	if !c.Remove {
		pin, err := typedPin(os.Stdin, os.Stderr)
		if err != nil {
			return err
		}
		if err := pins.Check(pin); err != nil {
			return err
		}
		in.Pin = pin
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if _, err := c.send(ctx, http.MethodPost, "/v1/workers/"+url.PathEscape(c.ID)+"/pin", "application/json", bytes.NewReader(body)); err != nil {
		return err
	}
	if c.Remove {
		fmt.Println(c.ID, "has no PIN any more")
	} else {
		fmt.Println(c.ID, "has a new PIN")
	}
	return nil
}

// typedPin asks twice at a terminal, without echo; else it is the first line.
func typedPin(in *os.File, say io.Writer) (string, error) {
	lines := bufio.NewReader(in)
	line := func() (string, error) {
		text, err := lines.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || text == "") {
			return "", fmt.Errorf("no PIN was given: %w", err)
		}
		return strings.TrimRight(text, "\r\n"), nil
	}
	show, terminal, err := hideTyping(in)
	if err != nil || !terminal {
		if err != nil {
			return "", err
		}
		return line()
	}
	defer show()
	_, _ = fmt.Fprint(say, "PIN, 4 to 8 digits: ")
	first, err := line()
	if err != nil {
		return "", err
	}
	_, _ = fmt.Fprint(say, "\nonce more: ")
	again, err := line()
	_, _ = fmt.Fprintln(say)
	if err == nil && again != first {
		err = errors.New("the two differ; nothing was changed")
	}
	return first, err
}
