package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tote/agent/api"
	"tote/agent/intake"
	"tote/agent/opening"
)

type importStockCmd struct {
	gatewayURL `embed:""`
	Zone       *string `help:"Only bins of this zone; an empty one means the bins without a zone. The others of the file are left out." placeholder:"ZONE"`
	Dry        bool    `help:"Only compare the file with what the site holds."`
	Recount    bool    `help:"Also bins whose goods were moved since they were counted: what differs is booked as a correction of stock."`
	Reason     string  `help:"Why bins are counted anew: RECOUNTED, CORRECTION, DATA_ENTRY_ERROR or OTHER." placeholder:"REASON"`
	JSON       bool    `help:"Print the difference with all its positions as JSON." name:"json" xor:"form"`
	CSV        bool    `help:"Print all positions as CSV." name:"csv" xor:"form"`
	File       string  `arg:"" type:"existingfile" help:"Counted CSV: bin, sku, qty and lot, expiry, serial, owner, status."`
}

// Run books a count and shows the difference. Exit status 1: nothing was booked, or
// not all of it; the same file again goes on.
func (c importStockCmd) Run(ctx context.Context) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	query := url.Values{}
	for name, on := range map[string]bool{"dry": c.Dry, "recount": c.Recount, "all": c.JSON || c.CSV} {
		if on {
			query.Set(name, "1")
		}
	}
	if c.Zone != nil {
		query.Set("zone", *c.Zone)
	}
	if c.Reason != "" {
		query.Set("reason", c.Reason)
	}
	out, raw, err := c.post(ctx, "/v1/openings?"+query.Encode(), f)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		fmt.Println(strings.TrimSpace(pretty(raw)))
	case c.CSV:
		err = writePositions(os.Stdout, out.Positions)
	default:
		err = showOpened(os.Stdout, out)
	}
	if err == nil && len(out.Problems) > 0 {
		showProblems(os.Stderr, c.File, out.Problems, out.More)
		err = exitCode(1)
	}
	return err
}

// post sends the file and shows how far the gateway is. A refusal is printed and
// ends with exit status 1.
func (c importStockCmd) post(ctx context.Context, path string, file io.Reader) (out *api.Opened, raw []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.API, "/")+path, file)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "text/csv")
	req.Header.Set("Accept", api.MediaProgress)
	c.show(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("the gateway does not answer (is it running? see --api): %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for {
		raw, err = lines.ReadBytes('\n')
		if err != nil && (len(bytes.TrimSpace(raw)) == 0 || resp.StatusCode < 300) {
			return nil, nil, fmt.Errorf("the answer was cut off; run the same file again, it goes on where it was: %w", err)
		}
		if resp.StatusCode >= 300 {
			rest, err := io.ReadAll(lines)
			return nil, nil, c.refused(append(raw, rest...), err)
		}
		var line struct {
			Code       string
			Booked, Of *int
			Rows       *int
		}
		if err := json.Unmarshal(raw, &line); err != nil {
			return nil, nil, err
		}
		switch {
		case line.Rows != nil:
			out = &api.Opened{}
			return out, raw, json.Unmarshal(raw, out)
		case line.Code != "":
			return nil, nil, c.refused(raw, nil)
		case line.Booked != nil && line.Of != nil:
			fmt.Fprintf(os.Stderr, "%d of %d positions\n", *line.Booked, *line.Of)
		}
	}
}

