package main

import (
	"testing"
	"time"
)

// installGuide is where the guides meet.
const (
	installGuide = root + "/docs/install.md"
	siteGuide    = root + "/docs/site-guide.md"
)

// TestSiteGuide types what docs/site-guide.md says on three blank machines in a
// network of their own, scans over MQTT at one gateway, takes the leader's power and
// goes on.
func TestSiteGuide(t *testing.T) {
	arch := own(t)
	here(t, "")
	t.Parallel()
	l := newLAN(t)
	deb := built(t, arch, "1.0")
	began := time.Now()
	for _, name := range []string{"gw1", "gw2", "gw3"} {
		l.add(name, deb)
	}
	typed := func(part string) func() {
		return func() {
			t.Helper()
			for _, s := range steps(t, installGuide, part) {
				if s.on = []string{"gw1"}; s.text != "tote order SO-1\n" { // what the picker has done is looked at later
					l.types("gw1", s)
				}
			}
		}
	}
	l.follows(steps(t, siteGuide, ""), map[string]func(){
		`gw1 types "4. Tell it what the site holds" of install.md`: typed("4. Tell it what the site holds"),
		`gw1 types "6. The first scan" of install.md`:              typed("6. The first scan"),
		"the picker signs in at gw2 and scans the bin": func() {
			l.scans("gw2", "h1", "sign_in BADGE-1", "ask", "scan A-01")
		},
		"gw1 loses its power":       func() { l.power("gw1", false) },
		"the picker goes on at gw2": func() { l.scans("gw2", "h1", "scan 09521234001010 2", "scan T-1") },
		"gw1 gets its power back":   func() { l.power("gw1", true) },
	})
	t.Logf("from three blank machines to the same site with all three again: %v", time.Since(began).Round(time.Second))
	for _, name := range []string{"gw1", "gw2", "gw3"} {
		l.machines[name].run(standIns + "systemctl stop tote")
	}
}
