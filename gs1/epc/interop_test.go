package epc

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// peerKnows are the tags that npm epc-tds 1.4.1 reads and writes.
var peerKnows = []string{
	"sgtin-96", "sgtin-198", "sscc-96", "sgln-96", "sgln-195", "grai-96", "grai-170", "giai-96", "giai-202", "gsrn-96", "gdti-96", "gdti-174", "cpi-96", "sgcn-96", "gid-96",
}

// peerIsWrong tells what epc-tds does not do as the standard says: it escapes
// nothing, takes a dot or colon for the end of a serial number, writes a 0 where a
// reference has no digits, and loses leading zeros of GSRN references and, on the
// way from a URI to a tag, of coupon numbers.
func peerIsWrong(e EPC, on *tag) bool {
	switch {
	case strings.ContainsAny(e.Reference+e.Serial, escaped+".:"), on.refs != nil && e.Reference == "":
		return true
	case e.Scheme == GSRN:
		return e.Reference[0] == '0'
	}
	return e.Scheme == SGCN && e.Serial[0] == '0'
}

// TestPeer puts random identities on tags and compares bits and both URIs with
// those of an independent codec, where that is right.
func TestPeer(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED, NOT PROVEN: node is not installed; run make deps")
	}
	if _, err := os.Stat("../interop/node_modules/epc-tds"); err != nil {
		t.Skip("SKIPPED, NOT PROVEN: gs1/interop/node_modules is missing; run make deps")
	}
	var ours []EPC
	rapid.Check(t, func(t *rapid.T) {
		for _, name := range peerKnows {
			on, ok := tagNamed(name)
			if !ok {
				t.Fatal(name)
			}
			e := draw(t, on, rapid.IntRange(6, 12).Draw(t, "prefix length"))
			filter := 0
			if on.refs != nil {
				filter = rapid.IntRange(0, 7).Draw(t, "filter")
			}
			put, err := e.On(name, filter)
			if err != nil {
				t.Fatal(err)
			}
			if !peerIsWrong(e, on) {
				ours = append(ours, put)
			}
		}
	})
	var in bytes.Buffer
	for _, e := range ours {
		line, err := json.Marshal(map[string]string{"hex": e.Hex, "uri": e.TagURI()})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "epc.js")
	cmd.Dir, cmd.Stdin = "../interop", &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the peer: %v\n%s", err, out)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	ran := map[string]int{}
	for _, e := range ours {
		var peer struct{ URI, ID, Hex, Error string }
		if err := answers.Decode(&peer); err != nil {
			t.Fatal(err)
		}
		ran[e.Tag]++
		if peer.URI != e.TagURI() || peer.ID != e.URI() || !sameBits(strings.ToUpper(peer.Hex), e.Hex) {
			t.Errorf("%+v: the peer says %+v", e, peer)
		}
	}
	t.Logf("compared: %v", ran)
	if len(ran) != len(peerKnows) && !testing.Short() { // which draws few
		t.Errorf("%d schemes compared, want %d", len(ran), len(peerKnows))
	}
}
