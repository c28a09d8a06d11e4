//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"

	"tote/agent"
	"tote/agent/api"
	"tote/drivers"
	"tote/drivers/scale"
	"tote/drivers/scale/sics"
	"tote/drivers/serialport"
	"tote/firmware-tests/emulate"
	emuscale "tote/firmware-tests/scale"
)

// lineOverhead is what the issue allows the driver of a scale to add to the
// round trip of its line, in microseconds.
const lineOverhead = 200

// quietGoal is how much of one core 64 devices may take that have nothing to
// say, in per cent.
const quietGoal = 10

// scaleLine measures a question to a scale and its answer over a pty, from the
// moment the driver has nothing more to do with the answer before until the
// reading is with its owner, beside the same bytes moved by plain reads and
// writes.
func scaleLine(ctx context.Context, _ string) error {
	const rounds = 600
	master, slave, err := pty.Open()
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(slave.Close(), master.Close()) }() // open until the end: without anybody at its end the master fails
	path := slave.Name()
	open, err := serialport.Opener(serialport.Config{Path: path})
	if err != nil {
		return err
	}
	// The scale at the other end answers at once, in both cases the same.
	go func() {
		var buf [64]byte
		for {
			n, err := master.Read(buf[:])
			if err != nil {
				return
			}
			if n > 0 && buf[n-1] == '\n' {
				if _, err := master.WriteString("S S     100.00 g\r\n"); err != nil {
					return
				}
			}
		}
	}()
	// The port sets the line raw; the plain file is used on the same line then.
	port, err := open(ctx)
	if err != nil {
		return err
	}
	if err := port.Close(); err != nil {
		return err
	}
	plain, err := plainTrips(slave, rounds)
	if err != nil {
		return err
	}
	driven, err := drivenTrips(ctx, open, rounds)
	if err != nil {
		return err
	}
	raw, all := percentile(plain, 0.5)*1000, percentile(driven, 0.5)*1000
	report("scale_raw_round_trip_p50", raw, "us", 0)
	report("scale_raw_round_trip_p99", percentile(plain, 0.99)*1000, "us", 0)
	report("scale_driver_round_trip_p50", all, "us", 0)
	report("scale_driver_round_trip_p99", percentile(driven, 0.99)*1000, "us", 0)
	report("scale_driver_overhead_p50", all-raw, "us", lineOverhead)
	return nil
}

