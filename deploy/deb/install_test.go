package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const root = "../.."

// here is the source these tests build; its version is theirs.
func here(t *testing.T, version string) source {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED in -short: packages are built")
	}
	src, err := describe(t.Context(), root)
	if err != nil {
		t.Skipf("SKIPPED: git does not say what this is: %v", err)
	}
	src.version = version
	return src
}

// packages are those built so far: a link takes seconds, so each is made once.
var packages = struct {
	mu   sync.Mutex
	dir  string // of all of them; TestMain removes it
	made map[string]func() (string, error)
}{made: map[string]func() (string, error){}}

// built is the file of a package.
func built(t *testing.T, arch, version string) string {
	t.Helper()
	src := here(t, version)
	packages.mu.Lock()
	build1 := packages.made[arch+version]
	if build1 == nil {
		build1 = sync.OnceValues(func() (string, error) { return build(context.Background(), root, packages.dir, arch, src) })
		packages.made[arch+version] = build1
	}
	packages.mu.Unlock()
	file, err := build1()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// own is Debian's name of this machine's architecture.
func own(t *testing.T) string {
	t.Helper()
	for name, m := range machines {
		if m.goarch == runtime.GOARCH {
			return name
		}
	}
	t.Skipf("SKIPPED: there is no package for %s", runtime.GOARCH)
	return ""
}

// TestReproducible: two builds in two places give the same bytes.
func TestReproducible(t *testing.T) {
	arch := own(t)
	t.Parallel()
	again, err := build(t.Context(), root, t.TempDir(), arch, here(t, "1.0"))
	if err != nil {
		t.Fatal(err)
	}
	var sums [2][sha256.Size]byte
	for i, file := range []string{built(t, arch, "1.0"), again} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(b)
	}
	if sums[0] != sums[1] {
		t.Errorf("%x and %x", sums[0], sums[1])
	}
}

