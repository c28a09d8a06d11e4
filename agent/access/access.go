// Package access lets requests through the HTTP door by what the token they show
// may do. Tokens stand in a file of the gateway as SHA-256 hashes, each with a
// name, which is the actor of what is done with it, and scopes. A request shows its
// token as a bearer token, or as the password of HTTP basic authentication, which
// a browser asks a person for. Nothing a token does not name is allowed: a new
// route is the administrator's until it stands in the table of a scope.
//
// A gateway without such a file has no tokens and asks for none; its listener is
// on loopback. The file is read at the start.
package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
)

// Scopes.
const (
	Service = "service" // customer service: orders, the exceptions, where something is; nothing is changed
	Read    = "read"    // everything that can be looked at but a backup
	Device  = "device"  // carrier ports and printers: label work
	Picker  = "picker"  // the handheld page, and what pickers do
	Packer  = "packer"  // the bench page of a station
	Lead    = "lead"    // what leads decide
	Admin   = "admin"   // everything
)

// Scopes lists them.
var Scopes = []string{Service, Read, Device, Picker, Packer, Lead, Admin}

// Codes of refusals.
const (
	CodeToken     = "TOKEN_WANTED"
	CodeForbidden = "FORBIDDEN"
)

// minToken is the shortest token a person may make up, in characters.
const minToken = 20

// Token is one line of the file.
type Token struct {
	Name   string
	Scopes []string
	hash   [sha256.Size]byte
}

// Load reads a file of tokens: one line "name scope[,scope] hash" each; empty lines
// and lines with # in front are skipped.
func Load(path string) ([]Token, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []Token
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		t, why := parse(line)
		if why == "" && slices.ContainsFunc(out, func(o Token) bool { return o.Name == t.Name }) {
			why = "the name " + t.Name + " stands twice"
		}
		if why != "" {
			return nil, fmt.Errorf("%s: line %d: %s", path, n, why)
		}
		out = append(out, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no token: nobody could ask this gateway for anything", path)
	}
	return out, nil
}

// parse reads a line. What is wrong never shows it: it may hold a token where a
// hash should be.
func parse(line string) (t Token, why string) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return t, "want: name scope[,scope] hash"
	}
	t.Name, t.Scopes = f[0], strings.Split(f[1], ",")
	for _, s := range t.Scopes {
		if !slices.Contains(Scopes, s) {
			return t, "a scope is none of " + strings.Join(Scopes, ", ")
		}
	}
	if sum, err := hex.DecodeString(f[2]); err == nil && len(sum) == len(t.hash) {
		t.hash = [sha256.Size]byte(sum)
	} else {
		return t, "the hash is not the SHA-256 of the token, 64 hex digits"
	}
	if len(t.Name) > 48 || strings.ContainsFunc(t.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return t, "the name is not 1 to 48 printable characters without '/'"
	}
	return t, ""
}

// Line is the line of a file for a token.
func Line(name string, scopes []string, token string) (string, error) {
	sum := sha256.Sum256([]byte(token))
	line := name + " " + strings.Join(scopes, ",") + " " + hex.EncodeToString(sum[:])
	if len(token) < minToken {
		return "", fmt.Errorf("a token has at least %d characters", minToken)
	}
	if _, why := parse(line); why != "" {
		return "", fmt.Errorf("%s", why)
	}
	return line, nil
}

type nameKey struct{}

// Name is who acts with the token of a request, "" where none was asked for.
func Name(ctx context.Context) string {
	name, _ := ctx.Value(nameKey{}).(string)
	return name
}

// Guard lets through what the tokens may do; without tokens, everything. It is for a
// listener on loopback.
func Guard(tokens []Token, next http.Handler) http.Handler {
	if len(tokens) == 0 {
		return next
	}
	return Door{Tokens: tokens}.Guard(next)
}

// Door is a listener and who is let in.
type Door struct {
	Tokens []Token
	// Enrolled is the device a request comes from, by the credential it was given
	// when it was enrolled; nil when it shows none that is good. nil = there are no
	// such devices.
	Enrolled func(w http.ResponseWriter, r *http.Request) *Token
	// Network says that strangers can reach it: nobody is told more than that a
	// gateway lives here.
	Network bool
}

// Guard lets through what whoever asks may do. Without tokens and devices that is
// nothing.
func (d Door) Guard(next http.Handler) http.Handler {
	rules := table()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := scopesOf(rules, r)
		if slices.Contains(allowed, everyone) && !(d.Network && slices.Contains(atHome, r.URL.Path)) {
			next.ServeHTTP(w, r)
			return
		}
		t := find(d.Tokens, shown(r))
		if t == nil && d.Enrolled != nil {
			t = d.Enrolled(w, r)
		}
		switch {
		case t == nil:
			w.Header().Set("WWW-Authenticate", `Basic realm="tote", charset="UTF-8"`)
			if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
				signIn(w)
				return
			}
			refuse(w, http.StatusUnauthorized, CodeToken, "this gateway asks for a token")
		case slices.Contains(allowed, everyone):
			next.ServeHTTP(w, r)
		case !slices.ContainsFunc(t.Scopes, func(s string) bool { return s == Admin || slices.Contains(allowed, s) }):
			refuse(w, http.StatusForbidden, CodeForbidden, "the token "+t.Name+" ("+strings.Join(t.Scopes, ", ")+") may not do this")
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nameKey{}, t.Name)))
		}
	})
}

// shown is the token of a request, "" when it shows none.
func shown(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// find compares with every token, so that the time tells nothing.
func find(tokens []Token, token string) (found *Token) {
	sum := sha256.Sum256([]byte(token))
	for i := range tokens {
		if subtle.ConstantTimeCompare(sum[:], tokens[i].hash[:]) == 1 && token != "" {
			found = &tokens[i]
		}
	}
	return found
}

// signIn is what a browser shows of a gateway to somebody it does not know, when its
// question for a token was left unanswered.
func signIn(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, signInPage) // the peer is gone when this fails
}

const signInPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tote</title>
<h1>Sign in</h1>
<p>Load this page again and give your token as the password; the name does not matter.</p>
<p>A handheld is let in with the code that <code>tote enrol handheld</code> or the page Devices shows: scan it with the camera.</p>
</html>
`

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "text": text}) // the peer is gone when this fails
}
