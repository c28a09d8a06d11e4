package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tote/warehouse"
)

// TestImageRow24: row 24: the picture of an item is at the gateway when the server
// it came from is gone, after a restart too, and the handheld page shows it in a
// real browser.
func TestImageRow24(t *testing.T) {
	t.Parallel()
	var pic bytes.Buffer
	if err := png.Encode(&pic, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pic.Bytes()) }))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: fmt.Sprintf("images: {hosts: [{host: %q}]}\n", host)}
	s.begin()
	var it *warehouse.Item
	s.must(s.gw.agent.view(func(r warehouse.Reader) (err error) {
		it, err = warehouse.GetItem(r, "A1")
		return err
	}))
	row := fmt.Sprintf("sku,name,gtin,weight_g,image,image_hash\nA1,%s,%s,%d,%s/a.png?x=1,%x\n",
		it.Name, it.GTIN, it.WeightMg/1000, server.URL, sha256.Sum256(pic.Bytes()))
	if code, b := s.importCSV("items", row); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	got := func() bool {
		code, b := s.call("GET", "/hh/image/A1", "", "")
		return code == http.StatusOK && bytes.Equal(b, pic.Bytes())
	}
	s.eventually("the picture is here", got)
	server.Close()
	s.stop()
	s.start()
	if !got() {
		t.Error("without its server the picture is gone")
	}
	for _, sku := range []string{"A2", "NOPE"} {
		if code, _ := s.call("GET", "/hh/image/"+sku, "", ""); code != http.StatusNotFound {
			t.Errorf("%s: %d", sku, code)
		}
	}
	t.Run("row 24: a browser shows it, in a Wi-Fi hole too", func(t *testing.T) {
		if testing.Short() {
			t.Skip("SKIPPED in -short: browser test")
		}
		chromium, err := exec.LookPath("chromium")
		if err != nil {
			t.Skip("SKIPPED: chromium is not installed; run make deps")
		}
		if _, err := os.Stat("../web/e2e/node_modules/playwright-core"); err != nil {
			t.Skip("SKIPPED: web/e2e/node_modules is missing; run make deps")
		}
		s.order("O1", "A1", 2)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", "image.js", "http://"+s.web, chromium, "BADGE-1")
		cmd.Dir = "../web/e2e"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
