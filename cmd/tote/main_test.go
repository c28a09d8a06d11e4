package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The test binary is the command itself when this is set, so that the tests see
// what a person at a terminal sees: two outputs and an exit status.
const asCommand = "TOTE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		if v := os.Getenv("TOTE_TEST_VERSION"); v != "" {
			version = v
		}
		if n, err := strconv.ParseUint(os.Getenv("TOTE_TEST_LEVEL"), 10, 16); err == nil {
			speaks = uint16(n)
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// ran is how a command ended.
type ran struct {
	status      int
	out, errors string
}

func tote(t *testing.T, env []string, args ...string) ran {
	t.Helper()
	return toteWith(t, nil, env, args...)
}

// toteWith runs the command with something on its standard input.
func toteWith(t *testing.T, in io.Reader, env []string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), asCommand+"=1", "TOTE_API="), env...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want requires an exit status and parts of the outputs.
func (r ran) want(t *testing.T, status int, out, errs string) {
	t.Helper()
	if r.status != status || !strings.Contains(r.out, out) || !strings.Contains(r.errors, errs) {
		t.Errorf("exit status %d, want %d with %q on standard output and %q on standard error\n--- out:\n%s--- errors:\n%s", r.status, status, out, errs, r.out, r.errors)
	}
	if strings.Contains(r.errors, "goroutine ") {
		t.Errorf("it panicked:\n%s", r.errors)
	}
}

// file writes a file of the given name and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nobody is an address on which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String()
}

const goodConfig = `config_version: 1
site: hamburg
gateway: gw1
data_dir: /var/lib/tote
mqtt: {listen: [{address: "127.0.0.1:1883"}]}
http: {listen: "127.0.0.1:8080"}
docks: [{id: dock1}]
`

func TestVersionAndHelp(t *testing.T) {
	tote(t, nil, "version").want(t, 0, "tote dev ("+runtime.GOOS+"/"+runtime.GOARCH, "")
	help := tote(t, nil, "--help")
	for _, cmd := range []string{"run", "validate", "import", "status", "order", "do", "gs1", "oms", "emulate", "demo", "version"} {
		help.want(t, 0, "\n  "+cmd, "")
	}
}

func TestUsageErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		errs string
	}{
		"no command":           {nil, "expected one of"},
		"unknown command":      {[]string{"start"}, "unexpected argument start"},
		"unknown flag":         {[]string{"run", "--force"}, "unknown flag --force"},
		"flag of another":      {[]string{"version", "--dry"}, "unknown flag --dry"},
		"no file to validate":  {[]string{"validate", "--config", "/nonexistent"}, "CFG_READ"},
		"two acts on an order": {[]string{"order", "O1", "--retry", "--cancel", "x"}, "can't be used together"},
		"do without a command": {[]string{"do"}, "say which command"},
		"do with no such file": {[]string{"do", "AskMove", "/nonexistent"}, "no such file"},
		"a share of text":      {[]string{"demo", "--exit", "--kill-gateway-at", "x"}, `--kill-gateway-at: "x" is not a share between 0% and 100%`},
		"a share of 150 %":     {[]string{"demo", "--exit", "--kill-gateway-at", "150%"}, `"150%" is not a share`},
		"no share at all":      {[]string{"demo", "--exit", "--kill-gateway-at", "NaN"}, `"NaN" is not a share`},
		"speed 0":              {[]string{"demo", "--exit", "--speed", "0"}, `--speed "0": want a number above 0 and up to 1000, or max`},
		"a speed that is none": {[]string{"demo", "--exit", "--speed", "NaN"}, `--speed "NaN"`},
		"negative orders":      {[]string{"demo", "--exit", "--orders=-1"}, "--orders must be 0 to 100000"},
		"no pickers":           {[]string{"demo", "--exit", "--pickers", "0"}, "--pickers 1 to 50"},
		"no such folder":       {[]string{"demo", "--exit", "--csv", "/nonexistent"}, "no such file or directory"},
		"an import of nothing": {[]string{"import", "/nonexistent/orders.csv"}, "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			r := tote(t, nil, tc.args...)
			if r.status == 0 {
				t.Error("exit status 0")
			}
			r.want(t, r.status, "", tc.errs)
		})
	}
}