// plainTrips asks and reads the answer on the bare file, as often as the driver
// does and as far apart.
func plainTrips(line *os.File, rounds int) ([]time.Duration, error) {
	var took []time.Duration
	var buf [256]byte
	for range rounds {
		<-time.After(10 * time.Millisecond)
		at := time.Now()
		if _, err := line.WriteString(sics.Ask); err != nil {
			return nil, err
		}
		for n := 0; n < len("S S     100.00 g\r\n"); {
			m, err := line.Read(buf[n:])
			if err != nil {
				return nil, err
			}
			n += m
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}

// drivenTrips lets the driver poll. A trip begins with the first call of the
// port after a reading was delivered.
func drivenTrips(ctx context.Context, open drivers.Opener, rounds int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watched{}
	var took []time.Duration
	d, err := scale.New(scale.Config{
		Name: "bench/scale", Protocol: sics.Protocol(), Interval: 10 * time.Millisecond,
		Open: func(ctx context.Context) (p drivers.Port, err error) { w.Port, err = open(ctx); return w, err },
		Sink: func(scale.Reading) {
			if !w.begun.IsZero() {
				took = append(took, time.Since(w.begun))
				w.begun = time.Time{}
			}
			if len(took) == rounds {
				cancel()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if err := d.Run(ctx); err != nil {
		return nil, err
	}
	return took, nil
}

// watched is a port that notes when a trip begins. All is done by the driver's
// goroutine.
type watched struct {
	drivers.Port
	begun time.Time
}

func (w *watched) Read(ctx context.Context, p []byte) (int, error) {
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	return w.Port.Read(ctx, p)
}

// runDevices is the process of the emulated devices.
func runDevices(ctx context.Context, file string) error {
	list, err := emulate.LoadGroup(file)
	if err != nil {
		return err
	}
	return emulate.Main(ctx, emulate.Options{Devices: list, JSON: true}, os.Stdout)
}

// The devices of a big hall on one gateway: pack stations with scale and
// scanner, and doors with an RFID reader that finds nothing.
const (
	quietStations = 28
	quietDoors    = 8
)

// quiet measures what 64 serial devices that have nothing to say cost the
// gateway: its own processor time, not that of the emulated devices, which live
// in a process of their own. Quiet scales are polled ten times a second all the
// same, or talk ten times a second, and quiet readers ask for tags without end.
func quiet(ctx context.Context, dir string) error {
	var group struct {
		Devices []emulate.Device `json:"devices"`
	}
	protocols := []string{"mt-sics", "mt-sics", "toledo", "nci"}
	var conf strings.Builder
	conf.WriteString("stations:\n")
	for i := range quietStations {
		id, link := fmt.Sprintf("pack%d", i), func(kind string) string { return filepath.Join(dir, fmt.Sprintf("%s%d", kind, i)) }
		protocol := protocols[i%len(protocols)]
		group.Devices = append(group.Devices,
			emulate.Device{Kind: emulate.Scale, Name: id + "-scale", Link: link("scale"), Scale: emuscale.Params{Protocol: protocol}},
			emulate.Device{Kind: emulate.Scanner, Name: id + "-scanner", Link: link("scanner")})
		fmt.Fprintf(&conf, "  - id: %s\n    scale: {driver: %s, serial: {path: %s}}\n    scanner: {serial: {path: %s}}\n", id, protocol, link("scale"), link("scanner"))
	}
	conf.WriteString("docks:\n")
	for i := range quietDoors {
		id, link := fmt.Sprintf("dock%d", i), filepath.Join(dir, fmt.Sprintf("rfid%d", i))
		group.Devices = append(group.Devices, emulate.Device{Kind: emulate.RFID, Name: id + "-rfid", Link: link})
		fmt.Fprintf(&conf, "  - id: %s\n    rfid: {driver: r2000, antennas: 4, serial: {path: %s, baud: 115200}}\n", id, link)
	}
	file := filepath.Join(dir, "devices.json")
	text, err := json.Marshal(group)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	return withDevices(ctx, file, len(group.Devices), func() error {
		return withGatewayOf(ctx, dir, conf.String(), func(addr agent.Addresses, pid int) error {
			return measureQuiet(ctx, addr, pid, len(group.Devices))
		})
	})
}

// withDevices runs fn beside the emulated devices.
func withDevices(ctx context.Context, file string, n int, fn func() error) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, "-devices", file)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for range n {
		if !lines.Scan() {
			return errors.Join(errors.New("the devices did not start"), cmd.Wait())
		}
	}
	err = fn()
	stop := cmd.Process.Signal(os.Interrupt)
	return errors.Join(err, stop, cmd.Wait())
}

// measureQuiet waits until all devices are ready, then reads what the gateway
// worked in three stretches of ten seconds and takes the middle one.
func measureQuiet(ctx context.Context, addr agent.Addresses, pid, devices int) error {
	if _, err := setUp(ctx, addr.HTTP); err != nil {
		return err
	}
	for limit := time.Now().Add(time.Minute); ; {
		n, err := readyDevices(ctx, addr.HTTP)
		if err != nil {
			return err
		}
		if n == devices {
			break
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%d of %d devices are ready", n, devices)
		}
		if err := wait(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	if err := wait(ctx, 5*time.Second); err != nil { // what the start left to do
		return err
	}
	var shares []float64
	for range 3 {
		before, err := workedBy(pid)
		if err != nil {
			return err
		}
		at := time.Now()
		if err := wait(ctx, 10*time.Second); err != nil {
			return err
		}
		after, err := workedBy(pid)
		if err != nil {
			return err
		}
		shares = append(shares, 100*float64(after-before)/float64(time.Since(at)))
	}
	report("serial_devices_quiet_of_a_core", median(shares), "%", quietGoal)
	report("serial_devices", float64(devices), "", 0)
	report("cores", float64(runtime.NumCPU()), "", 0)
	return nil
}

// readyDevices counts the devices that work.
func readyDevices(ctx context.Context, address string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/status", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var status api.Status
	if err := json.NewDecoder(res.Body).Decode(&status); err != nil {
		return 0, err
	}
	n := 0
	for _, d := range status.Gateway.Devices {
		if d.State == "ready" {
			n++
		}
	}
	return n, nil
}

// workedBy is what a process has worked, user and system, as the kernel
// counts it for it (the same count getrusage gives), in ticks of 10 ms.
func workedBy(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold anything; behind it the fields are numbers.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	ticks := int64(0)
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
