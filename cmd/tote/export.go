package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

type exportCmd struct {
	gatewayURL `embed:""`
	Columns    []string `help:"Columns of the file, between commas; all when none is named." placeholder:"A,B"`
	BOM        bool     `help:"Begin the file with a byte order mark, for spreadsheets that ask for one." name:"bom"`
	Out        string   `help:"File to write; standard output when none is named." type:"path" placeholder:"FILE"`
	Kind       string   `arg:"" enum:"items,bins,workers,stock,orders" help:"What to write: items, bins, workers, stock or orders."`
}

// Run writes a file that tote import takes.
func (c exportCmd) Run(ctx context.Context) error {
	query := url.Values{}
	if len(c.Columns) > 0 {
		query.Set("columns", strings.Join(c.Columns, ","))
	}
	if c.BOM {
		query.Set("bom", "1")
	}
	return c.fetch(ctx, "/v1/export/"+c.Kind+"?"+query.Encode(), c.Out)
}

// fetch writes what the gateway answers into a file, or prints it. A file that
// was not finished is taken away again.
func (g gatewayURL) fetch(ctx context.Context, path, file string) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(g.API, "/")+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the gateway does not answer (is it running? see --api): %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		fmt.Fprintln(os.Stderr, pretty(b))
		return errors.Join(err, exitCode(1))
	}
	var out io.Writer = os.Stdout
	if file != "" {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		out = f
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, os.Remove(file))
			}
		}()
	}
	_, err = io.Copy(out, resp.Body)
	return err
}
