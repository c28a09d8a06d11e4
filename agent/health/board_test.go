package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines are issues as "code about <- what follows".
func lines(issues []Issue) (out []string) {
	for _, i := range issues {
		line := i.Level + " " + i.Code
		if i.About != "" {
			line += " " + i.About
		}
		for _, f := range i.Follows {
			line += " < " + strings.TrimSpace(f.Code+" "+f.About)
		}
		out = append(out, line)
	}
	return out
}

func wrong(kind, about, over string) Seen {
	level := LevelWarning
	if kind == CodeNoQuorum || kind == CodeBrokerDown {
		level = LevelBroken
	}
	return Seen{Node: Node{Kind: kind, About: about, Over: over}, Level: level, Text: "x"}
}

func down(about, over, code string) Seen {
	s := wrong(CodeDeviceDown, about, over)
	s.Code = code
	return s
}

// TestRootsOnly: what depends on a broken thing is told below it, and only that.
func TestRootsOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		seen []Seen
		want []string
	}{
		"devices alone": {
			[]Seen{down("pack1/scale", "", "DEV-101"), down("pack1/printer", OverNetwork, "DEV-101")},
			[]string{"warning DEV-101 pack1/printer", "warning DEV-101 pack1/scale"},
		},
		"broker down: devices of MQTT are no causes, the scale is": {
			[]Seen{
				down("light/pl1", OverBroker, "DEV-501"), down("dock1/rfid", OverBroker, "DEV-101"), wrong(CodeMachineDown, "robot R1", OverBroker),
				wrong(CodeMQTTDrops, "", ""), down("pack1/scale", "", "DEV-101"), wrong(CodeBrokerDown, "", ""),
			},
			[]string{"broken HLT-135 < DEV-501 light/pl1 < DEV-101 dock1/rfid < HLT-137 robot R1 < HLT-161", "warning DEV-101 pack1/scale"},
		},
		"no quorum: outbox, OMS and robots are no causes": {
			[]Seen{wrong(CodeOutboxOld, "", ""), wrong(CodeOMSDown, "default", ""), wrong(CodeNoQuorum, "", ""), wrong(CodeMachineDown, "robot R1", OverBroker)},
			[]string{"broken HLT-150 < HLT-160 < HLT-136 default < HLT-137 robot R1"},
		},
		"a gateway is gone, and with it the quorum and what hangs on that": {
			[]Seen{wrong(CodeOutboxOld, "", ""), wrong(CodeNoQuorum, "", ""), wrong(CodeGatewayGone, "gw2", ""), wrong(CodeGatewayGone, "gw3", "")},
			[]string{"broken HLT-151 gw2 < HLT-160 < HLT-150", "warning HLT-151 gw3"},
		},
		"the OMS is down: the outbox grows": {
			[]Seen{wrong(CodeOutboxOld, "", ""), wrong(CodeOMSDown, "default", "")},
			[]string{"warning HLT-136 default < HLT-160"},
		},
		"a hub is gone: one issue, and one more for what hangs elsewhere": {
			[]Seen{
				wrong(CodeHubGone, "hub 1-1.4", OverUSB+"1-1.4"), down("a", OverUSB+"1-1.4.1", "DEV-101"), down("b", OverUSB+"1-1.4.2", "DEV-101"),
				down("c", OverUSB+"1-1.4.3.1", "DEV-101"), down("d", OverUSB+"1-1.40.2", "DEV-101"), down("e", OverUSB+"1-1.4.4", "DEV-101"), down("f", OverUSB+"1-1.4.6", "DEV-101"),
			},
			[]string{"warning DEV-101 d", "warning HLT-133 hub 1-1.4 < DEV-101 a < DEV-101 b < DEV-101 c < DEV-101 e < DEV-101 f"},
		},
		"the network is gone": {
			[]Seen{wrong(CodeNoNetwork, "", ""), wrong(CodeGatewayGone, "gw2", ""), wrong(CodeNoQuorum, "", ""), down("p", OverNetwork, "DEV-101"), down("s", "", "DEV-101")},
			[]string{"broken HLT-152 < HLT-151 gw2 < HLT-150 < DEV-101 p", "warning DEV-101 s"},
		},
		"a jammed printer follows from nothing": {
			[]Seen{{Node: Node{Kind: "DEV-303", About: "pack1/printer", Over: OverNetwork}, Level: LevelWarning}, wrong(CodeNoNetwork, "", "")},
			[]string{"warning DEV-303 pack1/printer", "warning HLT-152"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b Board
			b.Look(time.Unix(1000, 0), tc.seen)
			if diff := cmp.Diff(tc.want, lines(b.Issues())); diff != "" {
				t.Error(diff)
			}
			for _, i := range b.Issues() {
				if i.Cause == "" || i.Action == "" || i.Since.IsZero() {
					t.Errorf("%+v says not what it is", i)
				}
			}
		})
	}
}

