package enrol

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"html/template"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tote/agent/health"
	"tote/agent/identity"
	"tote/agent/identity/members"
)

// Routes are those of [Desk.Public]: everybody may ask them, and gets something for a
// code or a key alone.
var Routes = []string{"GET /enrol", "POST /enrol", "POST /enrol/renew", "GET /ca.crt"}

// maxClaim bounds what a stranger may send, in bytes.
const maxClaim = 8 << 10

// Public serves the way in.
func (d *Desk) Public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /enrol", d.ask)
	mux.HandleFunc("POST /enrol", d.claim)
	mux.HandleFunc("POST /enrol/renew", d.renew)
	mux.HandleFunc("GET /ca.crt", d.ca)
	return mux
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>Tote</title>
<style nonce="{{.Nonce}}">body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:1rem auto;padding:0 1rem}button{font:inherit;padding:.8rem 1.2rem}code{overflow-wrap:anywhere}</style>
{{if .Code}}<h1>Let this device in</h1>
<p>It will belong to the site and work as the handheld that the code was made for. The code serves once.</p>
<form method="post" action="/enrol"><input type="hidden" name="c" value="{{.Code}}"><button>Let this device in</button></form>
<p>Does your browser warn of this page? Install the <a href="/ca.crt">certificate of the site</a> first. Its fingerprint must be the one that stood beside the code:</p><p><code>{{.Fingerprint}}</code></p>
{{else if .Page}}<h1>This is handheld {{.Name}}</h1><p><a href="/hh/">Go on to work</a></p>
<script nonce="{{.Nonce}}">localStorage.setItem('tote-device', {{.Page}}); location.replace('/hh/')</script>
{{else}}<h1>Not let in</h1><p>{{.Text}}</p><p>{{.Action}}</p>{{end}}
</html>
`))

type shown struct{ Nonce, Code, Fingerprint, Page, Name, Text, Action string }

func (d *Desk) show(w http.ResponseWriter, status int, s shown) {
	s.Nonce = rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // the code stands in the address
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+s.Nonce+"'; script-src 'nonce-"+s.Nonce+"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = page.Execute(w, s) // the peer is gone when this fails
}

// ask shows a button: programs that look at a link to show a picture of it must not
// use up the code.
func (d *Desk) ask(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("c")
	if code == "" {
		d.show(w, http.StatusBadRequest, shown{Text: "There is no code in the address.", Action: "Scan the code that `tote enrol handheld` shows."})
		return
	}
	s := shown{Code: code}
	if d.cfg.CA != nil {
		_, s.Fingerprint = d.cfg.CA()
	}
	d.show(w, http.StatusOK, s)
}

// claim takes the form of a browser, or JSON of anything else.
func (d *Desk) claim(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	browser := kind == "application/x-www-form-urlencoded"
	fail := func(err error) {
		status, code, text := outcome(err)
		f, _ := health.Find(code)
		d.cfg.Log.Warn("a device was not let in", "remote", r.RemoteAddr, "code", code, "why", text)
		if browser {
			d.show(w, status, shown{Text: code + ": " + text, Action: f.Action})
			return
		}
		reply(w, status, map[string]string{"code": code, "text": text, "cause": f.Cause, "action": f.Action})
	}
	if !d.guard.pass(host(r), time.Now()) {
		fail(refuse(identity.CodeEnrol, "too many tries; wait a minute"))
		return
	}
	var asked struct {
		Code string `json:"code"`
		CSR  []byte `json:"csr"` // base64 of the DER
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClaim))
	switch {
	case err != nil:
	case browser:
		asked.Code, err = formCode(body)
	case kind == "application/json":
		err = json.Unmarshal(body, &asked)
	default:
		err = errors.New("Content-Type must be application/json")
	}
	if err != nil {
		fail(refuse(members.CodeCodeUnknown, "%v", err))
		return
	}
	let, err := d.Claim(r.Context(), asked.Code, asked.CSR)
	switch {
	case err != nil:
		fail(err)
	case browser && let.Role != "handheld":
		fail(refuse(identity.CodeEnrol, "the code was one for a %s, and is used up now", let.Role))
	case browser:
		setCookie(w, let.Role+":"+let.Name, let.Secret)
		d.show(w, http.StatusOK, shown{Page: Page(let.Name), Name: let.Name})
	default:
		reply(w, http.StatusOK, let)
	}
}

func (d *Desk) renew(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Device string `json:"device"` // "role:name"
		CSR    []byte `json:"csr"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxClaim)).Decode(&asked)
	var let Let
	switch {
	case !d.guard.pass(host(r), time.Now()):
		err = refuse(identity.CodeEnrol, "too many tries; wait a minute")
	case err != nil:
		err = refuse(members.CodeNoDevice, "%v", err)
	default:
		let, err = d.Renew(r.Context(), asked.Device, asked.CSR)
	}
	if err != nil {
		status, code, text := outcome(err)
		f, _ := health.Find(code)
		reply(w, status, map[string]string{"code": code, "text": text, "cause": f.Cause, "action": f.Action})
		return
	}
	reply(w, http.StatusOK, let)
}

func (d *Desk) ca(w http.ResponseWriter, r *http.Request) {
	if d.cfg.CA == nil {
		http.NotFound(w, r)
		return
	}
	der, _ := d.cfg.CA()
	h := w.Header()
	h.Set("Content-Type", "application/x-x509-ca-cert") // what phones take for one to install
	h.Set("Content-Disposition", `attachment; filename="tote-ca.crt"`)
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, asPEM(der))
}

func asPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer is gone when this fails
}

// outcome is an error as the other side sees it.
func outcome(err error) (status int, code, text string) {
	no, ok := errors.AsType[*Refusal](err)
	switch {
	case ok && no.Code == identity.CodeEnrol:
		return http.StatusTooManyRequests, no.Code, no.Text
	case ok:
		return http.StatusForbidden, no.Code, no.Text
	case identity.Code(err) != "":
		return http.StatusBadRequest, identity.Code(err), err.Error()
	}
	return http.StatusServiceUnavailable, identity.CodeEnrol, "the site cannot record it now"
}

func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}

// Tries a minute of one address, and the addresses remembered.
const (
	mostTries = 10
	mostHosts = 1024
)

// gate counts the tries of each address. A code cannot be guessed; the log and the
// other gateways are spared.
type gate struct {
	mu   sync.Mutex
	last map[string]tries
}

type tries struct {
	since time.Time
	n     int
}

func (g *gate) pass(host string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.last) >= mostHosts {
		for h, t := range g.last {
			if now.Sub(t.since) > time.Minute {
				delete(g.last, h)
			}
		}
	}
	t := g.last[host]
	if now.Sub(t.since) > time.Minute {
		t = tries{since: now}
	}
	t.n++
	if _, known := g.last[host]; !known && len(g.last) >= mostHosts {
		return false
	}
	g.last[host] = t
	return t.n <= mostTries
}

// formCode is the code of the form.
func formCode(body []byte) (string, error) {
	v, err := url.ParseQuery(string(body))
	return v.Get("c"), err
}
