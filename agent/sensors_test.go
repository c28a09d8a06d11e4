package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tote/drivers"
	"tote/firmware-tests/control"
	"tote/firmware-tests/emulate"
	"tote/warehouse"
)

// TestRow71TemperatureOfADock: a real sensor's driver, on a pty, tells how warm
// a dock is; the site keeps it, and a sensor that falls silent or tells nonsense
// is a fault and no reading.
func TestRow71TemperatureOfADock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "dev", "cold1")
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		dev := emulate.Device{Kind: emulate.Sensor, Link: link}
		dev.Sensor.MilliC, dev.Sensor.MilliRH = 4_000, 60_000
		err := emulate.Main(ctx, emulate.Options{Devices: []emulate.Device{dev}, JSON: true}, in)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var ready emulate.Ready
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		t.Skipf("NO PTYS HERE: %v", err)
	}
	air, err := control.Dial(t.Context(), ready.Control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = air.Close() })

	s := &site{
		t: t, dir: dir, mqtt: "127.0.0.1:0", web: "127.0.0.1:0",
		more: fmt.Sprintf("sensors: [{id: cold1, driver: xy-md02, interval_ms: 100, dock: d1, serial: {path: %q}}]\n", link),
	}
	s.begin()
	reading := func() (r *warehouse.Reading) {
		s.must(s.gw.agent.view(func(v warehouse.Reader) (err error) {
			r, err = warehouse.GetReading(v, "dock/d1")
			return err
		}))
		return r
	}
	shown := func() string { return s.gw.agent.readings.get("cold1/sensor") }
	s.eventually("it is shown", func() bool { return shown() == "4.0 °C, 60.0 % RH" })
	if r := reading(); r != nil {
		t.Errorf("the site keeps no readings, and there is %+v", r)
	}
	text := strings.Replace(s.file("site.json"), `"leaseMs"`, `"readingMs": 86400000, "leaseMs"`, 1)
	if code, b := s.call("PUT", "/v1/site", "application/json", text); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	s.eventually("the site has it", func() bool { r := reading(); return r != nil && r.DeciC == 40 && r.Sensor == "cold1" })
	first := reading()

	// A little warmer is shown and not written; much warmer is.
	s.must(air.Climate(t.Context(), 4_300, 60_000))
	s.eventually("a little warmer is shown", func() bool { return strings.HasPrefix(shown(), "4.3 ") })
	s.must(air.Climate(t.Context(), -20_500, 60_000))
	s.eventually("much colder is recorded", func() bool { return reading().DeciC == -205 })
	if r := reading(); r.By != "sensor/cold1" || r.At < first.At {
		t.Errorf("%+v after %+v", r, first)
	}
	device := func() (code string) {
		for _, d := range s.gw.agent.status().Devices {
			if d.Name == "cold1/sensor" {
				code = d.Code
			}
		}
		return code
	}
	s.must(air.Fault(t.Context(), "broken", true))
	s.eventually("a torn probe is a fault", func() bool { return device() == drivers.CodeSensorRange })
	if r := reading(); r.DeciC != -205 {
		t.Errorf("nonsense was recorded: %+v", r)
	}
	s.must(air.Fault(t.Context(), "broken", false))
	s.must(air.Fault(t.Context(), "stall", true))
	s.eventually("silence is a fault", func() bool { return device() == drivers.CodeSensorSilent })
}