func TestHub(t *testing.T) {
	for _, tc := range []struct{ missing, there, want string }{
		{"1-1.4.1 1-1.4.2", "1-1.1", "1-1.4"},
		{"1-1.4.1", "", ""},                          // one is no hub
		{"1-1.4.1 1-1.4.2", "1-1.4.3", ""},           // the hub has power
		{"1-1.4.1 1-1.4.4.1 1-1.4.4.2", "", "1-1.4"}, // two chips in one box
		{"1-1.2.1 1-1.4.2", "1-1.3.1", ""},
		{"1-1 2-1", "", ""}, // sockets of the machine
		{"1-1.2 1-1.3", "", "1-1"},
		{"", "", ""},
	} {
		if got := Hub(strings.Fields(tc.missing), strings.Fields(tc.there)); got != tc.want {
			t.Errorf("missing %s, there %s: %q, want %q", tc.missing, tc.there, got, tc.want)
		}
	}
}

// TestComesAndGoes: an issue is there at once and goes by itself; a loose contact
// is one issue that stays, in no record more than once.
func TestComesAndGoes(t *testing.T) {
	var b Board
	now := time.Unix(100_000, 0)
	scale := []Seen{down("pack1/scale", "", "DEV-101")}
	came, went := 0, 0
	look := func(seen []Seen) {
		now = now.Add(2 * time.Second)
		c, w := b.Look(now, seen)
		came, went = came+len(c), went+len(w)
	}
	look(scale)
	first := now
	if i := b.Issues(); len(i) != 1 || !i[0].Since.Equal(first) || i[0].Times != 1 {
		t.Fatalf("%+v", i)
	}
	for range 3 {
		look(nil)
	}
	if i := b.Issues(); len(i) != 0 || came != 1 || went != 1 {
		t.Fatalf("%+v, came %d, went %d", i, came, went)
	}
	if p := b.Past(); len(p) != 1 || p[0].Code != "DEV-101" || !p[0].From.Equal(first) || p[0].To.Sub(first) != 2*time.Second {
		t.Errorf("%+v", p)
	}
	for range 50 { // a loose contact
		look(scale)
		look(nil)
		look(nil)
		look(nil)
	}
	i := b.Issues()
	if len(i) != 1 || i[0].Times < 40 || !i[0].Since.Equal(first) || !strings.Contains(i[0].Text, "times") {
		t.Errorf("%+v", i)
	}
	if came != 1 || went > often+1 || len(b.Past()) != 0 {
		t.Errorf("came %d, went %d, past %+v", came, went, b.Past())
	}
	for range 40 {
		look(nil)
	}
	if len(b.Issues()) != 0 || len(b.Past()) != 1 || b.Past()[0].Times != i[0].Times {
		t.Errorf("%+v %+v", b.Issues(), b.Past())
	}
	now = now.Add(time.Hour)
	look(scale)
	if i := b.Issues(); len(i) != 1 || i[0].Times != 1 || came != 2 {
		t.Errorf("%+v, came %d", i, came)
	}
}

// A device that is just opened keeps its issue and begins none; the records are
// bounded.
func TestStillAndBounds(t *testing.T) {
	var b Board
	now := time.Unix(5, 0)
	opening := down("s", "", "")
	opening.Still = true
	b.Look(now, []Seen{opening})
	if i := b.Issues(); len(i) != 0 {
		t.Errorf("%+v", i)
	}
	b.Look(now, []Seen{down("s", "", "DEV-101")})
	b.Look(now.Add(time.Minute), []Seen{opening})
	b.Look(now.Add(2*time.Minute), []Seen{opening})
	if i := b.Issues(); len(i) != 1 || i[0].Code != "DEV-101" {
		t.Errorf("%+v", i)
	}
	for n := range 3 * maxPast {
		now = now.Add(time.Hour)
		b.Look(now, []Seen{down(fmt.Sprint(n), "", "DEV-101")})
		b.Look(now.Add(time.Minute), nil)
		b.Look(now.Add(2*time.Minute), nil)
	}
	if len(b.Past()) != maxPast || len(b.Issues()) != 0 {
		t.Errorf("%d past, %d open", len(b.Past()), len(b.Issues()))
	}
}
