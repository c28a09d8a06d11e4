package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"
	"time"

	"tote/picking/batch"
	"tote/picking/instance"
	"tote/picking/study"
)

// planCmd plans a picking problem from a file. It asks no gateway.
type planCmd struct {
	File     string        `arg:"" optional:"" help:"Problem as JSON (docs/planning.md); - reads it from standard input."`
	Generate string        `help:"Make a problem instead of reading one: henn-waescher, or pool (a large one, by demand)." enum:"henn-waescher,pool," default:"" placeholder:"CLASS"`
	Orders   int           `help:"Orders to generate." default:"60"`
	Capacity int64         `help:"Items a generated cart takes." default:"45"`
	ByDemand bool          `help:"52, 36 and 12 % of the generated picks on 10, 30 and 60 % of the aisles."`
	Blocks   int           `help:"Blocks of the generated field, 1 to 5." default:"1"`
	Write    string        `help:"Write the problem to this file." placeholder:"FILE"`
	For      time.Duration `help:"How long to search." default:"1s"`
	Rounds   int           `help:"Search so many rounds instead, which gives the same plan on every machine." placeholder:"N"`
	Seed     uint64        `help:"Seed of the search and of what is generated." default:"1"`
	Threads  int           `help:"Searches at a time, 1 to 64; the best one counts." default:"2"`
	Compare  bool          `help:"Show beside it what people walk who take the orders as they come."`
	JSON     bool          `name:"json" help:"Print all of it as JSON, with every walk."`
	SVG      string        `name:"svg" help:"Draw one walk into this file." placeholder:"FILE"`
	Batch    int           `help:"Which walk to draw, from 1." default:"1"`
}

func (c planCmd) Run() error {
	err := c.run(os.Stdout)
	if code := study.Code(err); code != "" {
		return fmt.Errorf("%s: %w", code, err)
	}
	return err
}

func (c planCmd) run(out io.Writer) error {
	in, err := c.problem()
	if err != nil {
		return err
	}
	f, err := in.Field()
	if err != nil {
		return err
	}
	if c.Write != "" {
		if err := writeFile(c.Write, in.Write); err != nil {
			return err
		}
	}
	o := batch.Options{Rounds: c.Rounds, Seed: c.Seed, Threads: c.Threads}
	if c.Rounds == 0 {
		o.Rounds, o.Stop = math.MaxInt, study.Until(c.For)
	}
	start := time.Now()
	r, err := study.Plan(f, o)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if c.Compare {
		if r.Compare, err = study.Compare(f); err != nil {
			return err
		}
	}
	if c.SVG != "" {
		if c.Batch < 1 || c.Batch > len(r.Batches) {
			return fmt.Errorf("--batch %d: the plan has walks 1 to %d", c.Batch, len(r.Batches))
		}
		if err := writeFile(c.SVG, func(w io.Writer) error { return study.SVG(w, f, r.Batches[c.Batch-1]) }); err != nil {
			return err
		}
	}
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", " ")
		return e.Encode(r)
	}
	return printPlan(out, r, took)
}

// problem reads the problem or makes it.
func (c planCmd) problem() (*instance.Instance, error) {
	switch {
	case (c.Generate == "") == (c.File == ""):
		return nil, fmt.Errorf("give a file, or --generate: one of them")
	case c.Threads < 1 || c.Threads > 64:
		return nil, fmt.Errorf("--threads %d is not in 1..64", c.Threads)
	case c.File == "-":
		return instance.JSON{}.Load(os.Stdin)
	case c.File != "":
		r, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }()
		return instance.JSON{}.Load(r)
	case c.Orders < 0 || c.Orders > 100_000 || c.Blocks < 1 || c.Blocks > 5:
		return nil, fmt.Errorf("--orders 0 to 100000, --blocks 1 to 5")
	}
	class := instance.HennWaescher(c.Orders, c.Capacity, c.ByDemand, c.Seed)
	if c.Generate == "pool" {
		class = instance.Pool(c.Orders, c.Capacity, c.Seed)
	}
	class.Blocks = c.Blocks
	return class.Generate(), nil
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return cmp.Or(write(f), f.Close())
}

func printPlan(out io.Writer, r *study.Report, took time.Duration) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "walk\torders\tlines\tm\t")
	for i, b := range r.Batches {
		fmt.Fprintf(w, "%d\t%d\t%d\t%.1f\t\n", i+1, len(b.Orders), b.Lines, metres(b.LengthMm))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	gap := "nothing to walk"
	if r.BoundMm > 0 {
		gap = fmt.Sprintf("%.1f %% above a bound no plan falls below", 100*(float64(r.LengthMm)/float64(r.BoundMm)-1))
	}
	fmt.Fprintf(out, "\n%d orders, %d lines in %d walks: %.1f m, %s; %d rounds in %.1f s\n", r.Orders, r.Lines, len(r.Batches), metres(r.LengthMm), gap, r.Rounds, took.Seconds())
	if len(r.Compare) == 0 {
		return nil
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nthe same orders\twalks\tm\tours walks")
	for _, m := range r.Compare {
		less := "the same"
		if m.LengthMm > 0 && m.LengthMm != r.LengthMm {
			less = fmt.Sprintf("%+.1f %%", 100*(float64(r.LengthMm)/float64(m.LengthMm)-1))
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\n", m.Name, m.Batches, metres(m.LengthMm), less)
	}
	return w.Flush()
}

func metres(mm int64) float64 { return float64(mm) / 1000 }
