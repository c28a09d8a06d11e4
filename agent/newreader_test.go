package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"tote/agent/api"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/inspect"
	"tote/drivers/rfid"
	"tote/drivers/serialport"
	"tote/firmware-tests/pty"
)

// The reader of a family nobody has heard of: a row, and nothing else, knows it.
// It says "TAG <epc>" by itself and answers WHO.
const newReader = "test-new-reader"

func newReaderRow() all.Driver {
	return all.Driver{
		Name: newReader, Kind: all.RFID, Doc: "A reader of a test.", Example: "driver: " + newReader + "\n",
		Lines: []serialport.Config{{Baud: 57600}}, Ask: askNewReader,
		Reader: func(s rfid.Settings) (rfid.Reader, error) {
			return &newReaderDriver{s, drivers.NewTracker(s.Name, newReader, s.Log, s.OnStatus)}, nil
		},
	}
}

func askNewReader(ctx context.Context, port drivers.Port) (id drivers.Identity, err error) {
	if _, err := port.Write(ctx, []byte("WHO\n")); err != nil {
		return id, err
	}
	err = eachLine(ctx, port, func(line string) error {
		if f := strings.Fields(line); len(f) == 4 && f[0] == "IAM" {
			id = drivers.Identity{Maker: f[1], Model: f[2], Firmware: f[3]}
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) {
		err = nil
	}
	return id, err
}

var errDone = errors.New("done")

func eachLine(ctx context.Context, port drivers.Port, do func(string) error) error {
	var got []byte
	buf := make([]byte, 256)
	for {
		n, err := drivers.Receive(ctx, port, buf)
		if err != nil {
			return err
		}
		got = append(got, buf[:n]...)
		for {
			line, rest, ok := bytes.Cut(got, []byte("\n"))
			if !ok {
				break
			}
			got = rest
			if err := do(strings.TrimSpace(string(line))); err != nil {
				return err
			}
		}
	}
}

type newReaderDriver struct {
	s rfid.Settings
	*drivers.Tracker
}

func (d *newReaderDriver) Run(ctx context.Context) error {
	return d.Session(ctx, d.s.Open, func(ctx context.Context, port drivers.Port) error {
		return eachLine(ctx, port, func(line string) error {
			if epc, ok := strings.CutPrefix(line, "TAG "); ok {
				d.Set(drivers.Ready, "", "")
				d.s.Sink(rfid.Read{EPC: epc, Antenna: 1, RSSI: -50, At: time.Now()})
			}
			return nil
		})
	})
}

// fakeReader is that device on a pty. say is what it says by itself, "" = nothing.
func fakeReader(t *testing.T, link, iam, say string) *pty.Port {
	t.Helper()
	port, err := pty.New(link)
	if err != nil {
		t.Skipf("NO PTYS HERE: %v", err)
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		lines := bufio.NewScanner(port)
		for lines.Scan() {
			if strings.TrimSpace(lines.Text()) == "WHO" {
				_, _ = port.Write([]byte(iam + "\n"))
			}
		}
	})
	wg.Go(func() {
		for say != "" {
			select {
			case <-time.After(20 * time.Millisecond):
				_, _ = port.Write([]byte(say + "\n"))
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		_ = port.Close()
		wg.Wait()
	})
	return port
}

// TestRow91NewReader: a driver is a row. With the row alone a reader nobody knew
// is found by a probe, its suggested configuration is taken, it is asked who it
// is, its tags arrive, what it says can be looked at, and firmware that is known
// to be bad is told. What nobody configured is listed and left alone.
func TestRow91NewReader(t *testing.T) {
	t.Parallel()
	remove, err := all.Plug(newReaderRow())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	dir := t.TempDir()
	link, foreign := filepath.Join(dir, "reader"), filepath.Join(dir, "foreign")
	const epc = "3074257BF7194E4000001A85"
	fakeReader(t, link, "IAM Acme R9 1.2.7", "TAG "+epc)
	left := fakeReader(t, foreign, "", "")
	row, _ := all.Find(newReader)
	found := inspect.Probe(t.Context(), inspect.Target{Name: link, Port: serialport.Config{Path: link}}, []all.Driver{row})
	if found.Verdict != inspect.Found || found.Identity == nil || found.Identity.Model != "R9" {
		t.Fatalf("the probe: %+v", found)
	}
	var suggested map[string]any
	if err := yaml.Unmarshal([]byte(found.YAML), &suggested); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(suggested["rfid"])
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		t: t, dir: dir, mqtt: "127.0.0.1:0", web: "127.0.0.1:0",
		more: fmt.Sprintf("docks: [{id: dock9, rfid: %s}]\n"+
			"known_bad: [{maker: acme, model: R9, firmware: \"1.2.\", text: loses tags; 1.3 mends it, source: \"https://example.com/notes\"}]\n", asJSON),
	}
	stranger := serialport.Info{Node: foreign, ByPath: "/dev/serial/by-path/x", USB: &serialport.USB{ID: "1a86:7523", Product: "USB Serial"}}
	known := serialport.Info{Node: link, USB: &serialport.USB{ID: "0403:6001"}}
	var there sync.Map
	there.Store("ports", []serialport.Info{stranger, known})
	s.ports = func() []serialport.Info { v, _ := there.Load("ports"); return v.([]serialport.Info) }
	s.begin()

	device := func(name string) (d api.Device) {
		for _, d := range s.gw.agent.status().Devices {
			if d.Name == name {
				return d
			}
		}
		return d
	}
	s.eventually("the reader reads", func() bool {
		return device("dock9/rfid").State == "ready" && s.gw.agent.readings.get("dock9/rfid") == epc
	})
	if d := device("dock9/rfid"); d.Port != link || d.Node == "" || d.Identity == nil || d.Identity.Firmware != "1.2.7" ||
		d.Code != drivers.CodeKnownBad || !strings.Contains(d.Text, "1.3 mends it") || !strings.Contains(d.Text, "example.com") {
		t.Errorf("%+v", d)
	}
	// What passes can be looked at while it works.
	s.eventually("a trace of a tag", func() bool {
		code, b := s.call("GET", "/v1/devices/"+url.PathEscape("dock9/rfid")+"/trace?wait=1000", "", "")
		var tr api.Trace
		if err := json.Unmarshal(b, &tr); code != http.StatusOK || err != nil {
			t.Fatalf("%d %s %v", code, b, err)
		}
		wire := ""
		for _, c := range tr.Chunks {
			p, err := hex.DecodeString(c.Hex)
			s.must(err)
			if c.Dir == "from" {
				wire += string(p)
			}
		}
		return strings.Contains(wire, "TAG "+epc)
	})
	// The stranger is told of with its identity, and nobody touches it.
	s.eventually("the stranger is listed", func() bool { return device("/dev/serial/by-path/x").State == stateUnknown })
	if d := device("/dev/serial/by-path/x"); d.Code != drivers.CodeUnknown || !strings.Contains(d.Text, "1a86:7523") {
		t.Errorf("%+v", d)
	}
	if left.Listening() {
		t.Error("the stranger's port was opened")
	}
	if n := len(s.gw.agent.status().Devices); n != 2 {
		t.Errorf("%d devices: one that is configured is no stranger", n)
	}
	if code, b := s.call("GET", "/v1/status", "", ""); code != http.StatusOK || !strings.Contains(string(b), `"state": "unknown"`) {
		t.Errorf("%d %s", code, b)
	}
	there.Store("ports", []serialport.Info{known})
	s.eventually("the stranger has gone", func() bool { return len(s.gw.agent.status().Devices) == 1 })
}
