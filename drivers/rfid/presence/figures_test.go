package presence

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "write docs/presence.md")

const page = "../../../docs/presence.md"

// TestWorlds plays the doors and shelves and compares the figures with those that
// are told to people: go test ./drivers/rfid/presence -run Worlds -update.
func TestWorlds(t *testing.T) {
	text := fmt.Sprintf(pageText, doorTable(t), shelfTable(t))
	t.Logf("\n%s", text)
	if runtime.GOARCH != "amd64" {
		return // other machines round the radio differently
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil { //nolint:gosec // a page for all
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(page); err != nil || string(have) != text {
		t.Errorf("%s does not tell these figures (%v): run with -update and look at what changed", page, err)
	}
}

const pageText = `# Presence: what reads are worth

Figures of scripted radio worlds, written by "go test ./drivers/rfid/presence -run Worlds -update" and checked by each run of the tests. The rules are in drivers/DESIGN.md. Beside them stands the rule of EdgeX's RFID application (app-rfid-llrp-inventory), written again from its published formula and fed the same reads: a tag has arrived with its first read and is gone after 600 s; it moves when the mean of the last 20 reads elsewhere beats that of the old place by 6 dB, less the longer the old place is silent, and without a floor.

The worlds: two-ray fading at 868 MHz, a panel pattern of 65 degrees, and in noisy air 3 dB of noise on each read, 40 %% of the answers missed for no reason and 700 answers a second for all tags together. In clean air there is none of this.

## Doors

Two antennas on each side of the frame, photo-eyes 30 cm apart unless it says antennas alone, pallets of 1 to 24 tags in and out at random, at 0.5 to 2 m/s in noisy and 0.5 to 3 m/s in clean air. Right way: trips told with the right direction. Missed: tags that went and were not named. Ghosts: tags named that did not go, or at the wrong door. EdgeX knows no direction.

%s
## Places

Six antennas six metres apart, the last two 2.5. Stale moves: of what stood still, or to a place it never was. EdgeX tells a tag with its first read and so misses none; the price is in the last two rows.

%s`
