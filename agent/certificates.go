package agent

import (
	"context"
	"sync"
	"time"

	"tote/agent/identity"
)

// troubles is what went wrong with certificates, each told once.
type troubles struct {
	mu   sync.Mutex
	code string          // why the own certificate was not renewed
	told map[string]bool // gateways whose expired certificate was refused
}

func (t *troubles) own() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.code
}

// keepCertificate renews this gateway's certificate for as long as it runs.
func (a *Agent) keepCertificate(id *identity.Identity, t *troubles) func(context.Context) error {
	return func(ctx context.Context) error {
		return id.KeepValid(ctx, func(err error) {
			code := identity.Code(err)
			t.mu.Lock()
			news := code != t.code
			t.code = code
			t.mu.Unlock()
			switch {
			case err == nil:
				a.log.Info("the certificate was renewed", "until", id.Expires().Format(time.DateOnly))
			case news:
				a.log.Error("the certificate was not renewed", "code", code, "until", id.Expires().Format(time.DateOnly), "err", err)
			}
		})
	}
}

// turnedAway is told of handshakes that failed. One that failed because of an
// expired certificate needs a person, any other is noise of the network.
func (a *Agent) turnedAway(t *troubles) func(with string, err error) {
	return func(with string, err error) {
		why := identity.Refused(err)
		if why == nil {
			return
		}
		t.mu.Lock()
		again := t.told[why.Error()]
		if !again && len(t.told) < 64 {
			if t.told == nil {
				t.told = map[string]bool{}
			}
			t.told[why.Error()] = true
		}
		t.mu.Unlock()
		if !again {
			a.log.Error("a gateway was refused", "code", identity.Code(why), "with", with, "err", why)
		}
	}
}
