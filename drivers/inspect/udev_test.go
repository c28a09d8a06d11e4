package inspect

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/drivers/serialport"
)

func udevOf(t *testing.T, rows []Row) (rules []string, all string) {
	t.Helper()
	var b strings.Builder
	if err := WriteUdev(&b, rows); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			rules = append(rules, line)
		}
	}
	return rules, b.String()
}

// form is the grammar of a line of rules: key, operator, value in quotes.
var form = regexp.MustCompile(`^(?:[A-Z]+(?:\{[A-Za-z_]+\})?(?:==|!=|\+=|=)"[^"]*"(?:, |$))+$`)

func TestUdev(t *testing.T) {
	usb := func(id, serial, socket string, number int) *serialport.USB {
		return &serialport.USB{ID: id, Serial: serial, Maker: "FTDI\nx", Interface: number, Socket: socket}
	}
	rows := []Row{
		{Node: "/dev/ttyS0", Console: true},
		{Node: "/dev/ttyAMA0", Device: "pack2/scale"},
		{Node: "/dev/ttyUSB0", USB: usb("0403:6001", "A10K7F2X", "1-1.2", 0), Device: "pack1/scale"},
		{Node: "/dev/ttyUSB1", USB: usb("1a86:7523", "", "1-1.3", 0), Device: "pack1/scanner"},
		{Node: "/dev/ttyUSB2", USB: usb("1a86:7523", "", "1-1.4", 0), Device: "dock1/scanner"},
		{Node: "/dev/ttyUSB3", USB: usb("0403:6011", "Q1", "1-2", 0), Device: "dock1/rfid"},
		{Node: "/dev/ttyUSB4", USB: usb("0403:6011", "Q1", "1-2", 1)},
		{Node: "/dev/ttyACM0", USB: usb("2341:0043", `9"5, RUN+="x`, "1-9", 0), Device: "cold1/sensor"},
		// Clones of one maker have one serial number.
		{Node: "/dev/ttyUSB5", USB: usb("10c4:ea60", "0001", "1-5.1", 0), Device: "pack4/scale"},
		{Node: "/dev/ttyUSB6", USB: usb("10c4:ea60", "0001", "1-5.2", 0), Device: "pack5/scale"},
		{Port: "/dev/serial/by-id/gone", Device: "pack3/printer"},
	}
	rules, all := udevOf(t, rows)
	tty := func(match, name string) string {
		return `ACTION!="remove", SUBSYSTEM=="tty", SUBSYSTEMS=="usb", ` + match + `, SYMLINK+="tote/` + name + `", GROUP="tote", MODE="0660", ENV{ID_MM_PORT_IGNORE}="1"`
	}
	alone := func(vid, pid string) string {
		return `ACTION!="remove", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="` + vid + `", ATTR{idProduct}=="` + pid + `", ENV{ID_MM_DEVICE_IGNORE}="1", ENV{BRLTTY_BRAILLE_DRIVER}="", ENV{SYSTEMD_WANTS}=""`
	}
	want := []string{
		tty(`ATTRS{idVendor}=="0403", ATTRS{idProduct}=="6001", ATTRS{serial}=="A10K7F2X"`, "pack1-scale"), alone("0403", "6001"),
		tty(`ATTRS{idVendor}=="1a86", ATTRS{idProduct}=="7523", KERNELS=="1-1.3"`, "pack1-scanner"), alone("1a86", "7523"),
		tty(`ATTRS{idVendor}=="1a86", ATTRS{idProduct}=="7523", KERNELS=="1-1.4"`, "dock1-scanner"),
		tty(`ATTRS{idVendor}=="0403", ATTRS{idProduct}=="6011", ATTRS{serial}=="Q1", ENV{ID_USB_INTERFACE_NUM}=="00"`, "dock1-rfid"), alone("0403", "6011"),
		tty(`ATTRS{idVendor}=="2341", ATTRS{idProduct}=="0043", KERNELS=="1-9"`, "cold1-sensor"), alone("2341", "0043"),
		tty(`ATTRS{idVendor}=="10c4", ATTRS{idProduct}=="ea60", KERNELS=="1-5.1"`, "pack4-scale"), alone("10c4", "ea60"),
		tty(`ATTRS{idVendor}=="10c4", ATTRS{idProduct}=="ea60", KERNELS=="1-5.2"`, "pack5-scale"),
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"/dev/ttyS0 is the console", "/dev/ttyAMA0 is built in", "pack3/printer (/dev/serial/by-id/gone) is not plugged in", `# ACTION!="remove", SUBSYSTEM=="tty"`, UdevFile} {
		if !strings.Contains(all, text) {
			t.Errorf("no %q in\n%s", text, all)
		}
	}
	for _, r := range rules {
		if !form.MatchString(r) || strings.Contains(r, "RUN") {
			t.Errorf("no rule: %s", r)
		}
	}
	// They come before the rules of the package, which give the group to all.
	if !(UdevFile > "90-brltty.rules" && UdevFile < "99-tote.rules") {
		t.Error(UdevFile)
	}
	verify(t, all)
}

// verify has udev itself read the rules, where it can.
func verify(t *testing.T, rules string) {
	t.Helper()
	udevadm, err := exec.LookPath("udevadm")
	if err == nil {
		err = exec.CommandContext(t.Context(), udevadm, "verify", "--version").Run()
	}
	if err != nil {
		t.Log("NOT TRIED: there is no udevadm verify here (systemd 254 and newer have it)")
		return
	}
	file := filepath.Join(t.TempDir(), UdevFile)
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	// The group is of the package, so names are not looked up.
	if out, err := exec.CommandContext(t.Context(), udevadm, "verify", "--resolve-names=never", "--no-style", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
