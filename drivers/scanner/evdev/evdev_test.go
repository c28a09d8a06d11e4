package evdev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tote/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// down and up are a key's events; tap is both.
func down(codes ...uint16) (es []Input) {
	for _, c := range codes {
		es = append(es, Input{evKey, c, 1}, Input{evSyn, 0, 0})
	}
	return es
}

func up(codes ...uint16) (es []Input) {
	for _, c := range codes {
		es = append(es, Input{evKey, c, 0}, Input{evSyn, 0, 0})
	}
	return es
}

func tap(codes ...uint16) (es []Input) {
	for _, c := range codes {
		es = append(append(es, down(c)...), up(c)...)
	}
	return es
}

func with(mod uint16, es []Input) []Input {
	return append(append(down(mod), es...), up(mod)...)
}

func all(parts ...[]Input) (es []Input) {
	for _, p := range parts {
		es = append(es, p...)
	}
	return es
}

func typed(t *testing.T, l Layout, es []Input) string {
	t.Helper()
	k, err := NewKeyboard(l)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range es {
		k.Event(Decode(e.Append(nil)), func(r rune) { b.WriteRune(r) }, func() { b.WriteString("<enter>") }, func(dropped bool) {
			b.WriteString(map[bool]string{true: "<dropped>", false: "<key>"}[dropped])
		})
	}
	return b.String()
}