func TestValidate(t *testing.T) {
	path := file(t, "agent.yaml", goodConfig)
	tote(t, nil, "validate", path).want(t, 0, path+" is good: site hamburg, gateway gw1, 0 stations, 1 docks\n", "")

	bad := file(t, "agent.yaml", strings.Replace(strings.Replace(goodConfig, "gateway: gw1", "gatway: gw1", 1), "8080", "99999", 1))
	r := tote(t, nil, "validate", bad)
	r.want(t, 1, "", bad+":3:1: CFG_UNKNOWN_KEY: gatway")
	r.want(t, 1, "", "did you mean gateway?")
	r.want(t, 1, "", "CFG_VALUE: http.listen") // all problems at once
	for _, args := range [][]string{{"--config", path}, {"--json", path}, {"--strict", path}} {
		tote(t, nil, append([]string{"validate"}, args...)...).want(t, 0, "", "")
	}
	tote(t, nil, "validate", "--json", bad).want(t, 1, `"action": "Write gateway, or remove the line."`, "")
	unwise := file(t, "agent.yaml", goodConfig+"oms: {url: \"https://oms.example.com\", token_file: /nonexistent/t}\n")
	tote(t, nil, "validate", unwise).want(t, 0, " is good: ", "warning: CFG_NO_FILE: oms.token_file")
	tote(t, nil, "validate", "--strict", unwise).want(t, 1, "", "CFG_NO_FILE")
	bad = file(t, "agent.yaml", strings.Replace(strings.Replace(goodConfig, "gw1", "gw/1", 1), "127.0.0.1:8080", "0.0.0.0:8080", 1))
	r = tote(t, nil, "validate", bad)
	r.want(t, 1, "", "CFG_ID: gateway")
	r.want(t, 1, "", "CFG_PLAIN_LISTENER: http.listen")
	tote(t, nil, "validate", "/nonexistent").want(t, 1, "", "CFG_READ")
	// 78 tells systemd that a restart would change nothing.
	tote(t, nil, "run", "--config", bad).want(t, 78, "", "CFG_ID: gateway")
	tote(t, nil, "run", bad).want(t, 78, "", "CFG_ID: gateway")
	sole := file(t, "agent.yaml", strings.Replace(goodConfig, "/var/lib/tote", t.TempDir(), 1)+"cluster: {listen: \"127.0.0.1:0\"}\n")
	tote(t, nil, "run", "--config", sole).want(t, 78, "", "IDN-102")
}

func TestNoGateway(t *testing.T) {
	api := nobody(t)
	orders := file(t, "orders.csv", "order\n")
	for _, args := range [][]string{{"status"}, {"order", "O1"}, {"order", "O1", "--cancel", "x"}, {"import", orders}, {"do", "AskMove", orders}, {"do", "--list"}} {
		tote(t, []string{"TOTE_API=" + api}, args...).want(t, 1, "", "the gateway does not answer (is it running? see --api)")
	}
	tote(t, nil, "status", "--api", api).want(t, 1, "", "the gateway does not answer")
}

// gateway answers every request with one status and body, and notes what it was
// asked.
func gateway(t *testing.T, status int, body string) (env []string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*asked = append(*asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(b))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return []string{"TOTE_API=" + server.URL + "/"}, asked
}

// TestImportOfABadFile: the line is named on standard error, the status is 1,
// and the files behind it are not sent.
func TestImportOfABadFile(t *testing.T) {
	env, asked := gateway(t, 422, `{"code":"CSV_VALUE","text":"nothing was imported: line 3, column qty: CSV_VALUE: \"x\"","problems":[{"line":3,"column":"qty","code":"CSV_VALUE","text":"\"x\""}]}`)
	bad, next := file(t, "stock.csv", "bin,sku,qty\nB,A,1\nB,C,x\n"), file(t, "orders.csv", "order\n")
	r := tote(t, env, "import", bad, next)
	r.want(t, 1, "", "line 3, column qty: CSV_VALUE")
	r.want(t, 1, "", `"line": 3`)
	r.want(t, 1, "", bad+":3:1: CSV_VALUE: qty: ")
	if r.out != "" || strings.Contains(r.errors, "tote: error") {
		t.Errorf("said twice:\n%s%s", r.out, r.errors)
	}
	if diff := cmp.Diff([]string{"POST /v1/import/stock text/csv bin,sku,qty\nB,A,1\nB,C,x\n"}, *asked); diff != "" {
		t.Error(diff)
	}
}

