package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/demo/handheld"
)

// lan is a switch with machines on it. Switch and cables are in namespaces of their
// own and are gone with the processes that hold them.
type lan struct {
	*testing.T
	pid      string // holds the switch
	machines map[string]*machine
	token    string // printed last; typed for TOKEN
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	debian(t) // skips without
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("SKIPPED: no ip (Debian package iproute2): several gateways were not tried from the package")
	}
	holder := exec.Command("unshare", "--net", "sh", "-ec", "ip link add sw0 type bridge; ip link set sw0 up; echo up; exec cat")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	holder.Stderr = &errs
	if err := holder.Start(); err != nil {
		t.Skipf("SKIPPED: no network namespaces here: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
		t.Skipf("SKIPPED: no bridges in network namespaces here: %v %s", err, errs.String())
	}
	return &lan{T: t, pid: strconv.Itoa(holder.Process.Pid), machines: map[string]*machine{}}
}

// ip runs one ip command in the network of a process.
func (l *lan) ip(pid, args string) {
	l.Helper()
	out, err := exec.Command("nsenter", append([]string{"--target", pid, "--net", "ip"}, strings.Fields(args)...)...).CombinedOutput()
	if err != nil {
		l.Fatalf("ip %s: %v %s", args, err, out)
	}
}

// add puts a blank machine on the switch, with a package in /srv/guide. One of that
// name that was there before is gone.
func (l *lan) add(name, deb string) *machine {
	l.Helper()
	if old := l.machines[name]; old != nil {
		l.cable(name, "down")
		old.halt()
		l.ip(l.pid, "link del "+name)
	}
	m := newMachine(l.T)
	l.machines[name] = m
	l.ip(l.pid, "link add "+name+" type veth peer name eth0 netns "+m.pid)
	l.cable(name, "up")
	l.ip(m.pid, "addr add 192.0.2.1"+strings.TrimPrefix(name, "gw")+"/24 dev eth0")
	l.ip(m.pid, "link set eth0 up")
	m.standsIn()
	m.run("mkdir /srv/guide && ln -s /mnt/" + m.gets(deb) + " /srv/guide/")
	return m
}

func (l *lan) cable(name, how string) { l.Helper(); l.ip(l.pid, "link set "+name+" master sw0 "+how) }

// power takes a machine off: nothing is synced, nothing is said.
func (l *lan) power(name string, on bool) {
	l.Helper()
	if m := l.machines[name]; on {
		l.cable(name, "up")
		m.run(standIns + "systemctl start tote")
	} else {
		l.cable(name, "down")
		m.run(standIns + "systemctl kill tote")
	}
}

// step is what a page asks of people: to type, and to see, or to do with hands.
type step struct {
	on    []string // the machines where text is typed; empty = the only one
	text  string   // to type
	see   []string // what the output must hold; … stands for anything
	hands string
}

var stepMarks = regexp.MustCompile("(?ms)^```sh((?: \\w+)*)\n(.*?)^```$|^```text\n(.*?)^```$|^<!-- hands: (.*?) -->$")

// steps are those of a page, or of its part below a heading.
func steps(t *testing.T, file, part string) (out []step) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	if part != "" {
		_, below, ok := strings.Cut(page, "\n## "+part+"\n")
		if !ok {
			t.Fatalf("%s has no part %q", file, part)
		}
		page, _, _ = strings.Cut(below, "\n## ")
	}
	for _, m := range stepMarks.FindAllStringSubmatch(page, -1) {
		switch {
		case m[4] != "":
			out = append(out, step{hands: m[4]})
		case m[3] != "" && len(out) > 0:
			out[len(out)-1].see = strings.Split(strings.TrimSpace(m[3]), "\n")
		case m[2] != "":
			out = append(out, step{on: strings.Fields(m[1]), text: m[2]})
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s %s asks for nothing", file, part)
	}
	return out
}

// looks says whether a block only looks, so that it can be typed again until what it
// waits for is there; its exit status tells how the site is, not whether it could.
func (s step) looks() bool {
	for line := range strings.Lines(s.text) {
		if !regexp.MustCompile(`^(tote (cluster status|status|doctor|order|ask|backup verify)\b|systemctl status|ls |date)`).MatchString(line) {
			return false
		}
	}
	return true
}

// sees requires the lines in an output; "" when all are there.
func (s step) missing(out string) string {
	for _, line := range s.see {
		parts := strings.Split(strings.TrimSpace(line), "…")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(strings.TrimSpace(p))
		}
		if !regexp.MustCompile(strings.Join(parts, ".*")).MatchString(out) {
			return line
		}
	}
	return ""
}

var tokenShown = regexp.MustCompile(`tote1\.\S+`)

// types types a block on one machine as a person does, and sees what must be seen.
func (l *lan) types(name string, s step) {
	l.Helper()
	m := l.machines[name]
	text := strings.ReplaceAll(s.text, "TOKEN", l.token)
	for end := time.Now().Add(deadline); ; {
		out, err := m.try("cd /srv/guide; " + standIns + text)
		if token := tokenShown.FindString(out); token != "" {
			l.token = token
		}
		lacks := s.missing(out)
		if lacks == "" && (err == nil || s.looks()) {
			return
		}
		if !s.looks() || time.Now().After(end) {
			log, _ := m.try("tail -n 30 /run/agent.log")
			l.Fatalf("on %s the page says\n%s\n%v, and %q is not in\n%s\n%s", name, text, err, lacks, out, log)
		}
	}
}

// follows does all a page says. hands are the acts it asks for beside typing.
func (l *lan) follows(page []step, hands map[string]func()) {
	l.Helper()
	for _, s := range page {
		if s.hands != "" {
			act := hands[s.hands]
			if act == nil {
				l.Fatalf("nobody knows how to do: %s", s.hands)
			}
			act()
			continue
		}
		var all sync.WaitGroup
		for _, name := range s.on[1:] {
			all.Go(func() { l.types(name, s) })
		}
		l.types(s.on[0], s)
		all.Wait()
	}
}

// handheldEnv makes the test binary a handheld in the network it is in: id, then
// verbs as JSON, one a line.
const handheldEnv = "TOTE_TEST_HANDHELD"

func scans(text string) error {
	id, verbs, _ := strings.Cut(text, "\n")
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	hh, err := handheld.New(handheld.Config{Site: "hamburg", Device: id, Brokers: []string{"tcp://127.0.0.1:1883"}, Resend: time.Second})
	if err != nil {
		return err
	}
	go func() { _ = hh.Run(ctx) }()
	for line := range strings.Lines(verbs) {
		var v handheld.Verb
		if _, err := fmt.Sscanf(line, "%s %s %d", &v.Verb, &v.Barcode, &v.Qty); err != nil && v.Verb == "" {
			return err
		}
		res, err := hh.Do(ctx, v)
		if err != nil || !res.OK {
			return fmt.Errorf("%s: %+v %w", strings.TrimSpace(line), res, err)
		}
		fmt.Printf("%+v\n", res)
	}
	return nil
}

// scans does verbs at a handheld that is connected to a machine's broker.
func (l *lan) scans(name, id string, verbs ...string) {
	l.Helper()
	cmd := exec.Command("nsenter", "--target", l.machines[name].pid, "--net", os.Args[0])
	cmd.Env = append(os.Environ(), handheldEnv+"="+id+"\n"+strings.Join(verbs, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		l.Fatalf("%v: %v\n%s", verbs, err, out)
	}
}
