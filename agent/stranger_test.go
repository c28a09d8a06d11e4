//go:build linux && !386 && !arm && !mips && !mipsle

package agent

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tote/agent/access"
	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/enrol"
)

// strangerEnv tells the test binary that it runs in a network of its own.
const strangerEnv = "TOTE_TEST_STRANGER"

// TestStranger: an unauthenticated peer on the network gets nothing but a login page
// and a closed port. The gateway runs in a network of its own, at an address that is
// not loopback; its listeners are found in the kernel's list of sockets, so that a
// new one cannot be forgotten, and every one of them is tried.
func TestStranger(t *testing.T) {
	const network = "ip link set lo up && ip addr add 10.77.0.1/24 dev lo && "
	if out, err := exec.Command("unshare", "-rn", "sh", "-c", network+"true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no network of one's own here: %v %s", err, out)
	}
	for _, inside := range []string{"TestStrangerAtTheDefaults", "TestStrangerAtEverything"} {
		t.Run(inside, func(t *testing.T) {
			cmd := exec.Command("unshare", "-rn", "sh", "-c", network+`exec "$0" -test.run='^`+inside+`$' -test.v`, os.Args[0])
			cmd.Env = append(os.Environ(), strangerEnv+"=1")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: "+inside+" ") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func inside(t *testing.T) {
	if os.Getenv(strangerEnv) == "" {
		t.Skip("runs in a network of its own, by TestStranger")
	}
}

// TestStrangerAtTheDefaults: the configuration of the package opens nothing to the
// network.
func TestStrangerAtTheDefaults(t *testing.T) {
	raw, err := os.ReadFile("../deploy/deb/files/usr/share/tote/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := strings.NewReplacer(`site: ""`, "site: s1", `gateway: ""`, "gateway: gw1", "/var/lib/tote/state", dir).Replace(string(raw))
	cfg, err := config.Parse("agent.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if e := cfg.Exposed(); e != nil {
		t.Errorf("exposed: %v", e)
	}
	inside(t)
	s := &site{t: t, dir: dir, mqtt: cfg.MQTT.Listen[0].Address, web: cfg.HTTP.Listen}
	s.start()
	found := sockets(t)
	for _, at := range found {
		if !at.Addr().IsLoopback() {
			t.Errorf("%v is open to the network", at)
		}
	}
	if len(found) != 2 {
		t.Errorf("%v, want the broker and the pages", found)
	}
}

// TestStrangerAtEverything: all that can listen does, at an address of the network.
func TestStrangerAtEverything(t *testing.T) {
	inside(t)
	dir := t.TempDir()
	s := &site{
		t: t, dir: dir, id: "gw1", port: "10.77.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0", tokens: filepath.Join(dir, "tokens"), shows: "the-administrators-token-1",
		lan: `{listen: [{address: "10.77.0.1:0", tls: {}}, {address: "10.77.0.1:0", insecure: true}, {address: "127.0.0.1:0"}]}`,
	}
	s.https = `{listen: "10.77.0.1:0", names: "gw1.example.com"}`
	line, err := access.Line("root", []string{access.Admin}, s.shows)
	s.must(err)
	s.must(os.WriteFile(s.tokens, []byte(line), 0o600))
	s.found()
	s.load()
	s.order("SECRET-ORDER", "A1", 2)
	var open []netip.AddrPort
	for _, at := range sockets(t) {
		if !at.Addr().IsLoopback() {
			open = append(open, at)
		}
	}
	if len(open) != 4 {
		t.Fatalf("open to the network: %v, want pages, two brokers and the port of the gateways", open)
	}
	s.unchanged(func() {
		for _, at := range open {
			t.Run(at.String(), func(t *testing.T) {
				for name, talk := range strangers4 {
					for _, secure := range []bool{false, true} {
						said := converse(t, at, secure, talk)
						if leak := leaks(said); leak != "" {
							t.Errorf("%s (TLS %v): it says %q: %.200q", name, secure, leak, said)
						}
					}
				}
			})
		}
		strangeRequests(t, "https://"+s.gw.agent.https.Addr)
	})
	if st := s.gw.agent.broker.Stats(); st.Connects > 0 || st.Refused == 0 || st.Commands > 0 {
		t.Errorf("at the broker: %+v", st)
	}
	// The one who belongs here is let in by the same door.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.trust(), DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(s.ctx(), http.MethodGet, "https://"+s.gw.agent.https.Addr+"/v1/orders/SECRET-ORDER", nil)
	s.must(err)
	req.Header.Set("Authorization", "Bearer "+s.shows)
	resp, err := client.Do(req)
	s.must(err)
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("SECRET-ORDER")) {
		t.Errorf("with a token: %d %s", resp.StatusCode, body)
	}
}

// trust is what a client has that got the site's authority.
func (s *site) trust() *tls.Config { return s.gw.agent.ident.TrustTLS() }

// leaks is what must not be in anything a stranger hears.
func leaks(said []byte) string {
	for _, word := range []string{"SECRET-ORDER", "tote/v1/", "\x20\x02\x00\x00", "\x90\x03", "leader", "raft"} {
		if bytes.Contains(said, []byte(word)) {
			return word
		}
	}
	return ""
}

// strangers4 is what a stranger may say to any socket. After a CONNECT follow a
// subscription to everything and a command.
var strangers4 = map[string][]byte{
	"nothing":                  nil,
	"garbage":                  bytes.Repeat([]byte{0xff, 0x00, 0x7f, 0x16}, 400),
	"HTTP":                     []byte("GET /v1/orders HTTP/1.0\r\nHost: localhost\r\n\r\n"),
	"HTTP, as if it were here": []byte("GET /v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n\r\n"),
	"MQTT, no name":            mqttTalk("", "", ""),
	"MQTT, a handheld":         mqttTalk("handheld:h1", "", ""),
	"MQTT, a wrong password":   mqttTalk("handheld:h1", "handheld:h1", "wrong-password"),
	"MQTT, a robot":            mqttTalk("robot:R1", "robot:R1", ""),
	"MQTT, the watch":          mqttTalk("watch:w", "watch:w", "watch:w"),
	"MQTT, the inline client":  mqttTalk("inline", "", ""),
}

// mqttTalk is CONNECT, SUBSCRIBE to # and a PUBLISH at once.
func mqttTalk(id, user, password string) []byte {
	text := func(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }
	packet := func(kind byte, body ...[]byte) []byte {
		all := bytes.Join(body, nil)
		return append([]byte{kind, byte(len(all))}, all...)
	}
	flags := byte(2)
	var more []byte
	if user != "" {
		flags |= 0xc0
		more = append(text(user), text(password)...)
	}
	return bytes.Join([][]byte{
		packet(0x10, text("MQTT"), []byte{4, flags, 0, 5}, text(id), more),
		packet(0x82, []byte{0, 1}, text("#"), []byte{1}),
		packet(0x32, text("tote/v1/s1/handheld/h1/up/cmd"), []byte{0, 2}, []byte("{}")),
	}, nil)
}

// converse says something to a socket and returns all that it says.
func converse(t *testing.T, at netip.AddrPort, secure bool, talk []byte) []byte {
	t.Helper()
	c, err := net.DialTimeout("tcp", at.String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if secure {
		s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"raft/1", "rpc/1", "join/1", "satellite/1", "http/1.1"}})
		if s.Handshake() != nil {
			return nil // it does not speak TLS, or not with a stranger
		}
		c = s
	}
	if talk == nil {
		_ = c.SetDeadline(time.Now().Add(200 * time.Millisecond)) // who says nothing first hears nothing
	}
	_, _ = c.Write(talk)
	if tcp, ok := c.(*net.TCPConn); ok && talk != nil {
		_ = tcp.CloseWrite()
	}
	if s, ok := c.(*tls.Conn); ok && talk != nil {
		_ = s.CloseWrite()
	}
	said, _ := io.ReadAll(io.LimitReader(c, 1<<20))
	return said
}