// TestImportOfNoKind: a file whose name says nothing is answered with the flag
// and what it takes, and no file is sent, not even a good one before it.
func TestImportOfNoKind(t *testing.T) {
	env, asked := gateway(t, 200, `{"code":"OK"}`)
	items, bad := file(t, "items.csv", "sku\n"), file(t, "bad.csv", "sku\n")
	kinds := "say with --kind what it holds: items, bins, workers, stock, orders, receipts or site"
	for name, tc := range map[string]struct {
		args []string
		errs string
	}{
		"the name of the file": {[]string{"import", items, bad}, `the name of ` + bad + ` says "bad", which is no kind of file; ` + kinds},
		"the flag":             {[]string{"import", "--kind", "robots", items}, `--kind says "robots", which is no kind of file; ` + kinds},
	} {
		t.Run(name, func(t *testing.T) { tote(t, env, tc.args...).want(t, 1, "", tc.errs) })
	}
	if len(*asked) != 0 {
		t.Errorf("sent: %q", *asked)
	}
}

func TestRequests(t *testing.T) {
	env, asked := gateway(t, 200, `{"code":"OK"}`)
	items, odd, site := file(t, "items.csv", "sku\n"), file(t, "monday.txt", "order\n"), file(t, "site.json", "{}")
	for _, args := range [][]string{
		{"status"},
		{"import", site, items},
		{"import", "--dry", "--kind", "orders", odd},
		{"order", "O 1/2"},
		{"order", "O1", "--cancel", `"quoted"`},
		{"order", "O1", "--retry"},
	} {
		tote(t, env, args...).want(t, 0, "{\n  \"code\": \"OK\"\n}\n", "")
	}
	want := []string{
		"GET //v1/status  ",
		"PUT //v1/site application/json {}",
		"POST //v1/import/items text/csv sku\n",
		"POST //v1/import/orders?dry=1 text/csv order\n",
		"GET //v1/orders/O%201%2F2  ",
		`POST //v1/orders/O1/cancel application/json {"reason":"\"quoted\""}`,
		"POST //v1/orders/O1/retry application/json {}",
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "//", "/", 1) // the slash at the end of the address goes
	}
	if diff := cmp.Diff(want, *asked); diff != "" {
		t.Error(diff)
	}
}

// TestDo: the command goes out with its fields as they are, who does it and a
// key of its own; the answer is printed.
func TestDo(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked = append(asked, strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Content-Type"), r.Header.Get("Tote-Actor"), r.Header.Get("Idempotency-Key"), string(b)}, "|"))
		_, _ = io.WriteString(w, `{"ok":true,"code":"OK","ref":"K000001"}`)
	}))
	defer server.Close()
	env := []string{"TOTE_API=" + server.URL, "USER=mira", "SUDO_USER="}
	move := file(t, "move.json", `{"sku":"TEA"}`)
	tote(t, env, "do", "AskMove", move, "--key", "k1").want(t, 0, "\"ref\": \"K000001\"", "")
	tote(t, env, "do", "AskMove", move, "--key", "k1", "--actor", "Jörg").want(t, 0, "", "")
	t.Setenv("TOTE_API", server.URL)
	t.Setenv("USER", "mira")
	t.Setenv("SUDO_USER", "")
	typing(t, `{"task":"K000001","reason":"x"}`, "do", "EndFloor", "-", "--key", "k2").want(t, 0, "K000001", "")
	typing(t, `{}`, "do", "A/B").want(t, 0, "", "")
	typing(t, `{}`, "do", "A/B").want(t, 0, "", "")
	want := []string{
		`POST|/v1/do/AskMove|application/json|mira|k1|{"sku":"TEA"}`,
		`POST|/v1/do/AskMove|application/json|Jörg|k1|{"sku":"TEA"}`,
		`POST|/v1/do/EndFloor|application/json|mira|k2|{"task":"K000001","reason":"x"}`,
	}
	if diff := cmp.Diff(want, asked[:3]); diff != "" {
		t.Error(diff)
	}
	if asked[3] == asked[4] || !strings.HasPrefix(asked[3], "POST|/v1/do/A%2FB|") {
		t.Errorf("no key of its own: %q", asked[3:])
	}
}

