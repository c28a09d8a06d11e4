package web

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"

	"tote/warehouse"
)

//go:embed assets/*
var assetFiles embed.FS

// assets are the static files. Their URLs hold the hash of all of them, so a
// browser may keep them for ever, and modules can name each other.
type assets struct {
	hash  string
	files map[string][]byte
}

// mimeTypes of what is embedded; anything else does not belong here.
var mimeTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json",
}

func loadAssets(files fs.FS, dir string) (*assets, error) {
	a := &assets{files: map[string][]byte{}}
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b, err := fs.ReadFile(files, dir+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		if mimeTypes[path.Ext(e.Name())] == "" {
			return nil, fmt.Errorf("web: asset %s has no media type", e.Name())
		}
		a.files[e.Name()] = b
	}
	if a.files["codes.json"], err = codesJSON(); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(a.files))
	for n := range a.files {
		names = append(names, n)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, n := range names {
		fmt.Fprintf(h, "%s %d\n", n, len(a.files[n]))
		h.Write(a.files[n])
	}
	a.hash = hex.EncodeToString(h.Sum(nil))[:12]
	return a, nil
}

// codesJSON is what a handheld page says about a refusal: code → cause, action.
func codesJSON() ([]byte, error) {
	type fault struct {
		Cause  string `json:"cause"`
		Action string `json:"action"`
	}
	out := map[string]fault{}
	for _, f := range warehouse.Faults {
		out[f.Code] = cmp.Or(out[f.Code], fault{f.Cause, f.Action})
	}
	return json.Marshal(out)
}

// URL is where an asset is.
func (a *assets) URL(name string) string { return "/assets/" + a.hash + "/" + name }

// serve answers GET /assets/{hash}/{file}.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	b, ok := a.files[name]
	if !ok || r.PathValue("hash") != a.hash {
		http.NotFound(w, r) // another version's page asks: it must load itself anew
		return
	}
	h := w.Header()
	h.Set("Content-Type", mimeTypes[path.Ext(name)])
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(b) // the peer is gone when this fails
}
