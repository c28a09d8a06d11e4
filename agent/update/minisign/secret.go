package minisign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

// ErrPassword: the password is wrong, or the file was changed.
var ErrPassword = errors.New("the password does not open this key, or its file is damaged")

// SecretKey makes signatures.
type SecretKey struct {
	id  [idSize]byte
	key ed25519.PrivateKey
}

// Public is the key that checks what this one signs.
func (k SecretKey) Public() PublicKey {
	return PublicKey{k.id, k.key.Public().(ed25519.PublicKey)}
}

// Generate makes a new key.
func Generate() (SecretKey, error) {
	var k SecretKey
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return k, err
	}
	k.key = key
	_, _ = rand.Read(k.id[:]) // never fails (crypto/rand since Go 1.24)
	return k, nil
}

// Cost is how dear it is to try a password out, in the units of libsodium's
// scryptsalsa208sha256: operations, and bytes of memory.
type Cost struct{ Ops, Memory uint64 }

// Sensitive is what the tool takes: a second or two and 1 GiB for each try.
var Sensitive = Cost{33554432, 1 << 30}

// maxMemory bounds what a file may ask for.
const maxMemory = 1 << 30

const (
	scryptAlg = "Sc"
	plainAlg  = "\x00\x00"
	sumAlg    = "B2"
	saltSize  = 32
	sealed    = idSize + ed25519.PrivateKeySize + blake2b.Size256
	headSize  = 2 + 2 + 2 + saltSize + 8 + 8
)

// params turns a cost into scrypt's parameters as libsodium's pickparams does.
func (c Cost) params() (n, r, p int, err error) {
	if c.Memory > maxMemory || c.Memory < 1<<20 || c.Ops > 1<<32 {
		return 0, 0, 0, fmt.Errorf("%w: it asks for %d bytes of memory and %d operations", ErrKey, c.Memory, c.Ops)
	}
	ops := max(c.Ops, 32768)
	r, p = 8, 1
	highest := c.Memory / uint64(r*128)
	if ops < c.Memory/32 {
		highest = ops / uint64(r*4)
	}
	log := 1
	for uint64(1)<<log <= highest/2 {
		log++
	}
	n = 1 << log
	if ops >= c.Memory/32 {
		p = max(int(min(ops/4/uint64(n), 0x3fffffff))/r, 1)
	}
	return n, r, p, nil
}

// stream is what the secret part is hidden with; nothing without a password.
func stream(password string, salt []byte, c Cost) ([]byte, error) {
	n, r, p, err := c.params()
	if err != nil {
		return nil, err
	}
	return scrypt.Key([]byte(password), salt, n, r, p, sealed)
}

// sum guards the secret part.
func (k SecretKey) sum() []byte {
	s := blake2b.Sum256(slices.Concat([]byte(keyAlg), k.id[:], k.key))
	return s[:]
}

// File is the key as the tool keeps it, hidden with a password; with an empty one it is
// not hidden.
func (k SecretKey) File(password string, c Cost) ([]byte, error) {
	kdf, salt := plainAlg, make([]byte, saltSize)
	secret := slices.Concat(k.id[:], k.key, k.sum())
	if password == "" {
		c = Cost{}
		copy(secret[idSize+ed25519.PrivateKeySize:], make([]byte, blake2b.Size256))
	} else {
		kdf = scryptAlg
		_, _ = rand.Read(salt) // never fails
		mask, err := stream(password, salt, c)
		if err != nil {
			return nil, err
		}
		subtle.XORBytes(secret, secret, mask)
	}
	b := slices.Concat([]byte(keyAlg+kdf+sumAlg), salt)
	b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, c.Ops), c.Memory)
	return []byte(untrusted + "minisign encrypted secret key\n" + base64.StdEncoding.EncodeToString(append(b, secret...)) + "\n"), nil
}

// ParseSecret reads a file of the tool. password is asked for only when it is hidden.
func ParseSecret(text []byte, password func() (string, error)) (SecretKey, error) {
	var k SecretKey
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], untrusted) {
		return k, fmt.Errorf("%w: want two lines", ErrKey)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil || len(b) != headSize+sealed || string(b[:2]) != keyAlg || string(b[4:6]) != sumAlg {
		return k, fmt.Errorf("%w: the second line", ErrKey)
	}
	secret := b[headSize:]
	switch kdf := string(b[2:4]); kdf {
	case plainAlg:
	case scryptAlg:
		c := Cost{binary.LittleEndian.Uint64(b[38:]), binary.LittleEndian.Uint64(b[46:])}
		if _, _, _, err := c.params(); err != nil {
			return k, err // before anybody is asked for anything
		}
		p, err := password()
		if err != nil {
			return k, err
		}
		mask, err := stream(p, b[6:6+saltSize], c)
		if err != nil {
			return k, err
		}
		subtle.XORBytes(secret, secret, mask)
	default:
		return k, fmt.Errorf("%w: hidden in the way %q", ErrKey, kdf)
	}
	k.id, k.key = [idSize]byte(secret[:idSize]), ed25519.PrivateKey(slices.Clone(secret[idSize:idSize+ed25519.PrivateKeySize]))
	hidden := string(b[2:4]) == scryptAlg
	if hidden && !bytes.Equal(secret[idSize+ed25519.PrivateKeySize:], k.sum()) {
		return SecretKey{}, ErrPassword
	}
	if whole := ed25519.NewKeyFromSeed(k.key.Seed()); !whole.Equal(k.key) {
		return SecretKey{}, ErrPassword
	}
	return k, nil
}
