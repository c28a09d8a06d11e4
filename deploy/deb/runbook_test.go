package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const runbooks = root + "/docs/runbooks/"

// clustered are the pages that need several gateways, in the order in which they are
// lived through, and alone those for one.
var (
	clustered = []string{"dead-gateway.md", "lost-quorum.md", "stolen-gateway.md", "restore-backup.md"}
	alone     = []string{"device-gone.md", "disk-full.md", "clock-wrong.md", "update-failed.md"}
)

// TestEveryRunbookIsTyped: a page that no test follows goes wrong unseen; and each is
// found from the first page.
func TestEveryRunbookIsTyped(t *testing.T) {
	list, err := filepath.Glob(runbooks + "*.md")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(runbooks + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	typed := strings.Join(append(clustered, alone...), " ")
	for _, file := range list {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		if !strings.Contains(typed, name) {
			t.Errorf("%s is typed by no test", name)
		}
		if !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("%s is not in README.md", name)
		}
		for _, s := range steps(t, file, "") {
			if s.hands == "" && len(s.see) == 0 && strings.Contains(s.text, "tote cluster status") {
				t.Errorf("%s does not say what must be seen after\n%s", name, s.text)
			}
		}
	}
	if want := len(strings.Fields(typed)) + 1; len(list) != want {
		t.Errorf("%d pages, %d are known", len(list), want)
	}
}

// settles makes a machine a gateway of a site whose gateways get their vote at once,
// in front of the page that is to be followed.
func (m *machine) settles(name string, more ...string) {
	m.Helper()
	m.run("dpkg -i /srv/guide/tote_*.deb && sed -i 's/^site: .*/site: hamburg/; s/^gateway: .*/gateway: " + name + "/' /etc/tote/agent.yaml" +
		" && cat >>/etc/tote/agent.yaml <<'END'\n" + strings.Join(more, "\n") + "\nEND\ntote validate /etc/tote/agent.yaml")
}

func clusterOf(name string) string {
	return `cluster: {listen: "192.0.2.1` + strings.TrimPrefix(name, "gw") + `:7070"}`
}

// loads brings the smallest site in, as the guide says.
func (l *lan) loads() {
	l.Helper()
	for _, s := range steps(l.T, installGuide, "4. Tell it what the site holds") {
		l.types("gw1", s)
	}
}

// TestRunbooksOfASite follows the pages for several gateways, one after the other.
func TestRunbooksOfASite(t *testing.T) {
	arch := own(t)
	here(t, "")
	t.Parallel()
	l := newLAN(t)
	deb := built(t, arch, "1.0")
	began := time.Now()
	names := []string{"gw1", "gw2", "gw3"}
	var all sync.WaitGroup
	for _, name := range names {
		m := l.add(name, deb)
		all.Go(func() {
			m.run("mkdir -p /mnt/usb/tote && chmod 777 /mnt/usb/tote")
			m.settles(name, clusterOf(name), "raft: {promote_ms: 1}", "backup: {folder: /mnt/usb/tote}")
		})
	}
	all.Wait()
	l.types("gw1", step{text: "tote site init\nsystemctl start tote\ntote token create\n"})
	for _, name := range names[1:] {
		l.types(name, step{text: "tote cluster join --to 192.0.2.11:7070 --token TOKEN\nsystemctl start tote\n"})
		l.types("gw1", step{text: "tote token create\n"})
	}
	l.types("gw1", step{text: "tote cluster status\n", see: []string{"3 gateways have a vote"}})
	l.loads()
	renew := func(names ...string) {
		for _, name := range names {
			l.add(name, deb)
		}
	}
	hands := map[string]func(){
		"gw3 burns down":        func() { l.power("gw3", false) },
		"gw3 is a new machine":  func() { renew("gw3") },
		"gw2 and gw3 burn down": func() { l.power("gw2", false); l.power("gw3", false) },
		"gw2 and gw3 are new machines": func() {
			renew("gw2", "gw3")
			for _, name := range []string{"gw2", "gw3"} {
				all.Go(func() { l.machines[name].settles(name, clusterOf(name), "raft: {promote_ms: 1}") })
			}
			all.Wait()
		},
		"gw3 is stolen": func() { l.power("gw3", false) },
		"the thief starts gw3 in the network of the site": func() {
			l.power("gw3", true)
			l.types("gw3", step{text: "tote cluster status\n", see: []string{"NO QUORUM"}})
		},
		"all gateways burn down, and there is a new gw1 and the newest backup": func() {
			l.types("gw1", step{text: "tote backup now\n", see: []string{"is in /mnt/usb/tote"}})
			kept, err := filepath.Glob(filepath.Join(l.machines["gw1"].mnt, "usb/tote/hamburg-*.backup"))
			if err != nil || len(kept) == 0 {
				t.Fatalf("backups: %v %v", kept, err)
			}
			for _, name := range names {
				l.power(name, false)
			}
			old := kept[len(kept)-1]
			renew("gw1")
			if out, err := exec.Command("cp", old, filepath.Join(l.machines["gw1"].mnt, "site.backup")).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			l.machines["gw1"].run("cp /mnt/site.backup /srv/guide/")
		},
	}
	for _, page := range clustered {
		at := time.Now()
		l.follows(steps(t, runbooks+page, ""), hands)
		t.Logf("%s in %v", page, time.Since(at).Round(time.Second))
	}
	t.Logf("all in %v", time.Since(began).Round(time.Second))
	l.machines["gw1"].run(standIns + "systemctl stop tote")
}

