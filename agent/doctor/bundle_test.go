package doctor

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tote/agent/config"
)

// TestNoSecretInBundle: a configuration with every key that names a secret, whose
// values are repeated in each file of the bundle.
func TestNoSecretInBundle(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secrets := []string{"mqtt-Value-1111", "http-hash-2222", "oms-Value-3333", "acme-Value-4444", "nas-Value-4545", "S0VZLUxJTkUtT05F", "KEYLINETWO5555"}
	text := fmt.Sprintf(`
config_version: 1
site: s
gateway: gw1
data_dir: /nowhere/state
# the password of the router is hunter2222
mqtt:
  listen: [{address: "192.0.2.1:8883", tls: {cert: %s, key: %s}}]
  tokens_file: %s
http: {listen: "127.0.0.1:8080", tokens_file: %s} # pin 987654
oms: {url: "https://oms.example.com", token_file: %s}
upstreams: [{name: acme, url: "https://acme.example.com", token_file: %s}]
backup: {url: "https://nas.site.lan", secret_file: %s}
`, write("c.crt", "x"), write("c.key", "-----BEGIN EC PRIVATE KEY-----\nS0VZLUxJTkUtT05F\nKEYLINETWO5555\n-----END EC PRIVATE KEY-----\n"),
		write("tokens", "handheld:h1 mqtt-Value-1111\n"), write("http", "ann admin http-hash-2222\n"), write("oms", "oms-Value-3333\n"), write("acme", "acme-Value-4444"), write("nas", "tote:nas-Value-4545"))
	cfg, err := config.Parse("agent.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if n := secretKeys(reflect.TypeFor[config.Config](), map[reflect.Type]bool{}); n != 6 {
		t.Errorf("%d keys of the configuration name secrets, this test knows 6: add the new one here and in Secrets", n)
	}
	loose := []string{"inline-6666", "block-7777", "url-8888", "shown-9999", "tote1.abcdef.id.joinsecret", "quoted 1212"}
	noise := strings.Join(secrets, "\nx ") + "\n" + `oms: {token: inline-6666, url: https://me:url-8888@oms.example.com}
password: |
  block-7777
  more
level: info
{"msg":"x","Authorization":"Bearer shown-9999","my_token":"quoted 1212","state":"ready"}
join with tote1.abcdef.id.joinsecret now
`
	var out bytes.Buffer
	err = Bundle(&out, time.Unix(1, 0), Secrets(cfg), []Item{
		{"agent.yaml", WithoutComments([]byte(text + noise))}, {"log.txt", []byte(noise)}, {"status.json", []byte(noise)}, {"metrics.txt", []byte("tote_ready 1\n" + noise)},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	all, names := "", []string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all += string(b)
		names = append(names, h.Name)
	}
	for _, s := range append(append(secrets, loose...), "hunter2222", "987654") {
		if strings.Contains(all, s) {
			t.Errorf("%q is in the bundle:\n%s", s, all)
		}
	}
	for _, s := range []string{"site: s", "token_file: ", "tote_ready 1", `"state":"ready"`, "level: info", "https://oms.example.com"} {
		if !strings.Contains(all, s) {
			t.Errorf("%q is gone:\n%s", s, all)
		}
	}
	if len(names) != 4 || names[0] != "tote-doctor/agent.yaml" {
		t.Errorf("%v", names)
	}
}

// secretKeys counts the kinds of keys that name files with secrets.
func secretKeys(ty reflect.Type, seen map[reflect.Type]bool) (n int) {
	for ty.Kind() == reflect.Pointer || ty.Kind() == reflect.Slice {
		ty = ty.Elem()
	}
	if ty.Kind() != reflect.Struct || seen[ty] {
		return 0
	}
	seen[ty] = true
	for i := range ty.NumField() {
		key, _, _ := strings.Cut(ty.Field(i).Tag.Get("yaml"), ",")
		if strings.Contains(key, "token") || strings.Contains(key, "secret") || strings.Contains(key, "password") || key == "key" {
			n++
		}
		n += secretKeys(ty.Field(i).Type, seen)
	}
	return n
}
