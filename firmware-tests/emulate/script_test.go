package emulate

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
	"tote/firmware-tests/script"
)

// A script switches faults of a running device, and one that does not fit the
// devices ends them with its line.
func TestScript(t *testing.T) {
	play := func(text string, look func(control string)) error {
		s, err := script.Parse("s.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out, in := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			err := Main(ctx, Options{Devices: []Device{{Kind: Scale, Name: "s1"}}, Script: s}, in)
			_ = in.Close()
			ended <- err
		}()
		text2, _ := readLine(out)
		if look != nil {
			look(text2[strings.LastIndex(text2, " ")+1:])
			cancel()
		}
		return <-ended
	}
	err := play("steps: [{at: 10ms, fault: noise, for: 20ms}, {when: put, fault: unstable}]", func(at string) {
		c := dial(t, at)
		seen := 0
		if err := c.Put(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
		for seen < 3 {
			entries, err := c.Wait(t.Context(), 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			seen = 0
			for _, e := range entries {
				if e.Kind == record.Fault {
					seen++
				}
			}
		}
		state, err := c.State(t.Context())
		if err != nil || !slices.Equal(state.Faults, []string{"unstable"}) {
			t.Errorf("%v %v", state.Faults, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	err = play("steps:\n  - {at: 10ms, fault: paper_out}", nil)
	if !errors.Is(err, script.ErrScript) || !strings.Contains(err.Error(), `s.yaml:2: no fault "paper_out" of s1`) {
		t.Errorf("%v", err)
	}
}

func readLine(r io.Reader) (string, error) {
	var b strings.Builder
	one := make([]byte, 1)
	for {
		if _, err := r.Read(one); err != nil || one[0] == '\n' {
			return b.String(), err
		}
		b.WriteByte(one[0])
	}
}

// Every emulator on a line has the faults of a line.
func TestLineFaults(t *testing.T) {
	for _, kind := range onLines() {
		ready, target, run, err := start(Device{Kind: kind, Name: kind})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if ready.Path == "" {
			t.Errorf("%s has no path", kind)
		}
		for _, f := range []string{line.Noise, line.Split, line.Stall, line.Unplug} {
			if !slices.Contains(target.Faults(), f) {
				t.Errorf("%s has no fault %s", kind, f)
			}
		}
		if err := run(ctx); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// onLines are the kinds that have a device path.
func onLines() []string { return []string{Scale, Printer, Scanner, RFID, Sensor} }
