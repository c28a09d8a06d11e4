package access

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// selects is the rule of MQTT 4.7, written another way than Within: it walks both at
// once.
func selects(filter, topic []string) bool {
	switch {
	case len(filter) > 0 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic) || len(filter) == 1 && filter[0] == "#"
	case filter[0] != "+" && filter[0] != topic[0]:
		return false
	}
	return selects(filter[1:], topic[1:])
}

// level is part of a topic, of few words, so that they meet.
func level(wild bool) *rapid.Generator[string] {
	words := []string{"tote", "v1", "s1", "handheld", "h1", "h2", "up", "down", "state", "cmd", "conn", "site", "quorum", "uagv", "v2", "KIT", "R1", "order", "", "$SYS"}
	if wild {
		words = append(words, "+", "+", "+", "#")
	}
	return rapid.SampledFrom(words)
}

// filter is a valid one: # stands at the end alone.
func filter(t *rapid.T, name string) []string {
	f := rapid.SliceOfN(level(true), 1, 7).Draw(t, name)
	if i := slices.Index(f, "#"); i >= 0 {
		f = f[:i+1]
	}
	return f
}

// TestWithin: no filter that is within another one gives a topic outside of it, and
// one that gives none outside is within.
func TestWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		allowed, f := filter(t, "allowed"), filter(t, "filter")
		topic := rapid.SliceOfN(level(false), 1, 8).Draw(t, "topic")
		in := Within(strings.Join(allowed, "/"), strings.Join(f, "/"))
		if in && selects(f, topic) && !selects(allowed, topic) {
			t.Fatalf("%v is within %v, and gives %v", f, allowed, topic)
		}
	})
}

// TestRights: what a device may hear gives it no topic but its own, the robot's own,
// and whether there is a quorum; what it may say is its own.
func TestRights(t *testing.T) {
	ownTopic := func(role, id string, topic []string) bool {
		switch {
		case role == "display":
			return len(topic) >= 5 && topic[0] == "tote" && topic[2] == "s1" && (topic[3] == "station" || topic[3] == "dock") && topic[4] == id
		case role == "robot":
			return len(topic) == 5 && topic[3] == id
		}
		return len(topic) >= 5 && topic[0] == "tote" && topic[1] == "v1" && topic[2] == "s1" && topic[3] == role && topic[4] == id
	}
	rapid.Check(t, func(t *rapid.T) {
		role := rapid.SampledFrom(EnrolledRoles()).Draw(t, "role")
		id := rapid.SampledFrom([]string{"h1", "h2", "R1"}).Draw(t, "id")
		f := filter(t, "filter")
		topic := rapid.SliceOfN(level(false), 1, 8).Draw(t, "topic")
		whole := strings.Join(topic, "/")
		if MayHear(role, "s1", id, strings.Join(f, "/")) && selects(f, topic) && !ownTopic(role, id, topic) && whole != "tote/v1/s1/site/s1/state/quorum" {
			t.Fatalf("%s:%s hears %s by %v", role, id, whole, f)
		}
		if MaySay(role, "s1", id, whole) && !ownTopic(role, id, topic) {
			t.Fatalf("%s:%s says %s", role, id, whole)
		}
	})
}

func TestRightsTable(t *testing.T) {
	for _, tt := range []struct {
		role, id, topic string
		say, hear       bool
	}{
		{"handheld", "h1", "tote/v1/s1/handheld/h1/up/cmd", true, false},
		{"handheld", "h1", "tote/v1/s1/handheld/h2/up/cmd", false, false},
		{"handheld", "h1", "tote/v1/s2/handheld/h1/up/cmd", false, false},
		{"handheld", "h1", "tote/v1/s1/handheld/h1/state/conn", true, true},
		{"handheld", "h1", "tote/v1/s1/handheld/h1/state/task", false, true},
		{"handheld", "h1", "tote/v1/s1/handheld/h1/state/+", false, true},
		{"handheld", "h1", "tote/v1/s1/handheld/h1/down/#", false, true},
		{"handheld", "h1", "tote/v1/s1/handheld/h1/#", false, false},
		{"handheld", "h1", "tote/v1/s1/handheld/+/state/task", false, false},
		{"handheld", "h1", "tote/v1/s1/+/h1/state/task", false, false},
		{"handheld", "h1", "#", false, false},
		{"handheld", "h1", "+/+/+/+/+/+/+", false, false},
		{"handheld", "h1", "$SYS/#", false, false},
		{"handheld", "h1", "$share/g/tote/v1/s1/handheld/h1/state/task", false, false},
		{"handheld", "h1", "tote/v1/s1/site/s1/state/quorum", false, true},
		{"conveyor", "C1", "tote/v1/s1/conveyor/C1/state/main", true, true},
		{"light", "L1", "tote/v1/s1/light/L1/state/main", false, true},
		{"robot", "R1", "uagv/v2/KIT/R1/state", true, false},
		{"robot", "R1", "uagv/v2/KIT/R1/order", false, true},
		{"robot", "R1", "uagv/v2/KIT/R2/order", false, false},
		{"robot", "R1", "uagv/v2/KIT/+/order", false, false},
		{"robot", "R1", "uagv/v2/KIT/R1/#", false, false},
		{"display", "d1", "tote/v1/s1/station/d1/state/#", false, true},
		{"display", "d1", "tote/v1/s1/station/d1/up/cmd", false, false},
		{"reader", "RD1", "tote/v1/s1/handheld/RD1/up/cmd", false, false},
		{"nobody", "x", "tote/v1/s1/nobody/x/up/cmd", false, false},
	} {
		if say, hear := MaySay(tt.role, "s1", tt.id, tt.topic), MayHear(tt.role, "s1", tt.id, tt.topic); say != tt.say || hear != tt.hear {
			t.Errorf("%s:%s and %s: says %v, hears %v", tt.role, tt.id, tt.topic, say, hear)
		}
	}
	for _, r := range Roles {
		for _, s := range r.Scopes {
			if !slices.Contains(Scopes, s) {
				t.Errorf("%s has scope %s", r.Name, s)
			}
		}
	}
}

// FuzzWithin finds no panic and no filter of another device.
func FuzzWithin(f *testing.F) {
	f.Add("tote/v1/s1/handheld/h1/state/+")
	f.Add("tote/v1/s1/handheld/+/#")
	f.Add("#")
	f.Fuzz(func(t *testing.T, filter string) {
		if MayHear("handheld", "s1", "h1", filter) && !strings.HasPrefix(filter, "tote/v1/s1/handheld/h1/") && filter != "tote/v1/s1/site/s1/state/quorum" {
			t.Errorf("%q", filter)
		}
	})
}
