// Package pins makes and compares the slow hashes of workers' PINs. A hash is
// Argon2id (RFC 9106) in its usual text form; 9 MiB and four passes is one of the
// least settings OWASP names, and the largest that a gateway with 64 MB for all of its
// work can spend beside it. Only one is computed at a time in a process, so that
// sign-ins in a row cost time and not memory.
//
// A PIN has few digits: who holds the state of the site finds one of four digits by
// trying all 10000, minutes of work, whatever the hash. The hash keeps it from being
// read; the waits of the site (warehouse/pin.go) keep it from being guessed at a
// handheld.
package pins

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a hash costs.
const (
	memoryKiB = 9 << 10
	passes    = 4
	saltSize  = 16
	keySize   = 32
)

// Bounds of hashes that come from elsewhere: none may take the gateway down.
const (
	mostMemoryKiB = 19 << 10
	mostPasses    = 10
)

// Errors.
var (
	ErrForm = errors.New("a PIN is 4 to 8 digits")
	ErrWeak = errors.New("this PIN is one of the first anybody tries: not one digit only, and no digits in a row")
	ErrHash = errors.New("no hash of a PIN: $argon2id$v=19$m=…,t=…,p=1$salt$hash, with at most 19 MiB and 10 passes")
)

// one is held by who computes.
var one = make(chan struct{}, 1)

// Valid tells whether a text is a PIN.
func Valid(pin string) bool {
	return len(pin) >= 4 && len(pin) <= 8 && strings.Trim(pin, "0123456789") == ""
}

// Check says whether a PIN may be chosen.
func Check(pin string) error {
	if !Valid(pin) {
		return ErrForm
	}
	for _, step := range []int{0, 1, -1} {
		weak := true
		for i := 1; i < len(pin); i++ {
			weak = weak && int(pin[i])-int(pin[i-1]) == step
		}
		if weak {
			return ErrWeak
		}
	}
	return nil
}

// Salt makes a salt out of what is said once only. It need not be secret.
func Salt(parts ...string) []byte {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return h[:saltSize]
}

var enc = base64.RawStdEncoding

// Hash is the hash of a PIN that may be chosen.
func Hash(ctx context.Context, pin string, salt []byte) (string, error) {
	if err := Check(pin); err != nil {
		return "", err
	}
	sum, err := compute(ctx, pin, salt, memoryKiB, passes, keySize)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, memoryKiB, passes, enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

func compute(ctx context.Context, pin string, salt []byte, memory, t uint32, size int) ([]byte, error) {
	select {
	case one <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-one }()
	return argon2.IDKey([]byte(pin), salt, t, memory, 1, uint32(size)), nil
}

// parsed is a hash taken apart.
type parsed struct {
	memory, passes uint32
	salt, sum      []byte
}

func parse(hash string) (p parsed, err error) {
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, ErrHash
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=1", &p.memory, &p.passes); n != 2 || err != nil || f[3] != fmt.Sprintf("m=%d,t=%d,p=1", p.memory, p.passes) {
		return p, ErrHash
	}
	if p.salt, err = enc.Strict().DecodeString(f[4]); err != nil {
		return p, ErrHash
	}
	if p.sum, err = enc.Strict().DecodeString(f[5]); err != nil {
		return p, ErrHash
	}
	if p.memory < 8 || p.memory > mostMemoryKiB || p.passes < 1 || p.passes > mostPasses ||
		len(p.salt) < 8 || len(p.salt) > 32 || len(p.sum) < 16 || len(p.sum) > 64 {
		return p, ErrHash
	}
	return p, nil
}

// ValidHash is nil when Right can compare with a hash.
func ValidHash(hash string) error {
	_, err := parse(hash)
	return err
}

// SaltOf is the salt of a hash, nil when it is none.
func SaltOf(hash string) []byte {
	p, err := parse(hash)
	if err != nil {
		return nil
	}
	return p.salt
}

// Right tells whether a PIN is that of a hash.
func Right(ctx context.Context, pin, hash string) (bool, error) {
	p, err := parse(hash)
	if err != nil {
		return false, err
	}
	sum, err := compute(ctx, pin, p.salt, p.memory, p.passes, len(p.sum))
	return err == nil && subtle.ConstantTimeCompare(sum, p.sum) == 1, err
}
