package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const unit = "files/usr/lib/systemd/system/tote.service"

// mostExposure is what `systemd-analyze security` may say: 0 is sealed, 10 is open.
const mostExposure = 2.0

func TestUnitIsHardened(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: no systemd-analyze (Debian package systemd): how exposed the unit is was not measured")
	}
	out, err := exec.Command(tool, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for tote.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Skipf("SKIPPED: this systemd-analyze does not know --offline: %v %.300s", err, out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || level >= mostExposure {
		t.Errorf("exposure %s, want below %v\n%s", m[1], mostExposure, out)
	}
	t.Logf("exposure %s", m[1])
}

// updateUnit is root, and may do no more than it must.
const updateUnit = "files/usr/lib/systemd/system/tote-update.service"

func TestUpdateUnit(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: no systemd-analyze (Debian package systemd): how exposed the unit is was not measured")
	}
	out, err := exec.Command(tool, "security", "--offline=true", "--no-pager", updateUnit).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for tote-update.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Skipf("SKIPPED: this systemd-analyze does not know --offline: %v %.300s", err, out)
	}
	// Root counts for most of it.
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level >= 3 {
		t.Errorf("exposure %s, want below 3\n%s", m[1], out)
	}
	t.Logf("exposure %s", m[1])
}

// TestUnitVerifies: systemd knows every key of the unit.
func TestUnitVerifies(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: no systemd-analyze (Debian package systemd)")
	}
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "tote.service")
	program := regexp.MustCompile(`/usr/bin/tote\b`).ReplaceAllString(string(text), "/bin/true")
	if err := os.WriteFile(copied, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(tool, "verify", "--man=no", copied).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "tote.service") && (strings.Contains(line, "Unknown") || strings.Contains(line, "nvalid") || strings.Contains(line, "ignoring")) {
			t.Error(line)
		}
	}
}

// TestUnitSays what a reader of the incidents it prevents would look for.
func TestUnitSays(t *testing.T) {
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Type=notify", "WatchdogSec=30", "Restart=always", "StartLimitIntervalSec=0", "RestartPreventExitStatus=78", "User=tote",
		"ExecStartPre=-+/usr/lib/tote/slot start", "DevicePolicy=closed", "DeviceAllow=char-ttyUSB rw", "StateDirectory=tote/state", "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes",
	} {
		if !strings.Contains("\n"+string(text), "\n"+line+"\n") {
			t.Errorf("the unit does not say %s", line)
		}
	}
	if strings.Contains(string(text), "\nDynamicUser") || strings.Contains(string(text), "\nProcSubset") {
		t.Error("a dynamic user gets no devices, and periph reads /proc/cpuinfo")
	}
}

// TestKindsOfDevices: every kind the unit lets in is a kind that udev gives to the
// group, and the modules that make it known are loaded at boot.
func TestKindsOfDevices(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("files", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	rules, modules := read("usr/lib/udev/rules.d/99-tote.rules"), strings.Fields(read("usr/lib/modules-load.d/tote.conf"))
	for kind, rule := range map[string]string{
		"char-ttyUSB": "ttyUSB[0-9]*", "char-ttyACM": "ttyACM[0-9]*", "char-ttyS": "ttyS[0-9]*", "char-ttyAMA": "ttyAMA[0-9]*",
		"char-gpiochip": "gpiochip[0-9]*", "char-hidraw": `SUBSYSTEM=="hidraw"`, "char-input": `SUBSYSTEM=="input"`,
	} {
		if !strings.Contains(read("usr/lib/systemd/system/tote.service"), "\nDeviceAllow="+kind+" rw\n") || !strings.Contains(rules, rule) {
			t.Errorf("%s and %s do not go together", kind, rule)
		}
	}
	for _, want := range []string{"usbserial", "ftdi_sio", "cp210x", "ch341", "pl2303", "cdc_acm", "usbhid"} {
		found := false
		for _, m := range modules {
			found = found || m == want
		}
		if !found {
			t.Errorf("%s is not loaded at boot", want)
		}
	}
	for line := range strings.Lines(rules) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && (!strings.Contains(line, `GROUP="tote"`) || !strings.Contains(line, `MODE="0660"`)) {
			t.Errorf("this rule gives nothing to tote: %s", line)
		}
	}
}

func TestShellcheck(t *testing.T) {
	tool, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SKIPPED: no shellcheck (Debian package shellcheck): the maintainer scripts were run and not looked through")
	}
	files, err := filepath.Glob("scripts/*")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	out, err := exec.Command(tool, append([]string{"-s", "sh", "files/usr/lib/tote/slot"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
