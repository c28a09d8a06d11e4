package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// postEnv makes the test binary send a request and print the answer, from within the
// network it is in: URL, a space, the body.
const postEnv = "TOTE_TEST_POST"

func post(text string) error {
	url, body, _ := strings.Cut(text, " ")
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}

// systemctl stands in for the one of a machine that has booted, for the service
// alone: what the unit says is started as its user, and start comes back when scans
// are accepted, or after some seconds when it answers and there is no majority.
const systemctl = `#!/bin/sh
set -eu
unit=/usr/lib/systemd/system/tote.service
end() {
	[ -e /run/agent.pid ] || return 0
	pid=$(cat /run/agent.pid)
	rm -f /run/agent.pid /run/agent.out
	kill -"$1" "$pid" 2>/dev/null || return 0
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
begin() {
	user=$(sed -n 's/^User=//p' $unit)
	sh -c 'echo $$ >/run/agent.pid; exec setpriv --reuid='"$user"' --regid='"$user"' --clear-groups '"$(sed -n 's/^ExecStart=//p' $unit)"' --json >/run/agent.out 2>>/run/agent.log' &
	for i in $(seq 600); do
		! grep -q gateway /run/agent.out 2>/dev/null || exit 0
		[ ! -s /run/agent.pid ] || kill -0 "$(cat /run/agent.pid)" || { cat /run/agent.log; exit 1; }
		[ "$i" -lt 30 ] || ! tote status >/dev/null 2>&1 || exit 0
		sleep 0.1
	done
	exit 1
}
case "$*" in
"restart tote") end TERM; begin ;;
"start tote") [ -e /run/agent.pid ] || begin ;;
"stop tote") end TERM ;;
"kill tote") end KILL ;;
*) echo "systemctl $*: not here" >&2; exit 1 ;;
esac
`

// standIns puts them in front in the path of the person at the keyboard alone.
const standIns = "PATH=/opt/stand-in:$PATH\n"

func (m *machine) standsIn() {
	m.Helper()
	if err := os.WriteFile(m.mnt+"/systemctl", []byte(systemctl), 0o755); err != nil {
		m.Fatal(err)
	}
	m.run("mkdir -p /opt/stand-in && cp /mnt/systemctl /opt/stand-in/")
}

// TestGuide types what docs/install.md says on a blank machine, and does what it asks
// of a person with a handheld.
func TestGuide(t *testing.T) {
	arch := own(t)
	here(t, "")
	typed := steps(t, installGuide, "")
	if len(typed) < 6 {
		t.Fatalf("the guide has %d blocks to type", len(typed))
	}
	t.Parallel()
	m := newMachine(t)
	m.run("mkdir /srv/guide && ln -s /mnt/" + m.gets(built(t, arch, "1.0")) + " /srv/guide/")
	m.standsIn()
	// The scanner that the guide plugs in.
	scanner := "/dev/serial/by-id/usb-pack1-scanner-if00"
	for _, s := range typed {
		block := s.text
		if strings.Contains(block, scanner) {
			m.run("mkdir -p /dev/serial/by-id && chown tote /dev/serial/by-id")
			m.run("(setpriv --reuid=tote --regid=tote --clear-groups tote emulate scanner --link " + scanner + " >/run/scanner.log 2>&1 &) ; for i in $(seq 300); do test -e " + scanner + " && exit 0; sleep 0.1; done; cat /run/scanner.log; exit 1")
		}
		if strings.HasPrefix(strings.TrimSpace(block), "tote order SO-1") {
			m.picks()
		}
		out, err := m.try("cd /srv/guide; " + standIns + block)
		if err != nil {
			log, _ := m.try("cat /run/agent.log")
			t.Fatalf("the guide says\n%s\n%v\n%s\n%s", block, err, out, log)
		}
		for part, want := range map[string]string{
			"tote version": "tote 1.0 (", "site: hamburg": "is good: site hamburg, gateway gw1", "tote ask find A-01": "TEA-1",
			"tote order SO-1": `"picked"`, "tote ask why SO-1": "SO-1",
		} {
			if strings.Contains(block, part) {
				m.says(out, want)
			}
		}
	}
	m.ready("pack1/scanner")
	m.run("kill -TERM $(cat /run/agent.pid)")
}

// picks does what a person does at the handheld page.
func (m *machine) picks() {
	m.Helper()
	for i, verb := range []string{
		`"verb":"sign_in","barcode":"BADGE-1"`, `"verb":"ask"`, `"verb":"scan","barcode":"A-01"`,
		`"verb":"scan","barcode":"09521234001010","qty":2`, `"verb":"scan","barcode":"T-1"`,
	} {
		cmd := exec.Command("nsenter", "--target", m.pid, "--net", os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf(`%s=http://127.0.0.1:8080/hh/cmd?device=web-abc234 {"cmdId":"c%d","seq":%d,%s}`, postEnv, i+1, i+1, verb))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "200") || !strings.Contains(string(out), `"ok":true`) {
			m.Fatalf("%s: %v\n%s", verb, err, out)
		}
	}
}

// ready waits for a device.
func (m *machine) ready(name string) {
	m.Helper()
	m.run(`for i in $(seq 300); do tote status | tr -d ' \n' | grep -q '"name":"` + name + `","driver":"[a-z0-9-]*","state":"ready"' && exit 0; sleep 0.1; done; tote status; exit 1`)
}
