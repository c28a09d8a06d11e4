package agent

import (
	"fmt"
	"strings"
)

// Listeners is the one table of what a gateway listens on. A socket that is not here
// fails a test, which looks for them in the kernel's own list; docs/security.md is
// written from it.
var Listeners = []Listener{
	{
		Key: "http.listen", What: "pages and API on this machine", Transport: "none; a loopback address",
		Who:     "everybody on the machine, by the name localhost only; with `http.tokens_file` whoever shows a token",
		Network: "refused (CFG_PLAIN_LISTENER) without `http.insecure: true`; with it whoever shows a token, which everybody in the network can read",
	},
	{
		Key: "http.https.listen", What: "pages and API for the network", Transport: "TLS 1.2 or 1.3; certificate of the site, or one of your own",
		Who:     "the same as from the network",
		Network: "whoever shows a token of `http.tokens_file`, and enrolled devices, each for what its role may do; everybody else gets the page that says how to sign in, /healthz, what pages are made of, the authority's certificate, and the way in for one who holds a code of `tote enrol`",
	},
	{
		Key: "mqtt.listen", What: "MQTT broker, plain", Transport: "none; a loopback address",
		Who:     "everybody on the machine; with `mqtt.tokens_file` whoever shows its token",
		Network: "refused (CFG_PLAIN_LISTENER) without `insecure: true`; with it whoever shows its token or the password it was enrolled with, which everybody in the network can read; each for its own topics",
	},
	{
		Key: "mqtt.listen with tls", What: "MQTT broker for the network", Transport: "TLS 1.2 or 1.3; certificate of the site, or one of your own",
		Who:     "the same as from the network",
		Network: "whoever shows its token, or the certificate or password it was enrolled with; each for its own topics",
	},
	{
		Key: "cluster.listen", What: "the other gateways of the site", Transport: "TLS 1.3, certificates of the site on both sides",
		Who:     "the same as from the network",
		Network: "gateways and satellites with a certificate of the site that was not revoked; a newcomer may say one thing, its join token",
	},
}

// Listener is a row of the table.
type Listener struct {
	Key       string // of the configuration
	What      string
	Transport string // what protects it on the way
	Who       string // who is let in from this machine
	Network   string // who is let in from the network
}

// listenersPage is the table as docs/security.md shows it.
func listenersPage() string {
	var b strings.Builder
	b.WriteString("| listener | what | on the way | from this machine | from the network |\n|---|---|---|---|---|\n")
	for _, l := range Listeners {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", l.Key, l.What, l.Transport, l.Who, l.Network)
	}
	return b.String()
}