func TestDoRefused(t *testing.T) {
	env, _ := gateway(t, 409, `{"code":"NOT_ENOUGH","text":"B-1 does not hold 9","cause":"Too little.","action":"Ask for less."}`)
	r := tote(t, env, "do", "AskMove", file(t, "move.json", `{}`), "--key", "k7")
	r.want(t, 1, "", `"action": "Ask for less."`)
	if strings.Contains(r.errors, "what to do:") || strings.Contains(r.errors, "--key") {
		t.Errorf("said twice, or to ask for the same refusal again:\n%s", r.errors)
	}
	env, _ = gateway(t, 504, `{"code":"OUTCOME_UNKNOWN","text":"no answer in time"}`)
	for _, env := range [][]string{env, {"TOTE_API=" + nobody(t)}} {
		tote(t, env, "do", "AskMove", file(t, "move.json", `{}`), "--key", "k7").want(t, 1, "", "to ask again without doing it twice: --key k7")
	}
}

func TestDoList(t *testing.T) {
	env, asked := gateway(t, 200, `[{"command":"AskMove","about":"Have goods moved.","fields":[{"name":"sku","type":"string","required":true},{"name":"lot","type":"string","required":false}]},
{"command":"PutItems","about":"Add items.","fields":[{"name":"items","type":"object","list":true,"required":true,"fields":[{"name":"barcodes","type":"string","list":true,"required":false}]}]}]`)
	const move = "AskMove: Have goods moved.\n  sku                    string, required\n  lot                    string\n"
	tote(t, env, "do", "--list").want(t, 0, move+"PutItems: Add items.\n  items                  list of object, required\n    barcodes             list of string\n", "")
	if r := tote(t, env, "do", "AskMove", "--list"); r.out != move {
		t.Errorf("one of them:\n%s", r.out)
	}
	tote(t, env, "do", "--list", "Nothing").want(t, 1, "", `no command "Nothing"`)
	if (*asked)[0] != "GET /v1/do  " {
		t.Errorf("asked %q", *asked)
	}
}

// TestBackupNow: what was made and where, or why not and what to do.
func TestBackupNow(t *testing.T) {
	env, asked := gateway(t, 200, `{"name":"hamburg-x.backup","target":"/mnt/usb/tote","bytes":77,"readBack":true}`)
	tote(t, env, "backup", "now").want(t, 0, "hamburg-x.backup is in /mnt/usb/tote: 77 bytes, read again there\n", "")
	if diff := cmp.Diff([]string{"POST /v1/backup application/json {}"}, *asked); diff != "" {
		t.Error(diff)
	}
	env, _ = gateway(t, 200, `{"name":"hamburg-x.backup","target":"https://nas","bytes":77}`)
	tote(t, env, "backup", "now").want(t, 0, "the server gives nothing back", "")
	env, _ = gateway(t, 503, `{"code":"STO-612","text":"STO-612: open /mnt/usb/tote: no such file or directory"}`)
	tote(t, env, "backup", "now").want(t, 1, "", "what to do: Plug the medium in")
}

// TestStatusOfABadDisk: a person reads what to do about it.
func TestStatusOfABadDisk(t *testing.T) {
	for body, want := range map[string]string{
		`{"gateway":{"disk":{"level":"red","code":"STO-301"}}}`: "what to do: Free space on the disk",
		`{"gateway":{"disk":{"level":"green"}}}`:                "",
		`{"gateway":{"backup":{"code":"HLT-143"}}}`:             "HLT-143: The last good scheduled backup is older",
		`{"gateway":{}}`: "",
	} {
		env, _ := gateway(t, 200, body)
		r := tote(t, env, "status")
		r.want(t, 0, `"gateway": {`, want)
		if want == "" && r.errors != "" {
			t.Errorf("%s: %s", body, r.errors)
		}
	}
}

