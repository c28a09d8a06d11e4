package ledger

import (
	"strings"

	"tote/warehouse"
)

// Each upstream has records of its own: its name stands behind the first word of
// their keys, "@" between. The records of the default OMS have no name, so that
// a site that gets a second OMS keeps what it had.

// ofUpstream stands between a name and an upstream, in keys and streams.
const ofUpstream = "@"

// family is the first word of the keys of an upstream's records.
func family(word, upstream string) string {
	if upstream == "" {
		return word
	}
	return word + ofUpstream + upstream
}

// ResendOf is the resend stream of an upstream; "" is the default one.
func ResendOf(upstream string) string { return family(StreamResend, upstream) }

// OnWire is what an OMS calls a stream: it knows of no other one.
func OnWire(stream string) string {
	name, _, _ := strings.Cut(stream, ofUpstream)
	return name
}

// upstreamOf is whose stream it is.
func upstreamOf(stream string) string {
	_, upstream, _ := strings.Cut(stream, ofUpstream)
	return upstream
}

// isResend tells the streams of released rows from those of the warehouse.
func isResend(stream string) bool { return OnWire(stream) == StreamResend }

// SourceOf is how an upstream is called in commands.
func SourceOf(upstream string) string { return "oms/" + upstream }

// streams lists all streams of the site, those of the default OMS first.
func streams(r warehouse.Reader) ([]string, error) {
	ups, err := warehouse.Upstreams(r)
	all := []string{warehouse.StreamControl, StreamResend}
	for _, up := range ups {
		all = append(all, warehouse.StreamOf(up), ResendOf(up))
	}
	return all, err
}

// ofSource is the upstream a source belongs to, "" for all others.
func ofSource(r warehouse.Reader, source string) (string, error) {
	ups, err := warehouse.Upstreams(r)
	for _, up := range ups {
		if source == SourceOf(up) {
			return up, err
		}
	}
	return "", err
}
