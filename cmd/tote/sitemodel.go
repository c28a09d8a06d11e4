package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"tote/agent/api"
	"tote/agent/sitemodel"
)

// The site as a folder of files: look at what they would change, and bring them in.

type siteExportCmd struct {
	gatewayURL `embed:""`
	Force      bool   `help:"Replace files of the model that are in the folder."`
	Dir        string `arg:"" help:"Folder to write; made when it is not there." type:"path"`
}

// Run writes what the site holds: site.yaml, items.csv, bins.csv, workers.csv.
func (c siteExportCmd) Run(ctx context.Context) error {
	var out api.ModelFiles
	if err := c.ask(ctx, http.MethodGet, "/v1/model", "", nil, &out); err != nil {
		return err
	}
	if err := filesOf(out.Files).WriteDir(c.Dir, c.Force); err != nil {
		return err
	}
	fmt.Printf("%s: version %d, %.12s\n", c.Dir, out.Version, out.Hash)
	return nil
}

func filesOf(texts map[string]string) sitemodel.Files {
	files := sitemodel.Files{}
	for name, text := range texts {
		files[name] = []byte(text)
	}
	return files
}

type siteValidateCmd struct {
	JSON bool   `help:"Print the problems as JSON." name:"json"`
	Dir  string `arg:"" help:"Folder of the files." type:"existingdir"`
}

// Run checks the files by themselves; it asks no gateway.
func (c siteValidateCmd) Run() error {
	src, problems, err := readSite(c.Dir)
	if err != nil {
		return err
	}
	var warnings []sitemodel.Problem
	if src != nil {
		problems, warnings = src.Check()
	}
	if c.JSON {
		if err := printJSON(map[string]any{"problems": append([]sitemodel.Problem{}, problems...), "warnings": append([]sitemodel.Problem{}, warnings...)}); err != nil {
			return err
		}
	} else {
		show(problems, "")
		show(warnings, "warning: ")
	}
	if len(problems) > 0 {
		return exitCode(1)
	}
	if !c.JSON {
		fmt.Printf("%s: good: %d items, %d bins, %d workers\n", c.Dir, len(src.Model.Items), len(src.Model.Bins), len(src.Model.Workers))
	}
	return nil
}

// readSite reads a folder; the source is nil when there are problems.
func readSite(dir string) (*sitemodel.Source, []sitemodel.Problem, error) {
	files, err := sitemodel.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	src, problems := sitemodel.Read(files)
	return src, problems, nil
}

// goodSite is readSite that ends with the problems on standard error.
func goodSite(dir string) (*sitemodel.Source, error) {
	src, problems, err := readSite(dir)
	if err == nil && len(problems) > 0 {
		show(problems, "")
		err = exitCode(1)
	}
	return src, err
}

func show(problems []sitemodel.Problem, lead string) {
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, lead+p.String())
	}
}

func printJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// siteFiles are what plan and apply have in common.
type siteFiles struct {
	gatewayURL `embed:""`
	Prune      bool   `help:"Also remove what the files do not name. Without it that is listed and kept."`
	JSON       bool   `help:"Print the plan as JSON." name:"json"`
	All        bool   `help:"List every change, not only the first hundred of each kind."`
	Dir        string `arg:"" help:"Folder of the files." type:"existingdir"`
}

// send gives the files to the gateway.
func (c siteFiles) give(ctx context.Context, path, actor string, more map[string]any) (status int, answer []byte, err error) {
	if _, err := goodSite(c.Dir); err != nil {
		return 0, nil, err // what can be seen without a gateway
	}
	files, err := sitemodel.ReadDir(c.Dir)
	if err != nil {
		return 0, nil, err
	}
	texts := map[string]string{}
	for name, b := range files {
		texts[name] = string(b)
	}
	req := map[string]any{"files": texts, "prune": c.Prune, "all": c.All}
	for k, v := range more {
		req[k] = v
	}
	body, err := json.Marshal(req)
	if err != nil {
		return 0, nil, err
	}
	headers := http.Header{"Content-Type": {"application/json"}}
	if actor != "" {
		headers.Set(api.HeaderActor, actor)
	}
	return c.answerOf(ctx, http.MethodPost, path, headers, bytes.NewReader(body))
}

// printPlan shows a plan.
func (c siteFiles) printPlan(p *sitemodel.Plan, whole any) error {
	if c.JSON {
		return printJSON(whole)
	}
	p.Render(os.Stdout)
	return nil
}

type sitePlanCmd struct {
	siteFiles `embed:""`
}

