package identity

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestRekeyStepByStep: two gateways meet at every moment of the change, whichever is
// ahead by a step and however often each is started anew; afterwards a gateway that
// stayed behind, and one that was made with the old key, are out.
func TestRekeyStepByStep(t *testing.T) {
	gw1 := initSite(t, "hamburg", "gw1")
	token, err := NewToken(gw1.Authority())
	if err != nil {
		t.Fatal(err)
	}
	gw2, left := join(t, gw1, token, "gw2"), join(t, gw1, token, "gw3")
	again := func(id *Identity) *Identity {
		t.Helper()
		fresh, err := Load(id.dir, at(day))
		if err != nil {
			t.Fatal(err)
		}
		return fresh
	}
	before := gw1.Authority()
	ca, key, err := gw1.Found()
	if err != nil {
		t.Fatal(err)
	}
	pin := sum(ca)
	if err := gw1.Turn(pin); !errors.Is(err, ErrLeftBehind) {
		t.Errorf("turned to what is not here: %v", err)
	}
	steps := []func(*Identity) error{
		func(id *Identity) error { return id.Stage(ca, key) },
		func(id *Identity) error { return id.Turn(pin) },
		func(id *Identity) error { return id.Finish(pin) },
	}
	for i, step := range steps {
		for _, id := range []**Identity{&gw2, &gw1} {
			if err := step(*id); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			for _, restart := range []bool{false, true} {
				if restart {
					gw1, gw2 = again(gw1), again(gw2)
				}
				if err := meet(t, gw1, gw2); err != nil {
					t.Errorf("step %d of %s, restarted %v: %v", i, (*id).Gateway, restart, err)
				}
			}
			if err := step(*id); err != nil { // each may be taken again
				t.Errorf("step %d again: %v", i, err)
			}
		}
	}
	if gw1.Pin() != pin || gw2.Pin() != pin || len(gw1.Pins()) != 1 {
		t.Error("it is not finished")
	}
	if err := meet(t, gw1, left); err == nil {
		t.Error("the one left behind is let in")
	}
	forged, err := Store(filepath.Join(t.TempDir(), "id"), before, "gw2", at(day))
	if err != nil {
		t.Fatal(err)
	}
	if err := meet(t, gw1, forged); err == nil {
		t.Error("what the old key signed is let in")
	}
	if err := left.Finish(pin); !errors.Is(err, ErrLeftBehind) {
		t.Errorf("%v", err)
	}
	for _, name := range []string{fileNextCA, fileNextCAKey, fileNextCert, filePromote} {
		if _, err := os.Stat(filepath.Join(gw1.dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if id := join(t, gw2, mustToken(t, gw2), "gw4"); meet(t, gw1, id) != nil {
		t.Error("a newcomer under the new authority is not let in")
	}
}

func sum(der []byte) [sha256.Size]byte { return sha256.Sum256(der) }

func mustToken(t *testing.T, id *Identity) Token {
	t.Helper()
	token, err := NewToken(id.Authority())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestRekeyCutOff: the power goes while the files take their places, after each of
// them; the gateway starts with the new authority, whole.
func TestRekeyCutOff(t *testing.T) {
	for cut := range 7 {
		id := initSite(t, "hamburg", "gw1")
		ca, key, err := id.Found()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(id.Stage(ca, key), id.Turn(sum(ca))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(id.dir, filePromote), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		names := [][2]string{{fileNextCAKey, fileCAKey}, {fileNextCert, fileCert}, {fileNextCA, fileCA}}
		for i := range min(cut, 3) {
			raw, err := os.ReadFile(filepath.Join(id.dir, names[i][0]))
			if err == nil {
				err = os.WriteFile(filepath.Join(id.dir, names[i][1]), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range max(cut-3, 0) {
			if err := os.Remove(filepath.Join(id.dir, names[i][0])); err != nil {
				t.Fatal(err)
			}
		}
		fresh, err := Load(id.dir, at(day))
		if err != nil || fresh.Pin() != sum(ca) || len(fresh.Pins()) != 1 {
			t.Errorf("cut off after %d: %v", cut, err)
		}
	}
}

// TestStageRefused: what does not fit is not trusted.
func TestStageRefused(t *testing.T) {
	id, other := initSite(t, "hamburg", "gw1"), initSite(t, "bremen", "gw1")
	ca, key, err := id.Found()
	foreign, foreignKey, ferr := other.Found()
	if err := errors.Join(err, ferr); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ca, key []byte
		want    error
	}{
		"another site": {foreign, foreignKey, ErrWrongSite}, "another key": {ca, foreignKey, ErrDamaged}, "no key": {ca, nil, ErrDamaged}, "rubbish": {[]byte("x"), key, ErrDamaged},
	} {
		if err := id.Stage(tt.ca, tt.key); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(id.Pins()) != 1 {
		t.Error("it is trusted")
	}
}
