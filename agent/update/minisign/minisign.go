// Package minisign signs and verifies small texts as the tool minisign does, so that
// whoever distrusts this program can check a release with that one. Only signatures of
// the hashed kind ("ED", over BLAKE2b-512) are taken; the older kind asks to keep the
// whole text in memory and is not written any more.
//
// It owns no state and no goroutine. Secret keys are in secret.go.
//
// Format: https://jedisct1.github.io/minisign/ (public keys, signatures and secret keys
// of minisign 0.11, tested against that tool).
package minisign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
)

var (
	// ErrKey: the text is no key of minisign.
	ErrKey = errors.New("this is no key of minisign")
	// ErrFormat: the text is no signature of minisign, or one of the old kind.
	ErrFormat = errors.New("this is no signature of minisign")
	// ErrUnknownKey: it was signed with a key that is not trusted.
	ErrUnknownKey = errors.New("it is signed with a key that is not trusted")
	// ErrForged: text, signature or trusted comment are not what was signed.
	ErrForged = errors.New("the signature does not fit: text or comment were changed")
)

const (
	untrusted = "untrusted comment: "
	trusted   = "trusted comment: "
	keyAlg    = "Ed"
	hashedAlg = "ED"
	idSize    = 8
	sigSize   = len(hashedAlg) + idSize + ed25519.SignatureSize
	// maxComment bounds a comment, in bytes, as the tool does.
	maxComment = 8192
)

// PublicKey is what signatures are checked with.
type PublicKey struct {
	id  [idSize]byte
	key ed25519.PublicKey
}

// ID is the number of the key as the tool shows it, 16 hex digits.
func (k PublicKey) ID() string { return fmt.Sprintf("%016X", binary.LittleEndian.Uint64(k.id[:])) }

// String is the key in one line, as the tool takes it after -P.
func (k PublicKey) String() string {
	return base64.StdEncoding.EncodeToString(slices.Concat([]byte(keyAlg), k.id[:], k.key))
}

// File is the key as the tool keeps it.
func (k PublicKey) File() []byte {
	return []byte(untrusted + "minisign public key " + k.ID() + "\n" + k.String() + "\n")
}

// ParsePublic reads one key in one line.
func ParsePublic(line string) (PublicKey, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || len(b) != len(keyAlg)+idSize+ed25519.PublicKeySize || string(b[:2]) != keyAlg {
		return PublicKey{}, fmt.Errorf("%w: %q", ErrKey, line)
	}
	return PublicKey{[idSize]byte(b[2:10]), ed25519.PublicKey(b[10:])}, nil
}

// ParsePublics reads a file of keys: those of the tool, one after the other. Empty lines,
// comments of the tool and lines with # in front are skipped.
func ParsePublics(text []byte) (keys []PublicKey, err error) {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(line, untrusted) {
			continue
		}
		k, err := ParsePublic(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// signature is a file of one, taken apart.
type signature struct {
	id      [idSize]byte
	sig     []byte
	comment string
	global  []byte // over sig and comment
}

func parseSignature(text []byte) (s signature, err error) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], untrusted) || !strings.HasPrefix(lines[2], trusted) || len(lines[2]) > maxComment {
		return s, fmt.Errorf("%w: want four lines, two of them comments", ErrFormat)
	}
	head, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil || len(head) != sigSize {
		return s, fmt.Errorf("%w: the second line", ErrFormat)
	}
	if string(head[:2]) != hashedAlg {
		return s, fmt.Errorf("%w: it is of the old kind; sign without -l", ErrFormat)
	}
	s.id, s.sig, s.comment = [idSize]byte(head[2:10]), head[10:], strings.TrimPrefix(lines[2], trusted)
	s.global, err = base64.StdEncoding.Strict().DecodeString(lines[3])
	if err != nil || len(s.global) != ed25519.SignatureSize {
		return s, fmt.Errorf("%w: the fourth line", ErrFormat)
	}
	return s, nil
}

// Verify checks a signature of text with the key of keys that made it, and returns the
// trusted comment, which is signed too.
func Verify(keys []PublicKey, text, sig []byte) (comment string, by PublicKey, err error) {
	s, err := parseSignature(sig)
	if err != nil {
		return "", by, err
	}
	at := slices.IndexFunc(keys, func(k PublicKey) bool { return k.id == s.id })
	if at < 0 {
		return "", by, fmt.Errorf("%w: %016X", ErrUnknownKey, binary.LittleEndian.Uint64(s.id[:]))
	}
	by = keys[at]
	hash := blake2b.Sum512(text)
	if !ed25519.Verify(by.key, hash[:], s.sig) || !ed25519.Verify(by.key, slices.Concat(s.sig, []byte(s.comment)), s.global) {
		return "", by, ErrForged
	}
	return s.comment, by, nil
}

// Sign signs text and a comment of one line.
func Sign(k SecretKey, text []byte, comment string) ([]byte, error) {
	if strings.ContainsAny(comment, "\r\n") || len(trusted)+len(comment) > maxComment {
		return nil, fmt.Errorf("a trusted comment is one line of at most %d bytes", maxComment-len(trusted))
	}
	hash := blake2b.Sum512(text)
	sig := ed25519.Sign(k.key, hash[:])
	global := ed25519.Sign(k.key, slices.Concat(sig, []byte(comment)))
	var b bytes.Buffer
	enc := base64.StdEncoding.EncodeToString
	fmt.Fprintf(&b, "%ssignature from minisign secret key\n%s\n%s%s\n%s\n", untrusted,
		enc(slices.Concat([]byte(hashedAlg), k.id[:], sig)), trusted, comment, enc(global))
	return b.Bytes(), nil
}