// Run ends with 0 when nothing would change, 2 when something would, and 1 when it
// would be refused or cannot be told.
func (c sitePlanCmd) Run(ctx context.Context) error {
	status, answer, err := c.give(ctx, "/v1/model/plan", "", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return c.refused(answer)
	}
	var p sitemodel.Plan
	if err := json.Unmarshal(answer, &p); err != nil {
		return err
	}
	if err := c.printPlan(&p, json.RawMessage(answer)); err != nil {
		return err
	}
	switch {
	case p.Refused():
		return exitCode(1)
	case p.Empty():
		return nil
	}
	if !c.JSON {
		fmt.Printf("to bring in exactly this: tote site apply --base %s\n", p.Base)
	}
	return exitCode(2)
}

type siteApplyCmd struct {
	siteFiles `embed:""`
	Base      string `help:"What the plan was made from (tote site plan prints it); refused when the site is not that any more." placeholder:"HASH"`
	Note      string `help:"Why, for tote site log." placeholder:"TEXT"`
	Actor     string `help:"Who does it, for the record." default:"${user}"`
}

// Run brings the files in, as a whole or not at all.
func (c siteApplyCmd) Run(ctx context.Context) error {
	status, answer, err := c.give(ctx, "/v1/model/apply", c.Actor, map[string]any{"base": c.Base, "note": c.Note})
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return c.refused(answer)
	}
	var out api.ModelApplied
	if err := json.Unmarshal(answer, &out); err != nil {
		return err
	}
	if err := c.printPlan(out.Plan, json.RawMessage(answer)); err != nil || c.JSON {
		return err
	}
	if out.Version != 0 {
		fmt.Println("applied as version", out.Version)
	}
	return nil
}

// refused prints why the gateway does not do it.
func (c siteFiles) refused(answer []byte) error {
	var why struct {
		Model []sitemodel.Problem `json:"modelProblems"`
		Plan  *sitemodel.Plan     `json:"plan"`
	}
	if c.JSON || json.Unmarshal(answer, &why) != nil || why.Plan == nil && len(why.Model) == 0 {
		return explainRefusal(answer)
	}
	show(why.Model, "")
	if why.Plan != nil {
		why.Plan.Render(os.Stdout)
	}
	return explainRefusal(answer, "plan", "modelProblems")
}

type siteDiffCmd struct {
	gatewayURL `embed:""`
	JSON       bool   `help:"Print the differences as JSON." name:"json"`
	A          string `arg:"" help:"Folder of files." type:"existingdir"`
	B          string `arg:"" optional:"" help:"Folder of files; what the site holds now when none is named." type:"existingdir"`
}

// Run shows what has to change in A to make it B; 0 when nothing, 2 when something.
func (c siteDiffCmd) Run(ctx context.Context) error {
	from, err := goodSite(c.A)
	if err != nil {
		return err
	}
	var to *sitemodel.Source
	if c.B != "" {
		to, err = goodSite(c.B)
	} else {
		to, err = c.running(ctx)
	}
	if err != nil {
		return err
	}
	p := sitemodel.Diff(from, to)
	if c.JSON {
		err = printJSON(p.Changes)
	} else {
		p.Render(os.Stdout)
	}
	if err == nil && !p.Empty() {
		err = exitCode(2)
	}
	return err
}

// running is what the site holds.
func (c siteDiffCmd) running(ctx context.Context) (*sitemodel.Source, error) {
	var out api.ModelFiles
	if err := c.ask(ctx, http.MethodGet, "/v1/model", "", nil, &out); err != nil {
		return nil, err
	}
	src, problems := sitemodel.Read(filesOf(out.Files))
	if len(problems) > 0 {
		return nil, errors.New("what the gateway says cannot be read: " + problems[0].String())
	}
	return src, nil
}

type siteLogCmd struct {
	gatewayURL `embed:""`
	JSON       bool `help:"Print it as JSON." name:"json"`
}

// Run shows the versions of the site's model, the newest first.
func (c siteLogCmd) Run(ctx context.Context) error {
	var out api.ModelLog
	if err := c.ask(ctx, http.MethodGet, "/v1/model/log", "", nil, &out); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out)
	}
	when := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	if out.Writing != "" {
		fmt.Println("the newest version is still being written")
	}
	if n := out.Head.Changes - out.Head.AtVersion; out.Head.Version > 0 && n > 0 {
		fmt.Printf("since then %d other changes, the last by %s with %s at %s\n", n, out.Head.By, out.Head.What, when(out.Head.At))
	}
	for _, v := range out.Versions {
		fmt.Printf("%d  %s  %s  +%d ~%d -%d  %.12s  %s\n", v.N, when(v.At), v.By, v.Counts.Added, v.Counts.Changed, v.Counts.Removed, v.Hash, v.Note)
		if v.Between > 0 {
			fmt.Printf("   after %d changes by other ways\n", v.Between)
		}
	}
	if len(out.Versions) == 0 {
		fmt.Println("no model was ever brought in")
	}
	return nil
}