func TestRefusedByTheGateway(t *testing.T) {
	env, _ := gateway(t, 404, `{"code":"UNKNOWN_ORDER","text":"no order O9"}`)
	r := tote(t, env, "order", "O9")
	r.want(t, 1, "", "UNKNOWN_ORDER")
	env, _ = gateway(t, 409, `{"code":"ALONE","text":"this gateway has no others"}`)
	tote(t, env, "token", "create").want(t, 1, "", "\nwhat to do: Give it a cluster section")
	env, _ = gateway(t, 503, `{"code":"NOT_READY","text":"replica: store stopped: STO-304: read-only"}`)
	tote(t, env, "token", "create").want(t, 1, "", "\nwhat to do: Look at dmesg")
	env, _ = gateway(t, 503, `{"code":"NOT_READY","text":"no leader"}`)
	tote(t, env, "token", "create").want(t, 1, "", "\nwhat to do: Wait a moment")
	env, _ = gateway(t, 502, "<html>a proxy</html>")
	tote(t, env, "status").want(t, 1, "", "<html>a proxy</html>")
}

// TestJoinThatFails: the code and what to do about it.
func TestJoinThatFails(t *testing.T) {
	cfg := file(t, "agent.yaml", strings.Replace(goodConfig, "/var/lib/tote", t.TempDir(), 1)+"cluster: {listen: \"127.0.0.1:7070\"}\n")
	join := func(token string) ran {
		return tote(t, nil, "cluster", "join", "--config", cfg, "--to", strings.TrimPrefix(nobody(t), "http://"), "--token", token)
	}
	r := join("tote1.rubbish")
	r.want(t, 1, "", "IDN-104: this is not a join token")
	r.want(t, 1, "", "what to do: Copy the whole line")
	r = join("tote1.00112233445566778899aabbccddeeff.0123456789ab.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	r.want(t, 1, "", "IDN-111: no gateway answers")
	r.want(t, 1, "", "what to do: Give the host and port of cluster.listen")
	tote(t, nil, "site", "init", "--config", cfg).want(t, 0, "site hamburg, first gateway gw1", "")
	tote(t, nil, "site", "init", "--config", cfg).want(t, 1, "", "what to do: Use it, or add --set-aside")
}

// TestEmulateRefusesNonsense: before anything is started.
func TestEmulateRefusesNonsense(t *testing.T) {
	for name, args := range map[string][]string{
		"no such device": {"emulate", "robot"},
		"no such file":   {"emulate", "group", "/nonexistent"},
		"a bad group":    {"emulate", "group", file(t, "group.json", `{"devices":[{"kind":"toaster"}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			r := tote(t, nil, args...)
			if r.status == 0 || r.errors == "" {
				t.Errorf("status %d: %s", r.status, r.errors)
			}
		})
	}
}

// typing runs a command with something on its standard input.
func typing(t *testing.T, text string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdin = strings.NewReader(text)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// TestRootWritesAsTheOwner: what a person does as root to the data of the agent
// belongs to the agent, which could not read it otherwise.
func TestRootWritesAsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: not root, so there is nobody else to be")
	}
	const other = 54321
	dir, err := os.MkdirTemp("", "tote-owner") //nolint:usetesting // another user must get in
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "state"), 0o700), os.Chown(filepath.Join(dir, "state"), other, other)); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "agent.yaml")
	text := strings.Replace(goodConfig, "/var/lib/tote", filepath.Join(dir, "state", "deeper"), 1) + "cluster: {listen: \"127.0.0.1:0\"}\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	tote(t, nil, "site", "init", "--config", conf).want(t, 0, "first gateway gw1", "")
	files := 0
	err = filepath.WalkDir(filepath.Join(dir, "state"), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		files++
		if uid := st.Sys().(*syscall.Stat_t).Uid; uid != other {
			t.Errorf("%s belongs to %d", path, uid)
		}
		return nil
	})
	if err != nil || files < 4 {
		t.Errorf("%d files, %v", files, err)
	}
}
