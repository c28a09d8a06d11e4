package agent

import (
	"context"
	"path/filepath"

	"tote/agent/images"
	"tote/warehouse"
)

// startImages keeps the pictures of items here, when the configuration says from
// where they may come.
func (a *Agent) startImages(context.Context) error {
	if a.cfg.Images == nil {
		return nil
	}
	cfg := images.Config{Dir: filepath.Join(a.cfg.DataDir, "images"), View: a.view, Log: a.log}
	for _, h := range a.cfg.Images.Hosts {
		cfg.Hosts = append(cfg.Hosts, h.Host)
	}
	c, err := images.New(cfg)
	if err != nil {
		return err
	}
	a.images.Store(c)
	return a.sup.Go("images", c.Run)
}

// kickImages: the items may have changed.
func (a *Agent) kickImages() {
	if c := a.images.Load(); c != nil {
		c.Kick()
	}
}

// image is the picture of an item, from this gateway's copy.
func (a *Agent) image(sku string) (body []byte, kind string, ok bool) {
	c := a.images.Load()
	if c == nil {
		return nil, "", false
	}
	hash := ""
	err := a.view(func(r warehouse.Reader) error {
		it, err := warehouse.GetItem(r, sku)
		if it != nil {
			hash = it.ImageHash
		}
		return err
	})
	if err != nil || hash == "" {
		return nil, "", false
	}
	return c.Get(hash)
}
