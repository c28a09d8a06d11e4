package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"tote/agent/config"
	"tote/agent/papers"
	"tote/agent/replica"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

var updateGolden = flag.Bool("update-packaging", false, "write the golden labels and papers")

// applied is a store of one gateway in memory.
type applied struct {
	store
	t     *testing.T
	mu    sync.Mutex
	tx    *memtx.Tx
	index uint64
}

func (s *applied) View(fn func(warehouse.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s.tx)
}

func (s *applied) Do(_ context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	return warehouse.Apply(s.tx, warehouse.Meta{Index: s.index, Now: 1_767_225_600_000, Cause: "c", Actor: by.Actor, Level: warehouse.Level}, c)
}

// packs is an agent with an order O1 on the bench: four cups, which are too much
// for one carton and become two parcels.
func packs(t *testing.T) (*Agent, *applied, func(warehouse.Command) warehouse.Result) {
	s := &applied{t: t, tx: memtx.New()}
	a := &Agent{cfg: config.Config{Site: "W1"}, store: s, log: slog.New(slog.DiscardHandler)}
	a.clerk = papers.NewClerk(papers.Clerk{View: a.view, Do: a.do, Log: a.log})
	do := func(c warehouse.Command) warehouse.Result {
		t.Helper()
		res, err := a.do(t.Context(), "test", c)
		if err != nil || !res.OK {
			t.Fatalf("%#v: %+v %v", c, res, err)
		}
		return res
	}
	do(warehouse.PutSite{Site: warehouse.Site{
		ID: "W1", CompanyPrefix: "9521234", TotePrefix: "T-", CartonTareMg: 100_000, ToleranceMg: 10, LeaseMs: 60_000, CartSlots: 1,
		Layout: warehouse.Layout{Aisles: 1, Cells: 1}, PackDrop: "DROP", Manifests: true, MaxParcels: 3,
		Cartons:  []warehouse.Carton{{Code: "S", LengthMm: 200, WidthMm: 100, HeightMm: 100, TareMg: 40_000}, {Code: "M", LengthMm: 300, WidthMm: 100, HeightMm: 100, TareMg: 60_000}},
		Carriers: []warehouse.Carrier{{Code: "POST", Prefix: "PO", Digits: 8, First: 1, Last: 99}, {Code: "FAST", Method: "express", Prefix: "FX", Digits: 8, First: 1, Last: 99}},
	}})
	do(warehouse.PutItems{Items: []warehouse.Item{{SKU: "CUP", Name: "Cup", WeightMg: 310_000, LengthMm: 100, WidthMm: 100, HeightMm: 100}}})
	do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A"}}})
	do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "w1", Name: "Ada", Badge: "B1"}}})
	do(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "A", SKU: "CUP", Qty: 9}}})
	do(warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
		ID: "O1", ShipTo: warehouse.Address{Name: "Zoë O'Neil", Street: "Main St 1", Postcode: "12345", City: "Town", Country: "DE"},
		Lines: []warehouse.OrderLine{{Line: 1, SKU: "CUP", Qty: 4}},
	}})
	do(warehouse.SignIn{Device: "h1", Badge: "B1"})
	do(warehouse.AskWork{Device: "h1"})
	do(warehouse.AssignBatch{Batch: "K1", Worker: "w1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1"}})
	do(warehouse.Scan{Device: "h1", Barcode: "A"})
	do(warehouse.Scan{Device: "h1", Barcode: "CUP", Qty: 4})
	do(warehouse.Scan{Device: "h1", Barcode: "T-1"})
	do(warehouse.FinishBatch{Device: "h1", Barcode: "DROP"})
	return a, s, do
}

