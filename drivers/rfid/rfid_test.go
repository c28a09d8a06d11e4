package rfid

import "testing"

func TestGS1(t *testing.T) {
	for pc, want := range map[uint16]bool{
		0:      true, // the reader does not tell
		0x3000: true,
		0x3400: true,  // user memory
		0x3100: false, // toggle: an application family identifier
		0x31C2: false,
		0x30FF: true, // attribute bits
	} {
		if got := (Read{PC: pc}).GS1(); got != want {
			t.Errorf("PC %04X: %v", pc, got)
		}
	}
}
