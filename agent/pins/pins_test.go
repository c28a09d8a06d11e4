package pins

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"tote/warehouse"
)

func TestCheck(t *testing.T) {
	for pin, want := range map[string]error{
		"4711": nil, "0815": nil, "13579246": nil, "1123": nil,
		"": ErrForm, "123": ErrForm, "123456789": ErrForm, "12a4": ErrForm, "１２３４": ErrForm, " 4711": ErrForm,
		"0000": ErrWeak, "1234": ErrWeak, "87654321": ErrWeak, "999999": ErrWeak,
	} {
		if err := Check(pin); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", pin, err, want)
		}
	}
}

func TestHash(t *testing.T) {
	ctx := t.Context()
	salt := Salt("w1", "handheld/h1", "7")
	if !bytes.Equal(salt, Salt("w1", "handheld/h1", "7")) || bytes.Equal(salt, Salt("w1", "handheld/h17")) {
		t.Error("salts")
	}
	h, err := Hash(ctx, "4711", salt)
	if err != nil || strings.Contains(h, "4711") || ValidHash(h) != nil || !bytes.Equal(SaltOf(h), salt) {
		t.Fatalf("%q, %v", h, err)
	}
	for pin, want := range map[string]bool{"4711": true, "4712": false, "04711": false, "": false} {
		if ok, err := Right(ctx, pin, h); err != nil || ok != want {
			t.Errorf("%q: %v, %v", pin, ok, err)
		}
	}
	other, err := Hash(ctx, "4711", Salt("w2"))
	if err != nil || other == h {
		t.Errorf("two workers have one hash: %v", err)
	}
	// The state takes what is made here.
	if _, _, _, err := warehouse.Encode(warehouse.SetPin{Worker: "w1", Hash: h}); err != nil {
		t.Error(err)
	}
	if _, err := Hash(ctx, "1234", salt); !errors.Is(err, ErrWeak) {
		t.Errorf("a weak one: %v", err)
	}
	one <- struct{}{} // somebody computes
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Right(gone, "4711", h); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-one
}

// Hashes from elsewhere are bounded, and are what the tool that made them means.
func TestHashesFromElsewhere(t *testing.T) {
	const salt, sum = "c2FsdHNhbHRzYWx0c2FsdA", "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
	for hash, good := range map[string]bool{
		"$argon2id$v=19$m=9216,t=4,p=1$" + salt + "$" + sum:       true,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + sum:      true,
		"$argon2id$v=19$m=65536,t=3,p=1$" + salt + "$" + sum:      false,
		"$argon2id$v=19$m=9216,t=99,p=1$" + salt + "$" + sum:      false,
		"$argon2id$v=19$m=9216,t=4,p=4$" + salt + "$" + sum:       false,
		"$argon2id$v=16$m=9216,t=4,p=1$" + salt + "$" + sum:       false,
		"$argon2i$v=19$m=9216,t=4,p=1$" + salt + "$" + sum:        false,
		"$argon2id$v=19$m=9216,t=4,p=1$" + salt + "$":             false,
		"$argon2id$v=19$m=9216,t=4,p=1$$" + sum:                   false,
		"$argon2id$v=19$m=+9216,t=4,p=1$" + salt + "$" + sum:      false,
		"$argon2id$v=19$m=9216,t=4,p=1x$" + salt + "$" + sum:      false,
		"$argon2id$v=19$m=9216,t=4,p=1$" + salt + "$" + sum + "$": false,
		"$2b$12$abc": false,
		"4711":       false,
	} {
		if err := ValidHash(hash); (err == nil) != good {
			t.Errorf("%s: %v", hash, err)
		}
	}
	// argon2 -id -t 2 -m 16 -p 1 is beyond the bound; this is the reference's own for 19 MiB.
	if ok, err := Right(t.Context(), "4711", "$argon2id$v=19$m=64,t=2,p=1$"+salt+"$"+sum); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func BenchmarkRight(b *testing.B) {
	h, err := Hash(b.Context(), "4711", Salt("w1"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, err := Right(b.Context(), "4711", h); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