// row 63: the cartons are chosen, each parcel gets its ZPL label, and labels,
// packing slips, bill of lading and manifest are archived by the gateway itself
// with their hash: the golden bytes, also when they are printed again.
func TestPackagingRow63(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s, do := packs(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.clerk.Run(ctx) }()
		job := func(id string) warehouse.LabelJob {
			t.Helper()
			j, err := warehouse.GetJob(s.tx, id)
			if err != nil || j == nil {
				t.Fatalf("%s: %v", id, err)
			}
			return *j
		}
		// prints is what the station does with a label.
		prints := func(id string) string {
			t.Helper()
			j := job(id)
			zpl, err := a.labelBytes(zplPrinter, j)
			if err == nil && j.Doc == "" {
				err = a.fileLabel(ctx, zplPrinter, j, zpl)
			}
			if err != nil {
				t.Fatal(err)
			}
			do(warehouse.LabelSent{Job: id, Tracking: j.Tracking})
			do(warehouse.LabelOutcome{Job: id, Outcome: warehouse.JobPrinted})
			synctest.Wait()
			return string(zpl)
		}
		step := do(warehouse.StartPack{Station: "pack1", Barcode: "T-1"}).Next
		if step.Carton != "M" || step.No != 1 || step.Of != 2 || len(step.Contents) != 1 || step.Contents[0].Qty != 3 {
			t.Fatalf("%+v", step)
		}
		first := do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 60_000 + 3*310_000}).Ref
		prints(first)
		if docs, err := papers.Archived(s.tx, "O1"); err != nil || len(docs) != 1 || docs[0].Kind != warehouse.DocLabel {
			t.Errorf("before the order is packed: %+v %v", docs, err)
		}
		step, err := warehouse.StationStep(s.tx, "pack1")
		if err != nil || step.Carton != "S" || step.No != 2 || step.More {
			t.Fatalf("%+v %v", step, err)
		}
		second := do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 40_000 + 310_000}).Ref
		prints(second)
		manifest := do(warehouse.CloseManifest{Carrier: "POST", Dock: "d1"}).Ref
		synctest.Wait()

		want := map[string]string{
			first + " label": "label-1.zpl", second + " label": "label-2.zpl", first + " slip": "slip-1.zpl", second + " slip": "slip-2.zpl",
			"O1 lading": "lading.zpl", manifest + " manifest": "manifest.zpl",
		}
		docs, err := papers.Archived(s.tx, "O1")
		if err != nil {
			t.Fatal(err)
		}
		more, err := papers.Archived(s.tx, manifest)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range slices.Concat(docs, more) {
			name := want[d.Ref+" "+d.Kind]
			if name == "" {
				t.Errorf("archived twice or for nothing: %+v", d)
				continue
			}
			delete(want, d.Ref+" "+d.Kind)
			body, err := warehouse.DocumentBody(s.tx, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(body)
			if d.Hash != hex.EncodeToString(sum[:]) || d.Archive != "site/documents/"+d.ID || d.Published == 0 || d.Type != warehouse.DocZPL {
				t.Errorf("%+v", d)
			}
			goldenFile(t, filepath.Join("testdata/packaging", name), string(body))
			if d.Kind != warehouse.DocLabel {
				do(warehouse.ReprintDocument{Document: d.ID, Reason: "lost"})
			}
			if again, err := warehouse.DocumentBody(s.tx, d.ID); err != nil || string(again) != string(body) {
				t.Errorf("%s printed again differs", d.ID)
			}
		}
		if len(want) > 0 {
			t.Errorf("not archived: %v", want)
		}
		// Loaded, it is looked at again, and nothing is new.
		do(warehouse.Load{Dock: "d1", Barcode: first})
		synctest.Wait()
		if again, err := papers.Archived(s.tx, "O1"); err != nil || len(again) != len(docs) {
			t.Errorf("%d documents, then %d: %v", len(docs), len(again), err)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A label is the same bytes at each printing; another carrier makes another one.
func TestLabelReprintedRow63(t *testing.T) {
	a, s, do := packs(t)
	do(warehouse.StartPack{Station: "pack1", Barcode: "T-1"})
	sscc := do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 60_000 + 3*310_000}).Ref
	job := func() warehouse.LabelJob {
		j, err := warehouse.GetJob(s.tx, sscc)
		if err != nil {
			t.Fatal(err)
		}
		return *j
	}
	draw := func() string {
		t.Helper()
		zpl, err := a.labelBytes(zplPrinter, job())
		if err != nil {
			t.Fatal(err)
		}
		return string(zpl)
	}
	one := draw()
	if err := a.fileLabel(t.Context(), zplPrinter, job(), []byte(one)); err != nil {
		t.Fatal(err)
	}
	doc := job().Doc
	do(warehouse.LabelSent{Job: sscc})
	do(warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobFailed})
	do(warehouse.Reprint{Job: sscc})
	if two := draw(); doc == "" || two != one || job().Doc != doc {
		t.Errorf("document %s, then %s:\n%s", doc, job().Doc, cmp.Diff(one, two))
	}
	do(warehouse.ChangeCarrier{SSCC: sscc, Carrier: "FAST", Reason: "strike"})
	if three := draw(); three == one || job().Doc != "" {
		t.Errorf("the label of another carrier is the old one: %s", three)
	}
	old, err := warehouse.GetDocument(s.tx, doc)
	if err != nil || old.VoidAt == 0 || old.Copies != 1 {
		t.Errorf("%+v %v", old, err)
	}
	// Another document of the label came in between: it is not drawn over.
	do(warehouse.FileDocument{What: warehouse.DocLabel, Type: warehouse.DocZPL, Ref: sscc, Body: "^XA^XZ"})
	if err := a.fileLabel(t.Context(), zplPrinter, job(), []byte("other")); err == nil {
		t.Error("filed a second label")
	}
}

func goldenFile(t *testing.T, file, got string) {
	t.Helper()
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s:\n%s", file, d)
	}
}
