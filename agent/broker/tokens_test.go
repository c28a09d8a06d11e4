package broker_test

import (
	"errors"
	"testing"

	"tote/agent/broker"
)

// TestTokensExchanged: a token that was exchanged is the only one that counts, who
// came with the old one is cut off, and nobody else.
func TestTokensExchanged(t *testing.T) {
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Tokens = map[string]string{"handheld:h1": "secret-of-h1", "handheld:h2": "secret-of-h2"}
	})
	h1, h2 := dialRaw(t, b.Addr()), dialRaw(t, b.Addr())
	as := func(id, token string) connectOpts { return connectOpts{id: id, user: id, pass: token} }
	if h1.connect(as("handheld:h1", "secret-of-h1")) != 0 || h2.connect(as("handheld:h2", "secret-of-h2")) != 0 {
		t.Fatal("not let in")
	}
	for name, bad := range map[string]map[string]string{"none": {}, "short": {"handheld:h1": "x"}, "no device": {"h1": "long enough"}} {
		if err := b.SetTokens(bad); !errors.Is(err, broker.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.SetTokens(map[string]string{"handheld:h1": "another-of-h1", "handheld:h2": "secret-of-h2"}); err != nil {
		t.Fatal(err)
	}
	h1.wantClosed()
	h2.send(encode(pktPingreq, 0))
	h2.want(pktPingresp)
	if got := dialRaw(t, b.Addr()).connect(as("handheld:h1", "secret-of-h1")); got != 5 {
		t.Errorf("the old token: %d", got)
	}
	if got := dialRaw(t, b.Addr()).connect(as("handheld:h1", "another-of-h1")); got != 0 {
		t.Errorf("the new token: %d", got)
	}
}
