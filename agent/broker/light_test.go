package broker

import "testing"

// A pick-to-light controller has the rights of a device: its own topics and
// nothing of another, least of all a handheld's.
func TestRightsOfALight(t *testing.T) {
	dev, err := parseClientID("light:pl1")
	if err != nil {
		t.Fatal(err)
	}
	const base = "tote/v1/s1/light/"
	for topic, want := range map[string]struct{ publish, read bool }{
		base + "pl1/up/press":             {true, false},
		base + "pl1/state/conn":           {true, true},
		base + "pl1/state/task":           {false, true},
		base + "pl1/state/seq":            {false, true},
		base + "pl1/down/result":          {false, true},
		base + "pl2/up/press":             {false, false},
		base + "pl2/state/task":           {false, false},
		base + "+/state/task":             {false, false},
		"tote/v1/s1/handheld/pl1/up/cmd":  {false, false},
		"tote/v1/s2/light/pl1/up/press":   {false, false},
		"tote/v1/s1/site/s1/state/quorum": {false, true},
	} {
		if got := mayPublish("s1", dev, topic); got != want.publish {
			t.Errorf("%s: may publish %v", topic, got)
		}
		if got := mayRead("s1", dev, topic); got != want.read {
			t.Errorf("%s: may read %v", topic, got)
		}
	}
	if other := (Device{ClassHandheld, "pl1"}); mayPublish("s1", other, base+"pl1/up/press") {
		t.Error("a handheld presses")
	}
}