// runsAgent starts the agent as systemd does and returns when it says it is ready and
// has fed the watchdog. stop ends it.
func (m *machine) runsAgent() (took time.Duration, stop func()) {
	m.Helper()
	path := filepath.Join(m.mnt, "notify")
	_ = os.Remove(path)
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		m.Fatal(err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		m.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.Context(), deadline)
	cmd := m.command(ctx, "sh", "-c", "echo $$ >/run/agent.pid; exec setpriv --reuid=tote --regid=tote --clear-groups --no-new-privs /usr/bin/tote run --json")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET=/mnt/notify", "WATCHDOG_USEC=300000")
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	line := bufio.NewScanner(stdout)
	if !line.Scan() || !strings.Contains(line.Text(), `"kind":"gateway"`) {
		cancel()
		_ = cmd.Wait()
		m.Fatalf("the agent said %q\n%s", line.Text(), log.String())
	}
	took = time.Since(began)
	for _, want := range []string{"READY=1", "WATCHDOG=1"} {
		for b := make([]byte, 4096); ; {
			_ = systemd.SetReadDeadline(time.Now().Add(deadline))
			n, err := systemd.Read(b)
			if err != nil {
				m.Fatalf("systemd was never told %s: %v", want, err)
			}
			if string(b[:n]) == want {
				break
			}
		}
	}
	// systemd goes on reading: an agent whose words pile up waits for it for ever.
	_ = systemd.SetReadDeadline(time.Time{})
	m.Cleanup(func() { _ = systemd.Close() })
	go func() {
		for b := make([]byte, 4096); ; {
			if _, err := systemd.Read(b); err != nil {
				return
			}
		}
	}()
	return took, func() {
		m.Helper()
		defer cancel()
		m.run("kill -TERM $(cat /run/agent.pid)")
		if err := cmd.Wait(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 0 {
			m.Errorf("the agent ended with %v\n%s", err, log.String())
		}
		_ = systemd.Close()
	}
}

// TestPackage lives through what a package does to a machine: installed, filled in,
// started, upgraded, downgraded, removed, installed again, purged, with nobody there
// to answer questions.
func TestPackage(t *testing.T) {
	arch := own(t)
	here(t, "")
	t.Parallel()
	m := newMachine(t)
	one, two := m.gets(built(t, arch, "1.0")), m.gets(built(t, arch, "1.1"))

	began := time.Now()
	out := m.run("dpkg -i /mnt/" + one)
	install := time.Since(began)
	m.says(out, "tote: 1.0 is installed and not started: /etc/tote/agent.yaml needs a person", "1. name the site", "2. check it", "3. start")
	m.says(m.run("stat -c '%U:%G %a %n' /etc/tote /etc/tote/agent.yaml /var/lib/tote /var/lib/tote/slots/a/tote /var/lib/tote/state"),
		"root:tote 750 /etc/tote\n", "root:tote 640 /etc/tote/agent.yaml\n", "root:root 755 /var/lib/tote\n", "root:root 755 /var/lib/tote/slots/a/tote\n", "tote:tote 700 /var/lib/tote/state\n")
	m.says(m.run("tote version; id tote; dpkg --verify tote; ls /etc/systemd/system/multi-user.target.wants"), "tote 1.0 (linux/"+runtime.GOARCH+", commit ", "(tote)", "tote.service")

	// Half configured: said with its line, and no restart is asked for.
	out, err := m.try("tote validate /etc/tote/agent.yaml")
	if err == nil {
		t.Error("an empty configuration is good")
	}
	m.says(out, "/etc/tote/agent.yaml:10:1: CFG_MISSING: site")
	if out, _ = m.try("set +e; setpriv --reuid=tote --regid=tote --clear-groups tote run; echo status $?"); !strings.Contains(out, "status 78") {
		t.Errorf("a start that cannot go well: %s", out)
	}

	m.run(`sed -i 's/^site: .*/site: hamburg/; s/^gateway: .*/gateway: gw1 # by hand/' /etc/tote/agent.yaml`)
	m.says(m.run("tote validate /etc/tote/agent.yaml"), "is good: site hamburg, gateway gw1")
	took, stop := m.runsAgent()
	t.Logf("installed in %v, ready %v after its start: %v", install.Round(time.Millisecond), took.Round(time.Millisecond), (install + took).Round(time.Millisecond))
	m.says(m.run("tote status"), `"id": "gw1"`, `"version": "1.0"`)

	// While it runs.
	out = m.run("dpkg -i /mnt/" + two)
	if strings.Contains(out, "needs a person") {
		t.Errorf("an upgrade asks for what was given:\n%s", out)
	}
	m.says(m.run("/usr/lib/tote/slot show; cat /etc/tote/agent.yaml; tote status"), "a 1.1 (in use)\nb 1.0\n", "gateway: gw1 # by hand", `"version": "1.0"`)
	stop()

	out, err = m.try("dpkg -i /mnt/" + one)
	if err == nil {
		t.Error("a downgrade went through")
	}
	m.says(out, "1.0 is older than 1.1", "Nothing was changed", "slot back", "TOTE_ALLOW_DOWNGRADE=1")
	m.says(m.run("dpkg -s tote; tote version"), "Status: install ok installed", "Version: 1.1", "tote 1.1 ")
	m.run("TOTE_ALLOW_DOWNGRADE=1 dpkg -i /mnt/" + one)
	m.says(m.run("/usr/lib/tote/slot show"), "a 1.0 (in use)\nb 1.1\n")
	m.run("dpkg -i /mnt/" + two)
	_, stop = m.runsAgent()
	m.says(m.run("tote status"), `"version": "1.1"`)
	stop()

	m.says(m.run("dpkg -r tote"), "tote: kept: /etc/tote (configuration) and /var/lib/tote (state and programs)")
	if out, err := m.try("ls /usr/bin/tote"); err == nil {
		t.Errorf("after remove there is %s", out)
	}
	m.run("test -d /var/lib/tote/state/store && grep hamburg /etc/tote/agent.yaml")
	m.run("dpkg -i /mnt/" + two)
	_, stop = m.runsAgent()
	stop()

	m.run(`mkdir /srv/elsewhere && sed -i 's|^data_dir: .*|data_dir: /srv/elsewhere|' /etc/tote/agent.yaml`)
	m.says(m.run("dpkg --purge tote"), "tote: deleted /etc/tote (", "tote: deleted /var/lib/tote (", "NOT deleted, as it lies elsewhere: /srv/elsewhere", "the user tote stays")
	if out := m.run("find / -xdev -name '*tote*'"); out != "" {
		t.Errorf("left after purge:\n%s", out)
	}
}

// TestOtherMachines: what is in the packages for ARM runs, under an emulator.
func TestOtherMachines(t *testing.T) {
	const gateway = "config_version: 1\nsite: s1\ngateway: gw1\ndata_dir: DIR\nmqtt: {listen: [{address: \"127.0.0.1:0\"}]}\nhttp: {listen: \"127.0.0.1:0\"}\n"
	for _, c := range []struct {
		arch, qemu, machine, config string
		starts                      bool
	}{
		{"arm64", "qemu-aarch64", "linux/arm64,", gateway, true},
		{"armhf", "qemu-arm", "linux/armv7,", gateway + "store: none\ncluster: {gateways: [{address: \"gw2@127.0.0.1:1\"}]}\n", false},
	} {
		t.Run(c.arch, func(t *testing.T) {
			t.Parallel()
			here(t, "")
			qemu := ""
			for _, name := range []string{c.qemu + "-static", c.qemu} {
				if path, err := exec.LookPath(name); err == nil && qemu == "" {
					qemu = path
				}
			}
			if _, err := exec.LookPath("dpkg-deb"); err != nil || qemu == "" {
				t.Skipf("SKIPPED: no %s-static (Debian package qemu-user-static) or no dpkg-deb: the package for %s was not run", c.qemu, c.arch)
			}
			dir, deb := t.TempDir(), built(t, c.arch, "1.0")
			if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			if got, err := exec.Command("dpkg-deb", "-f", deb, "Architecture").Output(); err != nil || strings.TrimSpace(string(got)) != c.arch {
				t.Errorf("architecture %s %v", got, err)
			}
			bin, conf := filepath.Join(dir, program), filepath.Join(dir, "agent.yaml")
			if err := os.WriteFile(conf, []byte(strings.Replace(c.config, "DIR", filepath.Join(dir, "state"), 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			for _, step := range []struct {
				args []string
				want string
			}{
				{[]string{"version"}, "tote 1.0 (" + c.machine}, {[]string{"validate", conf}, "is good: site s1"},
			} {
				out, err := exec.CommandContext(ctx, qemu, append([]string{bin}, step.args...)...).CombinedOutput()
				if err != nil || !strings.Contains(string(out), step.want) {
					t.Errorf("%v: %v\n%s", step.args, err, out)
				}
			}
			text, err := os.ReadFile(filepath.Join(dir, template))
			if err != nil || strings.Contains(string(text), "\nstore: none\n") == c.starts {
				t.Errorf("the configuration to fill in: %v\n%s", err, text)
			}
			if !c.starts {
				return
			}
			cmd := exec.CommandContext(ctx, qemu, bin, "run", "--json", "--config", conf)
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
			var log bytes.Buffer
			cmd.Stderr = &log
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line := bufio.NewScanner(stdout)
			if !line.Scan() || !strings.Contains(line.Text(), `"kind":"gateway"`) {
				t.Errorf("it said %q\n%s", line.Text(), log.String())
			}
			t.Logf("ready under %s after %v", c.qemu, time.Since(began).Round(time.Millisecond))
			cancel()
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 0 {
				t.Errorf("it ended with %v\n%s", cmd.ProcessState, log.String())
			}
		})
	}
}
