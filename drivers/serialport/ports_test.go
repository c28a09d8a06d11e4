package serialport

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
)

// usbSocket is a USB device of a fake machine, as sysfs shows it.
type usbSocket struct {
	at, id, serial, maker, product string
	ports                          map[string]string // interface number in hex → node
}

// machine is the tree of a machine with USB devices, a UART that is there, one
// that is not, a console and a pseudo-terminal.
func machine(sockets ...usbSocket) fstest.MapFS {
	m := fstest.MapFS{}
	file := func(name, text string) { m[name] = &fstest.MapFile{Data: []byte(text + "\n")} }
	link := func(name, to string) { m[name] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777} }
	tty := func(name, dir string) {
		link("sys/class/tty/"+name, "../../"+strings.TrimPrefix(dir, "sys/")+"/tty/"+name)
		file(dir+"/tty/"+name+"/dev", "188:0")
	}
	tty("ttyS0", "sys/devices/pnp0/00:04")
	file("sys/devices/pnp0/00:04/tty/ttyS0/type", "4")
	tty("ttyS1", "sys/devices/platform/serial8250")
	file("sys/devices/platform/serial8250/tty/ttyS1/type", "0")
	tty("tty1", "sys/devices/virtual")
	tty("console", "sys/devices/virtual")
	file("sys/devices/virtual/tty/console/active", "tty0 ttyS0")
	for _, s := range sockets {
		dir := "sys/devices/pci0000:00/0000:00:14.0/usb1/" + s.at
		vid, pid, _ := strings.Cut(s.id, ":")
		for name, text := range map[string]string{"idVendor": vid, "idProduct": pid, "serial": s.serial, "manufacturer": s.maker, "product": s.product} {
			if text != "" {
				file(dir+"/"+name, text)
			}
		}
		for number, node := range s.ports {
			inter := dir + "/" + s.at + ":1." + strings.TrimLeft(number, "0") + "0"
			file(inter+"/bInterfaceNumber", number)
			tty(node, inter+"/"+node)
			link("dev/serial/by-path/pci-0000:00:14.0-usb-0:"+s.at+":1."+number, "../../"+node)
			if s.serial != "" {
				link("dev/serial/by-id/usb-"+strings.ReplaceAll(s.product, " ", "_")+"_"+s.serial+"-if"+number, "../../"+node)
			}
		}
	}
	return m
}

var (
	ftdi  = usbSocket{"1-2", "0403:6011", "FT4ABC", "FTDI", "Quad RS232-HS", map[string]string{"00": "ttyUSB0", "01": "ttyUSB1"}}
	cheap = usbSocket{"1-3", "1A86:7523", "", "", "USB Serial", map[string]string{"00": "ttyUSB10"}}
	twin  = usbSocket{"1-4", "1a86:7523", "", "", "USB Serial", map[string]string{"00": "ttyUSB2"}}
)

func TestPorts(t *testing.T) {
	got, err := Ports(machine(ftdi, cheap, usbSocket{"1-9", "2341:0043", "\x1b[31m95\xff", "Evil\nMaker", strings.Repeat("x", 999), map[string]string{"00": "ttyACM0"}}))
	if err != nil {
		t.Fatal(err)
	}
	usb := func(n int) *USB { return &USB{"0403:6011", "FT4ABC", "FTDI", "Quad RS232-HS", n, "1-2"} }
	evil := strings.Repeat("x", 256)
	want := []Info{
		{Node: "/dev/ttyS0", Console: true},
		{Node: "/dev/ttyACM0", ByID: got[1].ByID, ByPath: got[1].ByPath, USB: &USB{"2341:0043", "[31m95", "Evil Maker", evil, 0, "1-9"}},
		{Node: "/dev/ttyUSB0", ByID: "/dev/serial/by-id/usb-Quad_RS232-HS_FT4ABC-if00", ByPath: "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1-2:1.00", USB: usb(0)},
		{Node: "/dev/ttyUSB1", ByID: "/dev/serial/by-id/usb-Quad_RS232-HS_FT4ABC-if01", ByPath: "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1-2:1.01", USB: usb(1)},
		{Node: "/dev/ttyUSB10", ByPath: "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1-3:1.00", USB: &USB{"1a86:7523", "", "", "USB Serial", 0, "1-3"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got[4].Stable() != got[4].ByPath || got[0].Stable() != "/dev/ttyS0" || got[2].Stable() != got[2].ByID {
		t.Error("the stable name is not the best one")
	}
	if s := got[2].USB.String(); s != "USB 0403:6011 FTDI Quad RS232-HS, serial FT4ABC" {
		t.Error(s)
	}
	if none, err := Ports(fstest.MapFS{}); err != nil || none != nil {
		t.Errorf("without sysfs: %v, %v", none, err)
	}
}

// The list is read from files alone: nothing below /dev but links is looked at.
func TestPortsOpensNoPort(t *testing.T) {
	m := machine(ftdi)
	for _, node := range []string{"ttyS0", "ttyUSB0", "ttyUSB1"} {
		m["dev/"+node] = &fstest.MapFile{Mode: fs.ModeDevice | fs.ModeCharDevice}
	}
	if _, err := Ports(guarded{m, t}); err != nil {
		t.Fatal(err)
	}
}

type guarded struct {
	fstest.MapFS
	t *testing.T
}

func (g guarded) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "dev/tty") {
		g.t.Errorf("%s was opened", name)
	}
	return g.MapFS.Open(name)
}

func TestFind(t *testing.T) {
	one, two := 1, 2
	m := machine(ftdi, cheap, twin)
	for _, c := range []struct {
		name Name
		node string
		err  error
	}{
		{Name{ID: "0403:6011", Interface: &one}, "/dev/ttyUSB1", nil},
		{Name{ID: "0403:6011", Serial: "FT4ABC", Interface: new(int)}, "/dev/ttyUSB0", nil},
		{Name{ID: "0403:6011", Serial: "FT4ABC"}, "", drivers.ErrAmbiguous},
		{Name{ID: "0403:6011", Interface: &two}, "", drivers.ErrUnplugged},
		{Name{ID: "0403:6011", Serial: "FT4AB"}, "", drivers.ErrUnplugged},
		{Name{ID: "1A86:7523"}, "", drivers.ErrAmbiguous},
		{Name{ID: "0922:8003"}, "", drivers.ErrUnplugged},
	} {
		got, err := Find(m, c.name)
		if got.Node != c.node || !errors.Is(err, c.err) || err != nil && drivers.CodeOf(err) == "" {
			t.Errorf("%s: %q, %v", c.name, got.Node, err)
		}
		if c.err == drivers.ErrAmbiguous && !strings.Contains(err.Error(), " and at /dev/serial/by-path/") {
			t.Errorf("%v does not say where they are", err)
		}
	}
	if got, err := Find(machine(ftdi, cheap), Name{ID: "1a86:7523"}); got.Node != "/dev/ttyUSB10" || err != nil {
		t.Errorf("the only one: %q, %v", got.Node, err)
	}
}

func TestNameCheck(t *testing.T) {
	minus := -1
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{USB: Name{ID: "0403:6001"}}, ""},
		{Config{USB: Name{ID: "0403:600"}}, "four hex digits"},
		{Config{USB: Name{ID: "04036001"}}, "four hex digits"},
		{Config{USB: Name{ID: "0x03:6001"}}, "four hex digits"},
		{Config{USB: Name{Serial: "A1"}}, "four hex digits"},
		{Config{USB: Name{ID: "0403:6001", Interface: &minus}}, "interface"},
		{Config{USB: Name{ID: "0403:6001"}, Path: "/dev/ttyUSB0"}, "either"},
	} {
		_, err := c.cfg.WithDefaults()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
}

