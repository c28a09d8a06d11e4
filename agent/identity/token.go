package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Token lets one gateway in, once.
//
//	tote1.<first 16 bytes of the hash of the authority's certificate, hex>.<id>.<secret>
type Token struct {
	Pin    [16]byte
	ID     string // names the token in the site's records
	Secret []byte // 32 random bytes; the site keeps their hash alone
}

// NewToken makes a token for the authority.
func NewToken(a *Authority) (Token, error) {
	t := Token{Secret: make([]byte, 32)}
	pin := a.Pin()
	copy(t.Pin[:], pin[:])
	id := make([]byte, 6)
	if _, err := rand.Read(id); err != nil {
		return t, err
	}
	if _, err := rand.Read(t.Secret); err != nil {
		return t, err
	}
	t.ID = hex.EncodeToString(id)
	return t, nil
}

// String is the token as a person carries it.
func (t Token) String() string {
	return "tote1." + hex.EncodeToString(t.Pin[:]) + "." + t.ID + "." + base64.RawURLEncoding.EncodeToString(t.Secret)
}

// ParseToken reads a token; surrounding space is ignored.
func ParseToken(s string) (Token, error) {
	parts := strings.Split(strings.TrimSpace(s), ".")
	if len(parts) != 4 || parts[0] != "tote1" {
		return Token{}, fmt.Errorf("%w: want tote1.<site>.<id>.<secret>", ErrToken)
	}
	var t Token
	pin, err := hex.DecodeString(parts[1])
	if err != nil || len(pin) != len(t.Pin) {
		return Token{}, fmt.Errorf("%w: the second part is damaged", ErrToken)
	}
	copy(t.Pin[:], pin)
	if id, err := hex.DecodeString(parts[2]); err != nil || len(id) != 6 {
		return Token{}, fmt.Errorf("%w: the third part is damaged", ErrToken)
	}
	t.ID = parts[2]
	if t.Secret, err = base64.RawURLEncoding.DecodeString(parts[3]); err != nil || len(t.Secret) != 32 {
		return Token{}, fmt.Errorf("%w: the fourth part is damaged", ErrToken)
	}
	return t, nil
}

// Hash is what the site keeps of the secret.
func (t Token) Hash() []byte {
	h := sha256.Sum256(t.Secret)
	return h[:]
}

// Matches says whether the secret belongs to a kept hash, in constant time.
func (t Token) Matches(hash []byte) bool { return hmac.Equal(t.Hash(), hash) }

// Names says whether a certificate is the authority the token was made for.
func (t Token) Names(cert []byte) bool {
	h := sha256.Sum256(cert)
	return hmac.Equal(h[:len(t.Pin)], t.Pin[:])
}
