package topics_test

import (
	"testing"

	"tote/agent/topics"
	"tote/mqtt"
)

func TestBuilders(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{topics.HandheldCmd("s1", "h1"), "tote/v1/s1/handheld/h1/up/cmd"},
		{topics.HandheldConn("s1", "h1"), "tote/v1/s1/handheld/h1/state/conn"},
		{topics.HandheldSeq("s1", "h1"), "tote/v1/s1/handheld/h1/state/seq"},
		{topics.DownResult("s1", topics.Handheld, "h1"), "tote/v1/s1/handheld/h1/down/result"},
		{topics.DownResult("s1", topics.Station, "pack1"), "tote/v1/s1/station/pack1/down/result"},
		{topics.DownResult("s1", topics.Dock, "d1"), "tote/v1/s1/dock/d1/down/result"},
		{topics.StateTask("s1", topics.Station, "pack1"), "tote/v1/s1/station/pack1/state/task"},
		{topics.StateTask("s1", topics.Dock, "d1"), "tote/v1/s1/dock/d1/state/task"},
		{topics.StationHint("s1", "pack1"), "tote/v1/s1/station/pack1/state/hint"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %s, want %s", tc.got, tc.want)
		}
	}
}

func TestChannels(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range topics.Channels() {
		topic := topics.Of("s1", c.Class, "x", c.Branch, c.Name)
		if !mqtt.ValidTopic(topic) || seen[topic] {
			t.Errorf("%s: invalid or twice", topic)
		}
		seen[topic] = true
		// The rules of the branches (see the package comment).
		if c.Retain != (c.Branch == topics.State) {
			t.Errorf("%s: retained %v", topic, c.Retain)
		}
		device := c.Branch == topics.Up || c.Branch == topics.State && (c.Name == topics.Conn || c.Name == topics.Main)
		if (c.By == topics.ByDevice) != device {
			t.Errorf("%s: written by %s", topic, c.By)
		}
		if c.QoS != 1 {
			t.Errorf("%s: QoS %d", topic, c.QoS)
		}
		got, ok := topics.Parse(topic)
		if want := (topics.Topic{Site: "s1", Class: c.Class, ID: "x", Branch: c.Branch, Name: c.Name}); !ok || got != want {
			t.Errorf("Parse(%s) = %+v, %v", topic, got, ok)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, topic := range []string{
		"", "tote/v1", "tote/v1/", "tote/v2/s1/handheld/h1/up/cmd", "tote/v1/s1/handheld/h1/up",
		"tote/v1/s1/handheld/h1/up/cmd/x", "tote/v1//handheld/h1/up/cmd", "tote/v1/s1/handheld/h1/up/",
		"/tote/v1/s1/handheld/h1/up/cmd",
	} {
		if got, ok := topics.Parse(topic); ok {
			t.Errorf("Parse(%q) = %+v", topic, got)
		}
	}
}