// plant writes a fake tree to the disk, with nodes that lead to ptys.
func plant(t *testing.T, root string, m fstest.MapFS, nodes map[string]string) {
	t.Helper()
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(root, m); err != nil {
		t.Fatal(err)
	}
	for node, pty := range nodes {
		if err := os.Symlink(pty, filepath.Join(root, node)); err != nil {
			t.Fatal(err)
		}
	}
}

// A device that comes back as another ttyUSB is found behind its identity.
func TestHotPlugBehindTheSameIdentity(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	open, err := Opener(Config{USB: Name{ID: "1a86:7523"}, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t.Context()); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("before it is there: %v", err)
	}
	for _, node := range []string{"ttyUSB0", "ttyUSB7"} {
		master, path := line(t)
		s := cheap
		s.ports = map[string]string{"00": node}
		plant(t, root, machine(ftdiWithout(node), s), map[string]string{"dev/" + node: path})
		p, err := open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := master.WriteString(node); err != nil {
			t.Fatal(err)
		}
		if got := readN(t, p, len(node)); string(got) != node {
			t.Errorf("%s: %q", node, got)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	// A second one of the same kind: none of the two may be guessed.
	plant(t, root, machine(cheap, twin), nil)
	if _, err := open(t.Context()); drivers.CodeOf(err) != drivers.CodeAmbiguous {
		t.Errorf("two of a kind: %v", err)
	}
}

// ftdiWithout is another device whose nodes leave one free.
func ftdiWithout(node string) usbSocket {
	s := ftdi
	s.ports = map[string]string{"00": "ttyUSB4"}
	if node == "ttyUSB4" {
		s.ports = map[string]string{"00": "ttyUSB5"}
	}
	return s
}

// Two devices of one configuration whose names lead to the same port: the
// second is told who has it.
func TestSecondDeviceLearnsOfTheFirst(t *testing.T) {
	_, path := line(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	first := mustOpen(t, Config{Path: path, Owner: "pack1/scale"})
	if who := Holder(link); who != "pack1/scale" {
		t.Errorf("held by %q", who)
	}
	_, err := Open(t.Context(), Config{Path: link, Owner: "pack2/scale"})
	if drivers.CodeOf(err) != drivers.CodeBusy || !strings.Contains(err.Error(), "pack1/scale") {
		t.Errorf("second: %v", err)
	}
	tr := drivers.NewTracker("pack2/scale", "x", nil, nil)
	tr.Fail(err)
	if st := tr.Status(); st.Code != drivers.CodeBusy || !strings.Contains(st.Text, "pack1/scale") {
		t.Errorf("%+v", st)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if who := Holder(link); who != "" {
		t.Errorf("after Close it is held by %q", who)
	}
	mustOpen(t, Config{Path: link})
}

func TestLockedBy(t *testing.T) {
	// The form of /proc/locks is that of proc_locks(5).
	const locks = "1: POSIX  ADVISORY  READ  5433 08:01:7864448 128 128\n" +
		"2: FLOCK  ADVISORY  WRITE 4711 00:05:99 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 12 00:05:99 0 EOF\n" +
		"3: FLOCK  ADVISORY  WRITE 0 00:06:7 0 EOF\nrubbish\n"
	for _, c := range []struct {
		major, minor uint32
		inode        uint64
		want         int
	}{{0, 5, 99, 4711}, {0, 5, 9, 0}, {8, 1, 7864448, 0}, {0, 6, 7, 0}} {
		if got := lockedBy(locks, c.major, c.minor, c.inode); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
