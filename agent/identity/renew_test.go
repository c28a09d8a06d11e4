package identity

import (
	"context"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair is two gateways of a site whose clocks are those of the bubble.
func pair(t *testing.T) (a, b *Identity) {
	t.Helper()
	a, err := Init(filepath.Join(t.TempDir(), "id"), "hamburg", "gw1", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	token, err := NewToken(a.Authority())
	if err != nil {
		t.Fatal(err)
	}
	key, csr, err := Request("gw2")
	if err != nil {
		t.Fatal(err)
	}
	w, err := a.Welcome(csr, "gw2")
	if err != nil {
		t.Fatal(err)
	}
	b, err = Accept(filepath.Join(t.TempDir(), "id"), token, w, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// meet lets two gateways call each other, as server and as client.
func meet(t *testing.T, a, b *Identity) error {
	t.Helper()
	var errs []error
	for _, p := range [][2]*Identity{{a, b}, {b, a}} {
		client := p[1].TLS("raft/1")
		client.ServerName = p[0].Gateway
		_, serr, cerr := shake(t, p[0].TLS("raft/1"), client)
		errs = append(errs, serr, cerr)
	}
	return errors.Join(errs...)
}

// keep runs KeepValid and collects what it tells.
func keep(t *testing.T, id *Identity) (told func() []error, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all []error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := id.KeepValid(ctx, func(err error) { all = append(all, err) }); err != nil {
			t.Error(err)
		}
	}()
	return func() []error { synctest.Wait(); return slices.Clone(all) }, func() { cancel(); <-ended }
}

// TestRenewal: for over a year two gateways meet every day, and nobody restarts.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		toldA, stopA := keep(t, a)
		_, stopB := keep(t, b)
		defer stopA()
		defer stopB()
		serials := map[string]bool{}
		for d := range 400 {
			if err := meet(t, a, b); err != nil {
				t.Fatalf("day %d: %v", d, err)
			}
			serials[a.cert.Load().SerialNumber.String()] = true
			if left := time.Until(a.Expires()); left < gatewayLife/3-renewEvery || left > gatewayLife {
				t.Fatalf("day %d: %v are left", d, left)
			}
			time.Sleep(24 * time.Hour) // of the bubble's clock
		}
		if n, want := len(serials), 400/60; n < want || n > want+1 || len(toldA()) < want {
			t.Errorf("%d certificates, %d renewals told", n, len(toldA()))
		}
		again, err := Load(a.dir, time.Now)
		if err != nil || !again.cert.Load().Equal(a.cert.Load()) {
			t.Errorf("a restart finds another certificate: %v", err)
		}
	})
}

// TestAPortShowsTheNewest: its configuration is made once, when it opens.
func TestAPortShowsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		server, client := a.TLS("raft/1"), b.TLS("raft/1") // made once, as a port does
		client.ServerName = "gw1"
		_, stopA := keep(t, a)
		_, stopB := keep(t, b)
		defer stopA()
		defer stopB()
		first := a.cert.Load().SerialNumber
		time.Sleep(2 * gatewayLife)
		synctest.Wait()
		if _, serr, cerr := shake(t, server, client); serr != nil || cerr != nil {
			t.Errorf("%v %v", serr, cerr)
		}
		if a.cert.Load().SerialNumber.Cmp(first) == 0 {
			t.Error("it has the old certificate")
		}
	})
}

// TestExpired: a gateway that was off for too long is refused, says who and
// what, makes itself a new certificate and is let in.
func TestExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		_, stopA := keep(t, a)
		defer stopA()
		time.Sleep(gatewayLife + time.Hour)
		synctest.Wait()
		client := b.TLS("raft/1")
		client.ServerName = "gw1"
		_, serr, _ := shake(t, a.TLS("raft/1"), client)
		why := Refused(serr)
		if !errors.Is(why, ErrExpired) || Code(why) != "IDN-112" || !strings.Contains(why.Error(), "gw2") {
			t.Fatalf("refused with %v (%v)", why, serr)
		}
		if err := Refused(errors.New("reset by peer")); err != nil {
			t.Errorf("any other reason: %v", err)
		}
		if !b.Expired() || a.Expired() {
			t.Errorf("expired: %v, %v", b.Expired(), a.Expired())
		}
		// It starts.
		b, err := Load(b.dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		told, stopB := keep(t, b)
		defer stopB()
		if got := told(); len(got) != 1 || got[0] != nil {
			t.Fatalf("told %v", got)
		}
		if err := meet(t, a, b); err != nil {
			t.Errorf("with a new certificate: %v", err)
		}
	})
}

