package enrol

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"time"

	"tote/agent/access"
	"tote/agent/enrol/qr"
	"tote/agent/health"
)

// ConsoleRoutes are those of [Desk.Console], for supervisors and engineers.
var ConsoleRoutes = []string{"GET /enrolled", "POST /enrolled"}

// Console serves the page of the devices: who is in, until when, and a form that shows
// the code for a handheld. What another site's page sends in a supervisor's name is
// refused.
func (d *Desk) Console() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /enrolled", func(w http.ResponseWriter, r *http.Request) { d.board(w, r, board{}) })
	mux.HandleFunc("POST /enrolled", d.offerPage)
	return http.NewCrossOriginProtection().Handler(mux)
}

type board struct {
	Nonce, Site string
	Rows        []Row
	Open        []Waiting
	Offer       *Offer
	Picture     template.HTML
	Wrong, Do   string
}

var boardPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="same-origin"><title>Devices · {{.Site}}</title>
<style nonce="{{.Nonce}}">body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}table{border-collapse:collapse}th,td{text-align:left;padding:.2rem .8rem .2rem 0}svg{width:min(90vw,24rem);display:block}code{overflow-wrap:anywhere}input,button{font:inherit;padding:.4rem}[role=alert]{border-left:.3rem solid #b00;padding-left:.6rem}</style>
<h1>Devices of {{.Site}}</h1>
{{with .Wrong}}<p role="alert">{{.}}<br>{{$.Do}}</p>{{end}}
{{with .Offer}}<h2>Handheld {{.Name}}</h2>
{{if .Link}}<p>Scan this with the camera of the handheld until {{.Expires}}. It serves once.</p>{{$.Picture}}
<p>Fingerprint of the site's authority, should the browser warn:<br><code>{{.Fingerprint}}</code></p>
{{else}}<p role="alert">This gateway serves no pages to the network, so a handheld has nowhere to go. Give http.https in its configuration.</p>{{end}}{{end}}
<form method="post" action="/enrolled"><label>Let in a handheld, named <input name="name" required pattern="[a-z0-9]{1,16}" title="1 to 16 of a-z 0-9" autocomplete="off"></label> <button>Show its code</button></form>
<table><thead><tr><th>device<th>by<th>until<th>last seen here<th></thead><tbody>
{{range .Rows}}<tr><td>{{.Role}} {{.Name}}<td>{{.By}}<td>{{slice .Until 0 10}}<td>{{with .Seen}}{{.}}{{else}}not since the start{{end}}<td>{{with .Code}}{{.}}: {{end}}{{.Text}}
{{else}}<tr><td>none yet{{end}}
{{range .Open}}<tr><td>{{.Role}} {{.Name}}<td>code<td>{{.Expires}}<td><td>waits to be scanned{{end}}
</tbody></table>
<p>Robots and other machines are let in with <code>tote enrol robot NAME</code>, and anything is taken out with <code>tote revoke ROLE:NAME</code>.</p>
</html>
`))

func (d *Desk) offerPage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxClaim)
	by := "site/page"
	if name := access.Name(r.Context()); name != "" {
		by = "token/" + name
	}
	o, err := d.Invite(r.Context(), by, "handheld", r.PostFormValue("name"), 15*time.Minute, 0)
	if err != nil {
		_, code, text := outcome(err)
		f, _ := health.Find(code)
		d.board(w, r, board{Wrong: code + ": " + text, Do: f.Action})
		return
	}
	b := board{Offer: &o}
	if o.Link != "" {
		code, err := qr.Encode(o.Link)
		if err != nil {
			d.board(w, r, board{Wrong: err.Error(), Do: "Give http.https a shorter name."})
			return
		}
		b.Picture = template.HTML(code.SVG()) // numbers of our own
	}
	d.board(w, r, b)
}

func (d *Desk) board(w http.ResponseWriter, _ *http.Request, b board) {
	var err error
	if b.Rows, b.Open, err = d.List(); err != nil {
		b.Wrong = err.Error()
	}
	b.Site, b.Nonce = d.cfg.Site, rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // a code may be on it
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+b.Nonce+"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	_ = boardPage.Execute(w, b) // the peer is gone when this fails
}