// refused prints a refusal, each bad row with its place in the file.
func (c importStockCmd) refused(raw []byte, err error) error {
	var no api.Refusal
	if err != nil || json.Unmarshal(raw, &no) != nil {
		fmt.Fprintln(os.Stderr, string(raw))
		return exitCode(1)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", no.Code, no.Text)
	if no.Action != "" {
		fmt.Fprintln(os.Stderr, "what to do:", no.Action)
	}
	showProblems(os.Stderr, c.File, no.Problems, no.More)
	return exitCode(1)
}

// showProblems prints what is wrong with a file, as editors know it: file:line:column.
func showProblems(w io.Writer, file string, problems []intake.Problem, more int) {
	told := map[string]bool{}
	for _, p := range problems {
		column := ""
		if p.Column != "" {
			column = p.Column + ": "
		}
		_, _ = fmt.Fprintf(w, "%s:%d:%d: %s: %s%s\n", file, p.Line, max(p.At, 1), p.Code, column, p.Text)
	}
	for _, p := range problems {
		if p.Do != "" && !told[p.Code] {
			told[p.Code] = true
			_, _ = fmt.Fprintf(w, "%s: what to do: %s\n", p.Code, p.Do)
		}
	}
	if more > 0 {
		_, _ = fmt.Fprintf(w, "and %d more\n", more)
	}
}

// showOpened prints the difference as tables.
func showOpened(w io.Writer, out *api.Opened) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...any) {
		text := make([]string, len(cells))
		for i, c := range cells {
			text[i] = fmt.Sprint(c)
		}
		_, _ = fmt.Fprintln(t, strings.Join(text, "\t")) // its error comes with Flush
	}
	if len(out.Positions) > 0 {
		row("LINE", "BIN", "ITEM", "LOT", "SERIAL", "OWNER", "COUNTED", "BOOK", "WHAT", "")
		for _, p := range out.Positions {
			row(p.Line, p.Bin, p.SKU, p.Lot, p.Serial, p.Owner, p.Counted, p.Book, p.What, strings.TrimSpace(p.Warning+" "+p.Text))
		}
		if out.MorePositions > 0 {
			row(fmt.Sprintf("and %d more; --csv prints all", out.MorePositions))
		}
		row()
	}
	row("ZONE", "OWNER", "BINS", "POSITIONS", "COUNTED", "BOOK BEFORE", "DIFFERENCE")
	for _, s := range out.Totals {
		row(named(s.Zone, "(none)"), named(s.Owner, "(house)"), s.Bins, s.Positions, s.Counted, s.Book, s.Counted-s.Book)
	}
	row()
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d rows, %d bins%s; %d bins of these zones were not counted yet\n%s\n%s\n",
		out.Rows, out.Bins, counts(", ", out.Counts), out.NotThere, did(out), ledgerLine(out))
	return err
}

func did(out *api.Opened) string {
	switch {
	case len(out.Problems) > 0:
		return "nothing can be booked of this file yet"
	case out.Dry:
		return fmt.Sprintf("only compared: %d bins were booked so already, %d commands would book the rest", out.Done, out.Commands)
	case out.Booked == 0 && out.Commands == 0:
		return "nothing to book: the site has all of it"
	}
	return fmt.Sprintf("booked %d positions; %d bins were booked so already", out.Booked, out.Done)
}

// ledgerLine shows that what is on the site came from somewhere.
func ledgerLine(out *api.Opened) string {
	sum := out.Site
	for _, n := range out.Virtual {
		sum += n
	}
	return fmt.Sprintf("ledger: %d units on the site%s; the sum is %d", out.Site, counts(", ", out.Virtual), sum)
}

func counts[N int | int64](sep string, m map[string]N) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s%s %d", sep, k, m[k])
	}
	return b.String()
}

func named(v, none string) string {
	if v == "" {
		return none
	}
	return v
}

// writePositions writes all positions as CSV.
func writePositions(w io.Writer, all []opening.Position) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"line", "zone", "bin", "sku", "lot", "expiry", "serial", "owner", "status", "counted", "book", "what", "warning", "text"})
	for _, p := range all {
		cells := []string{
			strconv.Itoa(p.Line), p.Zone, p.Bin, p.SKU, p.Lot, p.Expiry, p.Serial, p.Owner, p.Status,
			strconv.FormatInt(p.Counted, 10), strconv.FormatInt(p.Book, 10), p.What, p.Warning, p.Text,
		}
		for i := range cells {
			cells[i] = intake.Guard(cells[i])
		}
		_ = out.Write(cells) // its error comes with Error
	}
	out.Flush()
	return out.Error()
}

type openingCmd struct {
	gatewayURL `embed:""`
}

// Run shows which zones are live.
func (c openingCmd) Run(ctx context.Context) error {
	var zones []api.ZoneOpening
	if err := c.ask(ctx, http.MethodGet, "/v1/openings", "", nil, &zones); err != nil {
		return err
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ZONE\tCOUNT\tBINS COUNTED\tLIVE SINCE\tBY")
	for _, z := range zones {
		live := "not yet"
		if z.Live > 0 {
			live = time.UnixMilli(z.Live).UTC().Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d of %d\t%s\t%s\n", named(z.Zone, "(none)"), z.ID, z.Bins, z.Of, live, z.By)
	}
	return t.Flush()
}