// TestRenewalFails: it is tried every hour and told with its code; the old
// certificate serves until its end, and when the disk is mended all is well.
func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		_, stopA := keep(t, a)
		defer stopA()
		gone := b.dir + ".gone"
		if err := os.Rename(b.dir, gone); err != nil {
			t.Fatal(err)
		}
		told, stopB := keep(t, b)
		defer stopB()
		time.Sleep(gatewayLife*2/3 + 90*time.Minute)
		got := told()
		if len(got) != 2 || !errors.Is(got[0], ErrRenew) || errors.Is(got[0], ErrExpired) || Code(got[0]) != "IDN-113" {
			t.Fatalf("told %v", got)
		}
		b.Saw(time.Now().UnixMilli()) // what the site does meanwhile makes it no worse
		if n := len(told()); n != 2 {
			t.Errorf("%d tries", n)
		}
		if err := meet(t, a, b); err != nil {
			t.Errorf("with the old certificate: %v", err)
		}
		time.Sleep(gatewayLife / 3)
		got = told()
		if last := got[len(got)-1]; !errors.Is(last, ErrExpired) || !errors.Is(last, ErrRenew) {
			t.Fatalf("told %v", last)
		}
		if err := meet(t, a, b); err == nil {
			t.Error("an expired certificate was taken")
		}
		if err := os.Rename(gone, b.dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(renewEvery)
		if got = told(); got[len(got)-1] != nil {
			t.Errorf("told %v", got[len(got)-1])
		}
		if err := meet(t, a, b); err != nil {
			t.Errorf("mended: %v", err)
		}
	})
}

// TestClocks: what a wrong clock does to gateways that would do without it.
func TestClocks(t *testing.T) {
	for name, tc := range map[string]struct {
		wrong time.Duration // gw2's clock against gw1's
		saw   bool          // gw2 knows the site's time
	}{
		"no battery":         {-50 * 365 * 24 * time.Hour, false},
		"no battery, synced": {-50 * 365 * 24 * time.Hour, true},
		"a year behind":      {-365 * 24 * time.Hour, false},
		"a month ahead":      {29 * 24 * time.Hour, true},
		"a season ahead":     {100 * 24 * time.Hour, true},
		"a year ahead":       {365 * 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t)
				_, stopA := keep(t, a)
				defer stopA()
				clock := func() time.Time { return time.Now().Add(tc.wrong) }
				time.Sleep(70 * 24 * time.Hour) // gw1 has its second certificate
				b, err := Load(b.dir, clock)
				if err != nil {
					t.Fatal(err)
				}
				if tc.saw {
					b.Saw(time.Now().UnixMilli())
				}
				_, stopB := keep(t, b)
				defer stopB()
				synctest.Wait()
				for d := range 100 {
					if err := meet(t, a, b); err != nil {
						t.Fatalf("day %d: %v", d, err)
					}
					time.Sleep(24 * time.Hour)
					b.Saw(time.Now().UnixMilli()) // they met, so it heard
				}
				// Somebody sets the clock.
				if b, err = Load(b.dir, time.Now); err != nil {
					t.Fatal(err)
				}
				_, stopC := keep(t, b)
				defer stopC()
				synctest.Wait()
				if err := meet(t, a, b); err != nil || time.Until(b.Expires()) > gatewayLife+backdate {
					t.Errorf("set right: good until %v, %v", b.Expires(), err)
				}
			})
		})
	}
}

// TestTheSitesTimeJumps: the clock of a leader was a year ahead, and the site's
// time never goes back. All renew at once, whatever their own clocks say.
func TestTheSitesTimeJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		_, stopA := keep(t, a)
		_, stopB := keep(t, b)
		defer stopA()
		defer stopB()
		synctest.Wait()
		for _, id := range []*Identity{a, b} {
			id.Saw(time.Now().Add(365 * 24 * time.Hour).UnixMilli())
		}
		synctest.Wait()
		if err := meet(t, a, b); err != nil {
			t.Error(err)
		}
	})
}

// TestRenewLeavesOneCertificate: what a power cut in the middle leaves is the
// old one or the new one, and what lies about from before is in nobody's way.
func TestRenewLeavesOneCertificate(t *testing.T) {
	a := initSite(t, "hamburg", "gw1")
	if err := os.WriteFile(filepath.Join(a.dir, fileCert+".tmp"), []byte("half a certi"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := new(big.Int).Set(a.cert.Load().SerialNumber)
	if _, err := Load(a.dir, at(day)); err != nil {
		t.Fatal(err)
	}
	if err := a.Renew(t.Context()); err != nil || a.cert.Load().SerialNumber.Cmp(old) == 0 {
		t.Fatalf("%v", err)
	}
	info, err := os.Stat(filepath.Join(a.dir, fileCert))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(a.dir, fileCert+".tmp")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left over: %v", err)
	}
}