func TestKeyboard(t *testing.T) {
	digits := []uint16{11, 2, 3, 4, 5, 6, 7, 8, 9, 10} // 0 to 9
	for name, c := range map[string]struct {
		layout Layout
		es     []Input
		want   string
	}{
		"digits":                {US, all(tap(digits...), tap(keyEnter)), "0123456789<enter>"},
		"keypad":                {US, tap(82, 79, 80, 81, 75, 76, 77, 71, 72, 73, keyKPEnter), "0123456789<enter>"},
		"letters":               {US, all(tap(30, 48), with(keyShiftL, tap(30)), with(keyShiftR, tap(48))), "abAB"},
		"AIM identifier":        {US, all(tap(keyBracket), with(keyShiftL, tap(46)), tap(2)), "]C1"},
		"punctuation":           {US, all(tap(12, 13, 39, 40, 41, 43, 51, 52, 53, 57), with(keyShiftL, tap(12, 13, 39, 40, 41, 43, 51, 52, 53, 57))), "-=;'`\\,./ _+:\"~|<>? "},
		"caps lock":             {US, all(tap(keyCaps, 30, 2), with(keyShiftL, tap(30)), tap(keyCaps, 30)), "A1aa"},
		"GS as Ctrl ]":          {US, all(tap(2), with(keyCtrlL, tap(keyBracket)), tap(3)), "1\x1d2"},
		"GS as F8":              {US, tap(2, keyF8, 3), "1\x1d2"},
		"GS as Alt 029":         {US, all(tap(2), with(keyAltL, tap(82, 80, 73)), tap(3)), "1\x1d2"},
		"Alt with nothing":      {US, all(with(keyAltL, nil), tap(3)), "2"},
		"Alt beyond ASCII":      {US, with(keyAltL, tap(82, 80, 76, 82)), "<key>"},
		"Alt with too much":     {US, with(keyAltL, tap(79, 79, 79, 79, 79)), "<key>"},
		"Enter as Ctrl M":       {US, with(keyCtrlR, tap(50)), "\r"},
		"another control":       {US, with(keyCtrlL, tap(30)), "<key>"},
		"held":                  {US, append(append(down(30), Input{evKey, 30, 2}, Input{evKey, 30, 2}), up(30)...), "a"},
		"no character":          {US, tap(1), "<key>"},
		"not a key":             {US, []Input{{4, 4, 30}, {2, 0, 1}}, ""},
		"let go, never pressed": {US, all(up(30), tap(31)), "<dropped>s"},
		"pressed twice":         {US, all(tap(30), down(31), tap(31)), "as<dropped>s"},
		"shift out of nothing":  {US, all(down(keyShiftL), up(30), tap(31), down(keyShiftL), up(keyShiftL)), "<dropped>s"},
		"caps out of nothing":   {US, all(tap(30, keyEnter), down(keyCaps), up(30), tap(31)), "a<enter><dropped>s"},
		"shift held at the end": {US, all(down(keyShiftL), tap(30, keyEnter, 31)), "A<dropped><enter><dropped>s"},
		"a value of no key":     {US, all([]Input{{evKey, 30, 3}}, tap(31)), "<dropped>s"},
		"no event of a kernel":  {US, all([]Input{{0x20, 30, 0}}, tap(31)), "<dropped>s"},
		"dropped, with shift":   {US, all(down(keyShiftL), []Input{{evSyn, synDropped, 0}}, tap(30)), "<dropped>a"},
		"German letters":        {DE, all(tap(21, 44), with(keyShiftL, tap(21, 44)), tap(26, 39, 40, 12)), "zyZYüöäß"},
		"German brackets":       {DE, all(with(keyAltGr, tap(10)), with(keyShiftL, tap(46)), tap(2)), "]C1"},
		"German signs":          {DE, all(with(keyShiftL, tap(8, 11, 12, 53, 52, 51)), tap(53, 27, 43)), "/=?_:;-+#"},
		"German GS":             {DE, all(tap(2), with(keyCtrlL, tap(keyBracket)), tap(3)), "1\x1d2"},
		"German AltGr":          {DE, with(keyAltGr, tap(16, 12, 8, 11, 86, 27)), "@\\{}|~"},
		"dead key":              {DE, all(tap(41, keySpace), tap(13, keySpace), with(keyShiftL, tap(13)), tap(keySpace)), "^´`"},
		"dead key and letter":   {DE, tap(41, 30), "<key>"},
		"degree":                {DE, with(keyShiftL, tap(41)), "°"},
	} {
		if got := typed(t, c.layout, c.es); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if _, err := NewKeyboard("fr"); err == nil {
		t.Error("took a layout it does not have")
	}
}

// Keys that scanners of others typed, from logs of people who read them on Linux.
func TestKeysOfRealScanners(t *testing.T) {
	// A Zebra scanner: type 1, codes of the barcode 6935205322654 and Enter
	// (blog.csdn.net, article 121553819).
	if got := typed(t, US, tap(7, 10, 4, 6, 3, 11, 6, 4, 3, 3, 7, 6, 5, 28)); got != "6935205322654<enter>" {
		t.Errorf("%q", got)
	}
	// A Datalogic Gryphon GFS4400 that types with Alt and the keypad: Num Lock,
	// then 052 and 056 (monoocde1.blogspot.com, 2015/01, python-evdev usb barcode
	// reader); its barcode begins with 48.
	gryphon := all(tap(keyNumLock), with(keyAltL, tap(82, 76, 80)), with(keyAltL, tap(82, 76, 77)))
	if got := typed(t, US, gryphon); got != "48" {
		t.Errorf("%q", got)
	}
}

func TestWhole(t *testing.T) {
	event := Input{evKey, 30, 1}.Append(nil)
	dropped := Input{evSyn, synDropped, 0}.Append(nil)
	for name, c := range map[string]struct{ in, want string }{
		"nothing":         {"", ""},
		"two":             {string(event) + string(event), string(event) + string(event)},
		"half":            {string(event[:EventSize/2]), string(dropped)},
		"one and a half":  {string(event) + string(event[:1]), string(event) + string(dropped)},
		"all but a byte":  {string(event[:EventSize-1]), string(dropped)},
		"a byte too much": {string(event) + "x", string(event) + string(dropped)},
	} {
		if got := Whole([]byte(c.in)); string(got) != c.want {
			t.Errorf("%s: % x", name, got)
		}
	}
}

// The opener on a FIFO that plays recorded events: the machine that builds this
// has no input devices of its own.
func TestOpener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "event0")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	real, err := Opener(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := real(t.Context()); drivers.CodeOf(err) != drivers.CodeNotKeyboard {
		t.Errorf("a file of text is no input device: %v", err)
	}
	if real, err = Opener(path); err != nil {
		t.Fatal(err)
	}
	port0, err := real(t.Context())
	if err != nil {
		t.Fatalf("a pipe of an emulator: %v", err)
	}
	if _, err := real(t.Context()); drivers.CodeOf(err) != drivers.CodeBusy {
		t.Errorf("a pipe read twice: %v", err)
	}
	if err := port0.Close(); err != nil {
		t.Error(err)
	}
	for errno, want := range map[error]string{unix.EBUSY: drivers.CodeBusy, unix.ENODEV: drivers.CodeUnplugged, unix.EINVAL: drivers.CodeNotKeyboard} {
		open, err := opener(path, func(int) error { return errno })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open(t.Context()); drivers.CodeOf(err) != want {
			t.Errorf("grab says %v: %v, want %s", errno, err, want)
		}
	}
	open, err := opener(path, func(int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	dev, err := os.OpenFile(path, os.O_RDWR, 0) // both ends: an open never waits
	if err != nil {
		t.Fatal(err)
	}
	port, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Input{evKey, 30, 1}
	if _, err := dev.Write(want.Append(nil)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10*EventSize)
	if n, err := port.Read(t.Context(), buf); err != nil || n != EventSize || Decode(buf) != want {
		t.Errorf("%d bytes, %+v, %v", n, Decode(buf), err)
	}
	if n, err := port.Write(t.Context(), []byte("x")); n != 1 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	read := make(chan error, 1)
	go func() { _, err := port.Read(t.Context(), buf); read <- err }()
	if err := errors.Join(port.Close(), port.Close()); err != nil {
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("read behind the close: %v", err)
	}
	port, err = open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Close(); err != nil { // unplugged
		t.Fatal(err)
	}
	if _, err := port.Read(t.Context(), buf); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("unplugged: %v", err)
	}
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	none, err := Opener(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none(t.Context()); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("no such device: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("asked to stop: %v", err)
	}
	if _, err := Opener("event0"); err == nil {
		t.Error("took a path that is not absolute")
	}
}

// A keyboard of the kernel itself, where the machine lets us make one.
func TestAgainstUinput(t *testing.T) {
	f, err := os.OpenFile("/dev/uinput", os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("NO UINPUT HERE: %v. The grab and the kernel's own events are not tried on this machine; recorded bytes are (TestOpener, TestKeyboard)", err)
	}
	defer func() { _ = f.Close() }()
	const (
		setEvBit, setKeyBit = 0x40045564, 0x40045565
		devCreate           = 0x5501
	)
	fd := int(f.Fd())
	err = unix.IoctlSetInt(fd, setEvBit, evKey)
	for code := 1; code < 120 && err == nil; code++ {
		err = unix.IoctlSetInt(fd, setKeyBit, code)
	}
	setup := make([]byte, 1116) // struct uinput_user_dev: a name, an id, and ranges of nothing
	copy(setup, "tote test keyboard")
	if err == nil {
		_, err = f.Write(setup)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, devCreate, 0)
	}
	if err != nil {
		t.Skipf("NO UINPUT HERE: %v", err)
	}
	path := ""
	for range 2000 {
		links, _ := filepath.Glob("/sys/class/input/event*/device/name")
		for _, l := range links {
			text, _ := os.ReadFile(l)
			if strings.TrimSpace(string(text)) == "tote test keyboard" {
				path = "/dev/input/" + filepath.Base(filepath.Dir(filepath.Dir(l)))
			}
		}
		if path != "" {
			break
		}
	}
	if path == "" {
		t.Skip("NO INPUT DEVICES HERE: the kernel made one and nobody shows it")
	}
	open, err := Opener(path)
	if err != nil {
		t.Fatal(err)
	}
	port, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t.Context()); !errors.Is(err, drivers.ErrBusy) {
		t.Errorf("grabbed twice: %v", err)
	}
	for _, e := range all(tap(keyBracket, 2), tap(keyEnter)) {
		if _, err := f.Write(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	var got []Input
	for len(got) < 3 {
		buf := make([]byte, 16*EventSize)
		n, err := port.Read(t.Context(), buf)
		if err != nil {
			t.Fatal(err)
		}
		for p := buf[:n]; len(p) >= EventSize; p = p[EventSize:] {
			if e := Decode(p); e.Type == evKey && e.Value == 1 {
				got = append(got, e)
			}
		}
	}
	if got[0].Code != keyBracket || got[2].Code != keyEnter {
		t.Errorf("%+v", got)
	}
	if err := port.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzKeyboard(f *testing.F) {
	var seed []byte
	for _, e := range all(tap(2, 3), with(keyAltL, tap(82, 80, 73)), with(keyCtrlL, tap(keyBracket)), tap(keyEnter)) {
		seed = e.Append(seed)
	}
	f.Add(seed, true)
	f.Fuzz(func(t *testing.T, in []byte, de bool) {
		l := US
		if de {
			l = DE
		}
		k, err := NewKeyboard(l)
		if err != nil {
			t.Fatal(err)
		}
		for ; len(in) >= EventSize; in = in[EventSize:] {
			k.Event(Decode(in), func(r rune) {
				if r == 0 {
					t.Fatal("typed nothing")
				}
			}, func() {}, func(bool) {})
		}
	})
}
