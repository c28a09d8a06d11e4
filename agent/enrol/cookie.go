package enrol

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tote/agent/access"
	"tote/agent/identity/members"
)

// cookie holds the credential of a handheld page. The prefix has browsers send it to
// the host that set it alone, over TLS, for all of its pages (RFC 6265bis 4.1.3).
const cookie = "__Host-tote"

// cookieLife: browsers keep none for longer.
const cookieLife = 400 * 24 * time.Hour

func setCookie(w http.ResponseWriter, device, secret string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: device + "." + secret, Path: "/", MaxAge: int(cookieLife.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Page is the device id under which the page of a handheld works.
func Page(name string) string { return "web-" + strings.Repeat("0", max(0, 6-len(name))) + name }

// Enrolled is who sends a request, by the cookie of a handheld; nil for anybody else.
// Its page may speak for no other handheld. In the last third of its time it gets a
// new cookie; w is nil when nothing can be answered any more.
func (d *Desk) Enrolled(w http.ResponseWriter, r *http.Request) *access.Token {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil
	}
	device, secret, ok := strings.Cut(c.Value, ".")
	role, name, named := strings.Cut(device, ":")
	if !ok || !named || len(c.Value) > 256 {
		return nil
	}
	hash := sha256.Sum256([]byte(secret))
	rec, err := d.Known(device, members.BySecret, hash[:])
	if err != nil {
		d.cfg.Log.Warn("it cannot be told whether a device belongs to the site", "device", device, "err", err)
	}
	if rec == nil {
		return nil
	}
	if asked := r.URL.Query().Get("device"); asked != "" && asked != Page(name) {
		return &access.Token{Name: device} // known, and this it may not do
	}
	if left := time.UnixMilli(rec.Until).Sub(d.cfg.Now()); w != nil && left < time.Duration(rec.Life)*time.Millisecond/3 && r.Method == http.MethodGet && r.URL.Path == "/hh/" {
		d.change(w, r, device, hash[:])
	}
	return &access.Token{Name: device, Scopes: access.ScopesOf(role)}
}

// change gives a handheld a new cookie. When that cannot be recorded the old one
// stays good.
func (d *Desk) change(w http.ResponseWriter, r *http.Request, device string, old []byte) {
	secret := rand.Text()
	hash := sha256.Sum256([]byte(secret))
	err := answered(d.cfg.Do(r.Context(), "device/"+device, members.Rotate{Device: device, Old: old, New: hash[:]}))
	if err != nil {
		d.cfg.Log.Warn("a handheld got no new credential; it keeps the old one", "device", device, "err", fmt.Sprint(err))
		return
	}
	setCookie(w, device, secret)
}
