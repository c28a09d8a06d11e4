package rfid_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"

	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/serialport"
	"tote/firmware-tests/emulate"
	emurfid "tote/firmware-tests/rfid"
)

// Asked who it is by the drivers of every family, a reader answers its own and
// no other, and is not put out by what it does not understand: so a port can be
// probed.
func TestEachReaderAnswersItsOwnDriver(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel() // it waits most of the time
			open, _ := emulated(t, f.params)
			for _, d := range all.Drivers() {
				if d.Kind != all.RFID || len(d.Lines) == 0 || d.Ask == nil {
					continue
				}
				port, err := open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				id, err := d.Ask(t.Context(), port)
				if known := err == nil && id.Known(); known != (d.Name == f.name) {
					t.Errorf("asked by %s: %+v, %v", d.Name, id, err)
				}
				if err := port.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// emulated starts an emulator and gives its port and the address of its control.
func emulated(t *testing.T, params emurfid.Params) (drivers.Opener, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- emulate.Main(ctx, emulate.Options{JSON: true, Devices: []emulate.Device{
			{Kind: emulate.RFID, Link: filepath.Join(t.TempDir(), "rfid"), RFID: params},
		}}, in)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	var ready emulate.Ready
	if err := json.Unmarshal(lines.Bytes(), &ready); err != nil {
		t.Fatal(err)
	}
	open, err := serialport.Opener(serialport.Config{Path: ready.Path})
	if err != nil {
		t.Fatal(err)
	}
	return open, ready.Control
}