// smallDisk gives the state of a machine a disk of its own, of 3 GB that are not
// there. It skips where that cannot be had.
func (m *machine) smallDisk() {
	m.Helper()
	image := filepath.Join(m.TempDir(), "disk")
	f, err := os.Create(image)
	if err != nil {
		m.Fatal(err)
	}
	if err := f.Truncate(3 << 30); err != nil {
		m.Fatal(err)
	}
	_ = f.Close()
	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", image},
		{"nsenter", "--target", m.pid, "--mount", "mount", "-o", "loop", image, m.disk + "/var/lib/tote/state"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			m.Skipf("SKIPPED: %v: %v %s: the page about a full disk was not followed", args, err, out)
		}
	}
	m.run("chown tote:tote /var/lib/tote/state && chmod 700 /var/lib/tote/state")
}

// TestRunbooksOfAGateway follows the pages for one gateway.
func TestRunbooksOfAGateway(t *testing.T) {
	arch := own(t)
	here(t, "")
	t.Parallel()
	l := newLAN(t)
	m := l.add("gw1", built(t, arch, "1.0"))
	m.settles("gw1")
	const scanner = "/dev/serial/by-id/usb-pack1-scanner-if00"
	plug := func() {
		m.run("mkdir -p /dev/serial/by-id && chown tote /dev/serial/by-id && (setpriv --reuid=tote --regid=tote --clear-groups sh -c 'echo $$ >/tmp/scanner.pid; exec tote emulate scanner --link " + scanner + "' >/dev/null 2>&1 &)" +
			"; for i in $(seq 300); do test -e " + scanner + " && exit 0; sleep 0.1; done; exit 1")
	}
	m.run("cat >>/etc/tote/agent.yaml <<'END'\nstations: [{id: pack1, scanner: {serial: {path: " + scanner + "}}}]\nEND\n")
	plug()
	hands := map[string]func(){
		"somebody pulls the plug of the scanner": func() { m.run("kill $(cat /tmp/scanner.pid); rm -f " + scanner) },
		"the plug is put back":                   plug,
		"something fills the disk": func() {
			m.run("fallocate -l $(( ($(stat -f -c '%a*%S' /var/lib/tote/state) - 100*1024*1024) )) /var/lib/tote/state/image.iso")
		},
		"what filled the disk is moved away": func() { m.run("rm /var/lib/tote/state/image.iso") },
		"a new version was installed": func() {
			m.run(standIns + "dpkg -i /mnt/" + m.gets(built(t, arch, "1.1")) + "; systemctl restart tote")
		},
	}
	m.smallDisk()
	m.run(standIns + "systemctl start tote")
	m.ready("pack1/scanner")
	for _, page := range alone {
		at := time.Now()
		l.follows(steps(t, runbooks+page, ""), hands)
		t.Logf("%s in %v", page, time.Since(at).Round(time.Second))
	}
	m.run(standIns + "systemctl stop tote; kill $(cat /tmp/scanner.pid)")
}
