package inspect

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"tote/drivers/serialport"
)

// UdevFile is the name the rules of WriteUdev are meant for. It sorts behind those
// of ModemManager (77 to 80) and brltty (85, 90), whose words they take back, and
// before 99-tote.rules of the package, which gives the group to every port.
const UdevFile = "98-tote-devices.rules"

const udevHead = `# Names of the devices of this machine, made by "tote devices udev". As root:
#   tote devices udev > /etc/udev/rules.d/` + UdevFile + `
#   udevadm control --reload && udevadm trigger --subsystem-match=tty --subsystem-match=usb --subsystem-match=hidraw --action=add
# Then name them in the configuration: serial: {path: /dev/tote/NAME}

`

// WriteUdev prints rules for udev: one name for each port that stays the same
// whatever is found first at boot, the group of the agent, and that ModemManager and
// brltty leave the port alone: both write into ports that are none of theirs. A
// device without a serial number of its own is named by the socket it is plugged
// into.
func WriteUdev(w io.Writer, rows []Row) error {
	var b strings.Builder
	b.WriteString(udevHead)
	kept := map[string]bool{} // USB devices that others are told to leave alone
	for _, r := range rows {
		name := udevName(r)
		switch {
		case r.Console:
			fmt.Fprintf(&b, "# %s is the console of the machine: left alone\n\n", r.Node)
			continue
		case r.Node == "":
			fmt.Fprintf(&b, "# %s (%s) is not plugged in: plug it in and run the command again\n\n", r.Device, r.Port)
			continue
		case r.USB == nil:
			fmt.Fprintf(&b, "# %s is built in and always has this name\n\n", r.Node)
			continue
		}
		match, by := udevMatch(*r.USB, rows)
		title := r.USB.String()
		if r.Device != "" {
			title = r.Device + ": " + title
		}
		fmt.Fprintf(&b, "# %s, now %s, named by %s\n", clean(title), r.Node, by)
		mark := ""
		if r.Device == "" {
			fmt.Fprintf(&b, "# Nobody configured it: say what it is in SYMLINK and take the # away.\n")
			mark = "# "
		}
		fmt.Fprintf(&b, "%sACTION!=\"remove\", SUBSYSTEM==\"tty\", %s, SYMLINK+=\"tote/%s\", GROUP=\"tote\", MODE=\"0660\", ENV{ID_MM_PORT_IGNORE}=\"1\"\n", mark, match, name)
		if r.Device != "" && !kept[r.USB.ID] {
			kept[r.USB.ID] = true
			vid, pid, _ := strings.Cut(r.USB.ID, ":")
			fmt.Fprintf(&b, "ACTION!=\"remove\", SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", ATTR{idVendor}==\"%s\", ATTR{idProduct}==\"%s\", ENV{ID_MM_DEVICE_IGNORE}=\"1\", ENV{BRLTTY_BRAILLE_DRIVER}=\"\", ENV{SYSTEMD_WANTS}=\"\"\n", vid, pid)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// odd is what may not stand in the name of a link or in a match: a device chooses
// its serial number itself.
var odd = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// udevName is the name of a port: that of its device, else what it is.
func udevName(r Row) string {
	name := r.Device
	if name == "" && r.USB != nil {
		name = strings.Trim(r.USB.ID+"-"+r.USB.Serial, "-")
	}
	return strings.Trim(odd.ReplaceAllString(name, "-"), "-.")
}

// udevMatch tells this port from all others: by vendor, product and serial number,
// and by its socket where there is no serial number or another has it, too.
func udevMatch(u serialport.USB, rows []Row) (match, by string) {
	several, twin := false, false
	for _, r := range rows {
		if r.USB == nil || r.USB.Socket == u.Socket && r.USB.Interface == u.Interface {
			continue
		}
		several = several || r.USB.Socket == u.Socket
		twin = twin || r.USB.Socket != u.Socket && r.USB.ID == u.ID && r.USB.Serial == u.Serial
	}
	vid, pid, _ := strings.Cut(u.ID, ":")
	match = fmt.Sprintf(`SUBSYSTEMS=="usb", ATTRS{idVendor}=="%s", ATTRS{idProduct}=="%s"`, vid, pid)
	switch {
	case u.Serial != "" && !odd.MatchString(u.Serial) && !twin:
		match += fmt.Sprintf(`, ATTRS{serial}=="%s"`, u.Serial)
		by = "its serial number"
	default:
		match += fmt.Sprintf(`, KERNELS=="%s"`, u.Socket)
		by = "the socket it is plugged into (" + u.Socket + ")"
	}
	if several {
		match += fmt.Sprintf(`, ENV{ID_USB_INTERFACE_NUM}=="%02x"`, u.Interface)
		by += " and its interface"
	}
	return match, by
}

// clean is a text for a comment.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
