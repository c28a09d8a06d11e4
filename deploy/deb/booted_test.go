package main

import (
	"strings"
	"testing"
	"time"
)

// until waits for a script to say something.
func (m *machine) until(script, want string) {
	m.Helper()
	var out string
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if out, _ = m.try(script); strings.Contains(out, want) {
			return
		}
	}
	log, _ := m.try("systemctl --no-pager status tote; journalctl -u tote --no-pager -n 20")
	m.Fatalf("%s never says %q but %q\n%s", script, want, out, log)
}

// TestBooted: the service as systemd runs it, behind all its walls: not started before
// it knows its site, ready, restarted when it dies and when it hangs, restarted into a
// new version, stopped with its package.
func TestBooted(t *testing.T) {
	arch := own(t)
	here(t, "")
	t.Parallel()
	m := newBooted(t)
	one, two := m.gets(built(t, arch, "1.0")), m.gets(built(t, arch, "1.1"))
	began := time.Now()
	m.says(m.run("dpkg -i /mnt/"+one), "1.0 is installed and not started")
	install := time.Since(began)

	// Started all the same, it fails once and is left alone.
	if out, err := m.try("systemctl start tote"); err == nil {
		t.Errorf("an empty configuration was started: %s", out)
	}
	m.says(m.run("systemctl show -p ActiveState,NRestarts,ExecMainStatus tote; journalctl -u tote --no-pager"),
		"ActiveState=failed\n", "NRestarts=0\n", "ExecMainStatus=78\n", "/etc/tote/agent.yaml:10:1: CFG_MISSING: site")

	m.run(`sed -i 's/^site: .*/site: hamburg/; s/^gateway: .*/gateway: gw1/' /etc/tote/agent.yaml`)
	began = time.Now()
	m.run("systemctl restart tote")
	t.Logf("installed in %v, systemctl restart took %v", install.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	m.until("systemctl show -p StatusText tote", "scans are accepted; this gateway leads")
	m.says(m.run("tote status; cat /proc/$(systemctl show -p MainPID --value tote)/status"), `"version": "1.0"`, "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2")

	m.run("systemctl kill -s KILL tote")
	m.until("systemctl show -p ActiveState,NRestarts tote", "NRestarts=1\nActiveState=active")

	// Backups go where the service may write, as docs/backup.md says.
	m.run("install -d -o tote -m 700 /srv/tote && printf 'backup: {folder: /srv/tote}\n' >>/etc/tote/agent.yaml && systemctl restart tote")
	if out, err := m.try("tote backup now"); err == nil {
		t.Errorf("the service wrote into /srv: %s", out)
	} else {
		m.says(out, "STO-612", "say ReadWritePaths= in `systemctl edit tote`")
	}
	m.run("mkdir -p /etc/systemd/system/tote.service.d && printf '[Service]\nReadWritePaths=-/srv/tote\n' >/etc/systemd/system/tote.service.d/backup.conf && systemctl daemon-reload && systemctl restart tote")
	m.says(m.run("tote backup now; stat -c '%U %a %n' /srv/tote/*"), "is in /srv/tote", "tote 600 /srv/tote/hamburg-")

	// A process that hangs is killed by the watchdog and started anew.
	m.run("mkdir -p /run/systemd/system/tote.service.d && printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/tote.service.d/quick.conf && systemctl daemon-reload && systemctl restart tote")
	m.run("systemctl kill -s STOP tote")
	m.until("journalctl -u tote --no-pager", "Watchdog timeout")
	m.until("systemctl show -p ActiveState tote; tote status", `"version": "1.0"`)
	m.run("rm /run/systemd/system/tote.service.d/quick.conf && systemctl daemon-reload && systemctl restart tote")

	m.run("dpkg -i /mnt/" + two) // it runs, so it is started anew
	m.until("tote status", `"version": "1.1"`)
	m.says(m.run("/usr/lib/tote/slot back && systemctl restart tote && tote status && /usr/lib/tote/slot back && systemctl restart tote"), `"version": "1.0"`)

	// Stopped by a person, it is not started by an upgrade.
	m.run("systemctl stop tote")
	m.says(m.run("dpkg -i /mnt/"+two), "tote.service was stopped before, and stays so")
	// One that could not start is, when the configuration is good now.
	m.run("mv /etc/tote/agent.yaml /etc/tote/mine; ! systemctl start tote; mv /etc/tote/mine /etc/tote/agent.yaml; dpkg -i /mnt/" + two)
	m.until("tote status", `"version": "1.1"`)
	m.run("dpkg -r tote")
	m.says(m.run("systemctl is-active tote || true; pidof tote || echo nobody"), "inactive", "nobody")
	m.says(m.run("dpkg --purge tote; ls /var/lib/tote 2>&1 || true"), "tote: deleted /var/lib/tote", "No such file")
}
