package mqtt

import (
	"strings"
	"unicode/utf8"
)

// maxTopic is the longest topic or filter in bytes (MQTT 3.1.1, 4.7.3).
const maxTopic = 65535

// ValidTopic reports whether topic may be published to: not empty, UTF-8, no
// wildcards, no NUL.
func ValidTopic(topic string) bool {
	return topic != "" && len(topic) <= maxTopic && utf8.ValidString(topic) && !strings.ContainsAny(topic, "+#\x00")
}

// ValidFilter reports whether filter may be subscribed to: "+" and "#" only as
// whole levels, "#" only as the last one (MQTT 3.1.1, 4.7.1).
func ValidFilter(filter string) bool {
	if filter == "" || len(filter) > maxTopic || !utf8.ValidString(filter) || strings.Contains(filter, "\x00") {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		if strings.Contains(l, "#") && (l != "#" || i != len(levels)-1) {
			return false
		}
		if strings.Contains(l, "+") && l != "+" {
			return false
		}
	}
	return true
}

// Match reports whether a topic is selected by a filter (MQTT 3.1.1, 4.7).
func Match(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$") {
		return false // 4.7.2: wildcards at the front do not select $ topics
	}
	for {
		if filter == "#" {
			return true
		}
		f, frest, fmore := strings.Cut(filter, "/")
		t, trest, tmore := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !fmore && !tmore:
			return true
		case fmore && !tmore:
			return frest == "#" // "a/#" also selects "a"
		case !fmore:
			return false
		}
		filter, topic = frest, trest
	}
}
