package broker

import (
	"fmt"
	"slices"
	"strings"

	"tote/agent/access"
)

// RFID readers of a maker speak on topics that stand in their own configuration.
// What such a client may say is a list of topics and nothing else: it can neither
// pass itself off as another reader nor reach the topics of this site, and nothing
// of it is retained.

// checkReaders looks at the readers of a configuration.
func checkReaders(readers []Reader) error {
	owner := map[string]string{}
	for _, r := range readers {
		if !validID(r.ClientID) {
			return fmt.Errorf("%w: client id %.80q of a reader: want 1 to 64 of A-Z a-z 0-9 _ . -", ErrConfig, r.ClientID)
		}
		if _, dup := owner["id "+r.ClientID]; dup {
			return fmt.Errorf("%w: two readers have the client id %s", ErrConfig, r.ClientID)
		}
		owner["id "+r.ClientID] = r.ClientID
		if len(r.Says) == 0 || r.Hears == "" || slices.Contains(r.Says, r.Hears) {
			return fmt.Errorf("%w: reader %s: topics it says something on and another one it hears are needed", ErrConfig, r.ClientID)
		}
		for _, topic := range append(slices.Clone(r.Says), r.Hears) {
			if !ReaderTopic(topic) {
				return fmt.Errorf("%w: topic %.120q of reader %s", ErrConfig, topic, r.ClientID)
			}
			if other, dup := owner[topic]; dup {
				return fmt.Errorf("%w: topic %s of reader %s is one of %s too", ErrConfig, topic, r.ClientID, other)
			}
			owner[topic] = r.ClientID
		}
	}
	return nil
}

// ReaderTopic reports whether a topic may be one of a reader: 1 to 200 printable
// characters without wildcards, not of this site's devices, its robots or the
// broker itself.
func ReaderTopic(topic string) bool {
	if topic == "" || len(topic) > 200 || topic[0] == '$' || topic[0] == '/' || strings.HasPrefix(topic, "tote/") {
		return false
	}
	if _, _, robot := robotTopic(topic); robot {
		return false
	}
	return !strings.ContainsFunc(topic, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' || r == '+' })
}

// reader is the reader with a client id.
func (cfg Config) reader(id string) (Reader, bool) {
	i := slices.IndexFunc(cfg.Readers, func(r Reader) bool { return r.ClientID == id })
	if i < 0 {
		return Reader{}, false
	}
	return cfg.Readers[i], true
}

// mayPublish is the write side of the rights of every class: what the table of roles
// says, and within it what the class is held to besides.
func (b *Broker) mayPublish(dev Device, topic string) bool {
	if dev.Class == ClassReader {
		r, ok := b.cfg.reader(dev.ID)
		return ok && slices.Contains(r.Says, topic)
	}
	return access.MaySay(dev.Class, b.cfg.Site, dev.ID, topic) && mayPublish(b.cfg.Site, dev, topic)
}

// mayRead is the read side.
func (b *Broker) mayRead(dev Device, filter string) bool {
	if dev.Class == ClassReader {
		r, ok := b.cfg.reader(dev.ID)
		return ok && r.Hears == filter
	}
	return access.MayHear(dev.Class, b.cfg.Site, dev.ID, filter) && mayRead(b.cfg.Site, dev, filter)
}
