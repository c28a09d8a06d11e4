package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tote/agent/api"
	"tote/agent/health"
	"tote/agent/intake"
	"tote/warehouse"
)

// defaultAPI is where a gateway answers whose configuration says nothing else.
const defaultAPI = "http://127.0.0.1:8080"

// gatewayURL is where the commands that talk to a running gateway find it.
type gatewayURL struct {
	API   string `help:"HTTP address of the gateway." default:"http://127.0.0.1:8080" env:"TOTE_API"`
	Shown string `name:"http-token" help:"Token for a gateway that asks for one." env:"TOTE_TOKEN" placeholder:"TOKEN"`
}

// show adds the token to a request.
func (g gatewayURL) show(req *http.Request) {
	if g.Shown != "" {
		req.Header.Set("Authorization", "Bearer "+g.Shown)
	}
}

// call sends one request and prints the JSON answer. An answer that is not 2xx
// ends with exit status 1.
func (g gatewayURL) call(ctx context.Context, method, path, contentType string, body io.Reader) error {
	answer, err := g.send(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	fmt.Println(strings.TrimSpace(pretty(answer)))
	return nil
}

// ask is call with the answer decoded instead of printed.
func (g gatewayURL) ask(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	answer, err := g.send(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// send makes the request; a refusal is printed, returned, and ends with exit
// status 1.
func (g gatewayURL) send(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	headers := http.Header{}
	if contentType != "" {
		headers.Set("Content-Type", contentType)
	}
	return g.sendWith(ctx, method, path, headers, body)
}

// sendWith is send with headers of one's own.
func (g gatewayURL) sendWith(ctx context.Context, method, path string, headers http.Header, body io.Reader) ([]byte, error) {
	status, b, err := g.answerOf(ctx, method, path, headers, body)
	if err == nil && status >= 300 {
		err = explainRefusal(b)
	}
	return b, err
}

// answerOf makes a request and returns its answer, whatever that is; nothing is
// printed.
func (g gatewayURL) answerOf(ctx context.Context, method, path string, headers http.Header, body io.Reader) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(g.API, "/")+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header = headers
	g.show(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("the gateway does not answer (is it running? see --api): %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return resp.StatusCode, answer, err
}

// explainRefusal prints a refusal, without the parts that were shown already, and what
// to do about it; exit status 1.
func explainRefusal(b []byte, shown ...string) error {
	var parts map[string]json.RawMessage
	if len(shown) > 0 && json.Unmarshal(b, &parts) == nil {
		for _, name := range shown {
			delete(parts, name)
		}
		if less, err := json.Marshal(parts); err == nil {
			b = less
		}
	}
	fmt.Fprintln(os.Stderr, pretty(b))
	var refusal struct {
		Code   string `json:"code"`
		Text   string `json:"text"`
		Action string `json:"action"` // of a gateway that says it itself
	}
	if json.Unmarshal(b, &refusal) == nil && refusal.Action == "" {
		f, ok := health.Find(refusal.Code)
		// Why a gateway is not ready says more than that it is not.
		why, named := errors.AsType[*health.Explained](health.Explain(errors.New(refusal.Text)))
		if named && (refusal.Code == api.CodeNotReady || refusal.Code == api.CodeInternal) {
			f, ok = why.Fault, true
		}
		if ok {
			fmt.Fprintln(os.Stderr, "what to do:", f.Action)
		}
	}
	return exitCode(1)
}

// pretty indents JSON; anything else stays as it is.
func pretty(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}

type statusCmd struct {
	gatewayURL `embed:""`
}

func (c statusCmd) Run(ctx context.Context) error {
	b, err := c.send(ctx, http.MethodGet, "/v1/status", "", nil)
	if err != nil {
		return err
	}
	fmt.Println(strings.TrimSpace(pretty(b)))
	var status struct {
		Gateway struct {
			Issues       []health.Issue
			Disk, Backup struct{ Code string }
		}
	}
	if err := json.Unmarshal(b, &status); err != nil {
		return err
	}
	if len(status.Gateway.Issues) == 0 { // of an agent that is just starting
		for _, code := range []string{status.Gateway.Disk.Code, status.Gateway.Backup.Code} {
			if f, ok := health.Find(code); ok {
				fmt.Fprintf(os.Stderr, "%s: %s\n  what to do: %s\n", f.Code, f.Cause, f.Action)
			}
		}
	}
	writeIssues(os.Stderr, status.Gateway.Issues)
	return nil
}

// writeIssues tells what is wrong to people, below the JSON that scripts read.
func writeIssues(w io.Writer, issues []health.Issue) {
	for _, i := range issues {
		fmt.Fprintf(w, "%s %s: %s, since %s\n", strings.ToUpper(i.Level), strings.TrimSpace(i.Code+" "+i.About), i.Text, i.Since.Local().Format(time.DateTime))
		fmt.Fprintf(w, "  cause:      %s\n  what to do: %s\n", i.Cause, i.Action)
		for _, f := range i.Follows {
			fmt.Fprintf(w, "  with it:    %s\n", strings.TrimSpace(f.Code+" "+f.About))
		}
	}
}

type orderCmd struct {
	gatewayURL `embed:""`
	ID         string `arg:"" help:"Order number."`
	Cancel     string `help:"Cancel the order, with this reason." placeholder:"REASON" xor:"act"`
	Retry      bool   `help:"Let a parked order go on from where it was." xor:"act"`
}

func (c orderCmd) Run(ctx context.Context) error {
	path := "/v1/orders/" + url.PathEscape(c.ID)
	switch {
	case c.Cancel != "":
		body, err := json.Marshal(map[string]string{"reason": c.Cancel})
		if err != nil {
			return err
		}
		return c.call(ctx, http.MethodPost, path+"/cancel", "application/json", bytes.NewReader(body))
	case c.Retry:
		return c.call(ctx, http.MethodPost, path+"/retry", "application/json", strings.NewReader("{}"))
	}
	return c.call(ctx, http.MethodGet, path, "", nil)
}

type documentCmd struct {
	gatewayURL `embed:""`
	Of         bool   `help:"List the documents of an order, a parcel or a manifest; nothing is printed."`
	ID         string `arg:"" help:"Id of the document; with --of the order, SSCC or manifest."`
}

// Run writes the bytes of a document as they were archived: for lp -o raw.
func (c documentCmd) Run(ctx context.Context) error {
	if c.Of {
		return c.call(ctx, http.MethodGet, "/v1/documents?of="+url.QueryEscape(c.ID), "", nil)
	}
	answer, err := c.send(ctx, http.MethodGet, "/v1/documents/"+url.PathEscape(c.ID), "", nil)
	if err != nil {
		return err
	}
	var doc struct{ Type, Body string }
	if err := json.Unmarshal(answer, &doc); err != nil {
		return err
	}
	out := []byte(doc.Body)
	if doc.Type == warehouse.DocEPL2 || doc.Type == warehouse.DocESCPOS { // bytes that are no text
		if out, err = base64.StdEncoding.DecodeString(doc.Body); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(out)
	return err
}

type importCmd struct {
	gatewayURL `embed:""`
	Kind       string   `help:"items, bins, workers, stock, orders, receipts or site; the file's name says it otherwise." placeholder:"KIND"`
	Dry        bool     `help:"Only check the files."`
	Add        bool     `help:"Add counted stock to what a bin holds already."`
	Files      []string `arg:"" type:"existingfile" help:"CSV files, or site.json; in the order given."`
}

// importFile sends a CSV file. Of one that is refused each bad row is named with its
// place as well.
func (c importCmd) importFile(ctx context.Context, path, name string, f io.Reader) error {
	answer, err := c.send(ctx, http.MethodPost, path, "text/csv", f)
	if err == nil {
		fmt.Println(strings.TrimSpace(pretty(answer)))
		return nil
	}
	var no api.Refusal
	if json.Unmarshal(answer, &no) == nil {
		showProblems(os.Stderr, name, no.Problems, no.More)
	}
	return err
}

// kindSite is the one file that is no CSV.
const kindSite = "site"

// kindOf says what a file holds: the flag, or its own name.
func (c importCmd) kindOf(file string) (string, error) {
	kind, from := c.Kind, "--kind"
	if kind == "" {
		base := filepath.Base(file)
		kind, from = strings.TrimSuffix(base, filepath.Ext(base)), "the name of "+file
	}
	if kind != kindSite && !slices.Contains(intake.Kinds, kind) {
		return "", fmt.Errorf("%s says %q, which is no kind of file; say with --kind what it holds: %s or %s",
			from, kind, strings.Join(intake.Kinds, ", "), kindSite)
	}
	return kind, nil
}

func (c importCmd) Run(ctx context.Context) error {
	// All kinds are known before the first file is sent.
	for _, file := range c.Files {
		if _, err := c.kindOf(file); err != nil {
			return err
		}
	}
	for _, file := range c.Files {
		kind, err := c.kindOf(file)
		if err != nil {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s as %s\n", file, kind)
		if kind == kindSite {
			err = c.call(ctx, http.MethodPut, "/v1/site", "application/json", f)
		} else {
			query := url.Values{}
			if c.Dry {
				query.Set("dry", "1")
			}
			if c.Add {
				query.Set("add", "1")
			}
			path := "/v1/import/" + url.PathEscape(kind)
			if len(query) > 0 {
				path += "?" + query.Encode()
			}
			err = c.importFile(ctx, path, file, f)
		}
		_ = f.Close() // read only
		if err != nil {
			return err
		}
	}
	return nil
}