// routeOf finds the routes of the pages in their source.
var routeOf = regexp.MustCompile(`mux\.HandleFunc\("((?:GET|POST) [^"]+)"`)

// public are the routes that need no token from the network.
var public = append([]string{"GET /healthz", "GET /assets/{hash}/{file}"}, enrol.Routes...)

// strangeRequests asks for every route there is, as nobody and with what does not
// count.
func strangeRequests(t *testing.T, base string) {
	t.Helper()
	source, err := os.ReadFile("../web/server.go")
	if err != nil {
		t.Fatal(err)
	}
	routes := slices.Clone(api.Routes)
	for _, m := range routeOf.FindAllSubmatch(source, -1) {
		routes = append(routes, string(m[1]))
	}
	routes = append(append(routes, enrol.Routes...), enrol.ConsoleRoutes...)
	if len(routes) < len(api.Routes)+20 {
		t.Fatalf("only %d routes were found", len(routes))
	}
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConns: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	for _, route := range append(routes, "GET /nowhere", "GET /debug/pprof/", "GET /hh/../v1/orders", "DELETE /v1/orders/x") {
		method, path, _ := strings.Cut(route, " ")
		path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "SECRET-ORDER")
		for name, change := range map[string]func(*http.Request){
			"nobody":       func(*http.Request) {},
			"a browser":    func(r *http.Request) { r.Header.Set("Accept", "text/html") },
			"a wrong one":  func(r *http.Request) { r.SetBasicAuth("root", "the-administrators-token-2") },
			"a cookie":     func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "tote", Value: "handheld:h1.x"}) },
			"another host": func(r *http.Request) { r.Host = "localhost:8080" },
		} {
			req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			change(req)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
			_ = resp.Body.Close()
			want := http.StatusUnauthorized
			if slices.Contains(public, route) {
				want = resp.StatusCode
			}
			if resp.StatusCode != want || leaks(said) != "" {
				t.Errorf("%s of %s: %d %.200s", route, name, resp.StatusCode, said)
			}
		}
	}
}

// sockets are the addresses this process listens on, of TCP in both versions.
func sockets(t *testing.T) (out []netip.AddrPort) {
	t.Helper()
	mine := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				mine[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open("/proc/self/net/" + table)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			const listening = "0A"
			if c := strings.Fields(lines.Text()); len(c) > 9 && c[3] == listening && mine[c[9]] {
				out = append(out, kernelAddress(t, c[1]))
			}
		}
		_ = f.Close()
	}
	if len(out) == 0 {
		t.Fatal("no listening socket was found")
	}
	return out
}

// kernelAddress reads "0100007F:1F90": words in the byte order of the machine.
func kernelAddress(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil {
		t.Fatal(fmt.Errorf("%s: %w %w", s, err, perr))
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(n))
}
