package mqtt_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tote/mqtt"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/c", false},
		{"a/b", "a", false},
		{"a", "a/b", false},
		{"a/+", "a/b", true},
		{"a/+", "a/", true},
		{"a/+", "a", false},
		{"a/+", "a/b/c", false},
		{"+/+", "/b", true},
		{"+", "/b", false},
		{"/+", "/b", true},
		{"#", "a/b/c", true},
		{"a/#", "a/b/c", true},
		{"a/#", "a", true},
		{"a/#", "ab", false},
		{"a/+/c", "a/b/c", true},
		{"a/+/#", "a/b", true},
		{"a/+/#", "a", false},
		{"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true},
	} {
		if got := mqtt.Match(tc.filter, tc.topic); got != tc.want {
			t.Errorf("Match(%q, %q) = %v", tc.filter, tc.topic, got)
		}
	}
}

// Match agrees with the standard's rules written down level by level.
func TestMatchAgreesWithTheRules(t *testing.T) {
	var rules func(f, p []string) bool
	rules = func(f, p []string) bool {
		switch {
		case len(f) == 0:
			return len(p) == 0
		case f[0] == "#":
			return true
		case len(p) == 0:
			return false
		case f[0] == "+" || f[0] == p[0]:
			return rules(f[1:], p[1:])
		}
		return false
	}
	rapid.Check(t, func(t *rapid.T) {
		topic := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", ""}), 1, 5).Draw(t, "topic")
		filter := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "", "+"}), 1, 5).Draw(t, "filter")
		if rapid.Bool().Draw(t, "hash") {
			filter = append(filter, "#")
		}
		f, p := strings.Join(filter, "/"), strings.Join(topic, "/")
		if f == "" || p == "" {
			return
		}
		if got, want := mqtt.Match(f, p), rules(filter, topic); got != want {
			t.Fatalf("Match(%q, %q) = %v, want %v", f, p, got, want)
		}
		if !mqtt.ValidFilter(f) || !mqtt.ValidTopic(p) {
			t.Fatalf("%q or %q called invalid", f, p)
		}
	})
}

func TestValid(t *testing.T) {
	for s, want := range map[string][2]bool{ // topic, filter
		"a":                         {true, true},
		"a/b c":                     {true, true},
		"":                          {false, false},
		"a/+":                       {false, true},
		"a/#":                       {false, true},
		"#":                         {false, true},
		"a/#/b":                     {false, false},
		"a#":                        {false, false},
		"a+/b":                      {false, false},
		"a\x00":                     {false, false},
		"a\xff":                     {false, false},
		"größe/über":                {true, true},
		string(make([]byte, 70000)): {false, false},
	} {
		if got := mqtt.ValidTopic(s); got != want[0] {
			t.Errorf("ValidTopic(%.20q) = %v", s, got)
		}
		if got := mqtt.ValidFilter(s); got != want[1] {
			t.Errorf("ValidFilter(%.20q) = %v", s, got)
		}
	}
}
