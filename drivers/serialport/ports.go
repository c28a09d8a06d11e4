package serialport

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"tote/drivers"
)

// USB is who a port's USB device says it is.
type USB struct {
	ID        string `json:"id"` // vendor:product, lower case hex: "0403:6001"
	Serial    string `json:"serial,omitempty"`
	Maker     string `json:"maker,omitempty"`
	Product   string `json:"product,omitempty"`
	Interface int    `json:"interface"` // which of the device's ports, from 0
	// Socket is where it is plugged in, as the kernel counts: 1-1.4.2 is the second
	// port of the hub at the fourth port of the hub at the first port of bus 1.
	Socket string `json:"socket,omitempty"`
}

// String names the device for people.
func (u USB) String() string {
	s := "USB " + u.ID
	if name := strings.TrimSpace(u.Maker + " " + u.Product); name != "" {
		s += " " + name
	}
	if u.Serial != "" {
		s += ", serial " + u.Serial
	}
	return s
}

// Info is one serial port of the machine, open or not.
type Info struct {
	Node    string `json:"node"`              // /dev/ttyUSB0: may be another tomorrow
	ByID    string `json:"byId,omitempty"`    // link that follows the device
	ByPath  string `json:"byPath,omitempty"`  // link that follows the socket it is plugged into
	USB     *USB   `json:"usb,omitempty"`     // nil: built in
	Console bool   `json:"console,omitempty"` // of the operating system: hands off
}

// Stable is the best name for a configuration.
func (i Info) Stable() string { return cmp.Or(i.ByID, i.ByPath, i.Node) }

// Name is a port by the identity of its USB device; which node it has today is
// looked up at each open.
type Name struct {
	ID        string // vendor:product, "0403:6001"
	Serial    string // "" = any
	Interface *int   // nil = any
}

// String is the name in one line, the same for the same name.
func (n Name) String() string {
	s := "usb:" + strings.ToLower(n.ID)
	if n.Serial != "" {
		s += ":" + n.Serial
	}
	if n.Interface != nil {
		s += ":if" + strconv.Itoa(*n.Interface)
	}
	return s
}

// Check tells whether the name can be one.
func (n Name) Check() error {
	vid, pid, ok := strings.Cut(n.ID, ":")
	if ok {
		for _, h := range []string{vid, pid} {
			if _, err := strconv.ParseUint(h, 16, 16); err != nil || len(h) != 4 {
				ok = false
			}
		}
	}
	switch {
	case !ok:
		return fmt.Errorf("serial port: usb %q, want vendor:product in four hex digits each, as 0403:6001", n.ID)
	case n.Interface != nil && (*n.Interface < 0 || *n.Interface > 255):
		return fmt.Errorf("serial port: interface %d is not within 0..255", *n.Interface)
	}
	return nil
}

func (n Name) matches(u *USB) bool {
	return u != nil && strings.EqualFold(u.ID, n.ID) && (n.Serial == "" || n.Serial == u.Serial) && (n.Interface == nil || *n.Interface == u.Interface)
}

// Machine is the file system that Ports and Find look at: the root of this one.
func Machine() fs.FS { return os.DirFS("/") }

// Find looks a name up. It fails with ErrUnplugged when there is no such device
// and with DEV-110 when there are several: a guess would weigh for one station
// on the scale of the next.
func Find(root fs.FS, n Name) (Info, error) {
	all, err := Ports(root)
	if err != nil {
		return Info{}, err
	}
	var found []Info
	for _, i := range all {
		if n.matches(i.USB) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return Info{}, fmt.Errorf("%w: %s", drivers.ErrUnplugged, n)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, i := range found {
		names = append(names, cmp.Or(i.ByPath, i.Node))
	}
	return Info{}, fmt.Errorf("%w: %s is at %s", drivers.ErrAmbiguous, n, strings.Join(names, " and at "))
}

// Ports lists the serial ports of a machine, in order of their nodes. It reads
// sysfs and the links of udev and opens no port, as an open moves the modem
// lines: some devices start anew by that, and ports in use would be disturbed.
// root is the machine's root folder.
func Ports(root fs.FS) ([]Info, error) {
	entries, err := fs.ReadDir(root, "sys/class/tty")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("serial ports: %w", err)
	}
	byID, byPath := links(root, "dev/serial/by-id"), links(root, "dev/serial/by-path")
	consoles := strings.Fields(attribute(root, "sys/class/tty/console", "active"))
	var out []Info
	for _, e := range entries {
		dir, ok := device(root, e.Name())
		if !ok {
			continue
		}
		node := "/dev/" + e.Name()
		out = append(out, Info{
			Node: node, ByID: byID[node], ByPath: byPath[node],
			USB: usbOf(root, dir), Console: slices.Contains(consoles, e.Name()),
		})
	}
	slices.SortFunc(out, func(a, b Info) int {
		return cmp.Or(cmp.Compare(len(a.Node), len(b.Node)), cmp.Compare(a.Node, b.Node))
	})
	return out, nil
}

// device is the sysfs folder of a tty that has hardware behind it.
func device(root fs.FS, name string) (string, bool) {
	const class = "sys/class/tty"
	to, err := fs.ReadLink(root, path.Join(class, name))
	if err != nil {
		return "", false
	}
	dir := path.Join(class, to)
	if strings.Contains(dir, "/devices/virtual/") && !strings.HasPrefix(name, "rfcomm") {
		return "", false // consoles and pseudo-terminals
	}
	// The kernel makes nodes for UARTs that may be there; type 0 are those that are not.
	return dir, attribute(root, dir, "type") != "0"
}

// usbOf climbs from a tty to its USB interface and device.
func usbOf(root fs.FS, dir string) *USB {
	number := 0
	for ; dir != "." && dir != "sys"; dir = path.Dir(dir) {
		if s := attribute(root, dir, "bInterfaceNumber"); s != "" {
			if n, err := strconv.ParseUint(s, 16, 8); err == nil {
				number = int(n)
			}
		}
		vid := attribute(root, dir, "idVendor")
		if vid == "" {
			continue
		}
		return &USB{
			ID:     strings.ToLower(vid + ":" + attribute(root, dir, "idProduct")),
			Serial: attribute(root, dir, "serial"), Maker: attribute(root, dir, "manufacturer"),
			Product: attribute(root, dir, "product"), Interface: number, Socket: path.Base(dir),
		}
	}
	return nil
}

// maxAttribute bounds what is read of one attribute of sysfs, in bytes.
const maxAttribute = 256

// attribute reads one attribute, "" when there is none. A device chooses what
// stands in its strings, and they end up on screens: control characters go.
func attribute(root fs.FS, dir, name string) string {
	b, err := fs.ReadFile(root, path.Join(dir, name))
	if err != nil {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b[:min(len(b), maxAttribute)]), " "))
	return strings.TrimSpace(text)
}

// links reads the links of udev: node → link.
func links(root fs.FS, dir string) map[string]string {
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for _, e := range entries { // sorted: of two links the first stays
		name := path.Join(dir, e.Name())
		to, err := fs.ReadLink(root, name)
		if err != nil {
			continue
		}
		if !path.IsAbs(to) {
			to = "/" + path.Join(dir, to)
		}
		if out[to] == "" {
			out[to] = "/" + name
		}
	}
	return out
}
