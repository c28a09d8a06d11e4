package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// debianSuite is what the package is tested on: the oldest release it is for.
const debianSuite = "bookworm"

const (
	rootTries = 3
	rootLimit = 5 * time.Minute  // for all tries together
	rootPause = 30 * time.Second // the longest that a mirror may ask for
	rootCheck = "usr/bin/systemd-sysusers"
)

// debian is a minimal root, kept in bin between runs. It skips when there is none to
// be had.
func debian(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: not root: the package was built, not installed")
	}
	for _, tool := range []string{"unshare", "nsenter", "mount", "chroot"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: no %s: the package was built, not installed", tool)
		}
	}
	root, err := bootstrapped()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("SKIPPED: no debootstrap (Debian package debootstrap): the package was built, not installed")
	}
	if err != nil {
		t.Skipf("SKIPPED: debootstrap gave no root: the package was built, not installed: %v", err)
	}
	return root
}

// bootstrapped makes the root once, however many tests ask for it at once: two in one
// folder take each other's files away.
var bootstrapped = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../../bin/debian-" + debianSuite)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), rootLimit)
	defer cancel()
	from := aptMirror(ctx)
	return root, bootstrap(ctx, root, rootMaker{
		make: func(ctx context.Context, part, debs string) ([]byte, error) {
			return debootstrap(ctx, part, debs, from)
		},
		pause: func(ctx context.Context) (time.Duration, error) { return mirrorPause(ctx, from) },
	})
})

// rootMaker is what bootstrap needs of the world.
type rootMaker struct {
	// make fills part with a root. debs keeps what was downloaded from one try to the
	// next.
	make func(ctx context.Context, part, debs string) (log []byte, err error)
	// pause asks the mirror when to try again; an error is why there is no use.
	pause func(ctx context.Context) (time.Duration, error)
}

// bootstrap makes a root that is whole or not there: it gets its name when all is
// done. Other processes that want the same one wait for it.
func bootstrap(ctx context.Context, root string, m rootMaker) (err error) {
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(root+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, rootCheck)); err == nil {
		return nil
	}
	debs, err := os.MkdirTemp("", "tote-debs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(debs)) }()
	part := root + ".part"
	defer func() { err = errors.Join(err, os.RemoveAll(part)) }()
	for try := 1; ; try++ {
		if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
			return err
		}
		log, failed := m.make(ctx, part, debs)
		if failed == nil {
			if _, failed = os.Stat(filepath.Join(part, rootCheck)); failed == nil {
				return errors.Join(os.RemoveAll(root), os.Rename(part, root))
			}
		}
		failed = fmt.Errorf("try %d: %w\n%s", try, failed, troubles(log))
		if try == rootTries || errors.Is(failed, exec.ErrNotFound) || ctx.Err() != nil {
			return failed
		}
		pause, err := m.pause(ctx)
		if err != nil {
			return fmt.Errorf("%w\nthe mirror: %w", failed, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return failed
		}
	}
}

// debootstrap runs it with mounts and processes of its own, so that nothing of it is
// left when it is stopped.
func debootstrap(ctx context.Context, part, debs string, from mirror) ([]byte, error) {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return nil, err
	}
	// A root for tests need not outlive a loss of power.
	quick := filepath.Join(part, "etc/dpkg/dpkg.cfg.d/tote-test")
	if err := errors.Join(os.MkdirAll(filepath.Dir(quick), 0o755), os.WriteFile(quick, []byte("force-unsafe-io\n"), 0o644)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child",
		"debootstrap", "--variant=minbase", "--include=systemd", "--cache-dir="+debs, debianSuite, part, from.url)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // troubles are looked for in English
	for name, proxy := range from.proxies {
		if os.Getenv(name) == "" {
			cmd.Env = append(cmd.Env, name+"="+proxy)
		}
	}
	log, err := cmd.CombinedOutput()
	if err != nil {
		more, _ := os.ReadFile(filepath.Join(part, "debootstrap/debootstrap.log"))
		return append(log, more...), err
	}
	return log, os.Remove(quick)
}

// mirror is where packages come from.
type mirror struct {
	url     string
	proxies map[string]string // names as wget and curl know them
}

// aptMirror is the one that apt uses here, and debootstrap's own where apt does not
// say.
func aptMirror(ctx context.Context) mirror {
	targets, _ := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").Output()
	m := mirror{url: mirrorIn(string(targets)), proxies: map[string]string{}}
	for name, key := range map[string]string{"http_proxy": "Acquire::http::Proxy", "https_proxy": "Acquire::https::Proxy"} {
		out, _ := exec.CommandContext(ctx, "apt-config", "shell", "P", key).Output()
		if p, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "P='"); ok && p != "DIRECT'" {
			m.proxies[name] = strings.TrimSuffix(p, "'")
		}
	}
	return m
}

// mirrorIn reads apt's targets, one a line: address, release, component. The address
// of the suite itself is best; one of another release of Debian has it, too.
func mirrorIn(targets string) string {
	best := ""
	for line := range strings.Lines(targets) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "main" || !regexp.MustCompile(`^(https?|file):`).MatchString(f[0]) {
			continue
		}
		if f[1] == debianSuite {
			return f[0]
		}
		if best == "" && strings.HasSuffix(strings.TrimSuffix(f[0], "/"), "/debian") {
			best = f[0]
		}
	}
	return cmp.Or(best, "http://deb.debian.org/debian/")
}

// mirrorPause asks the mirror for the suite: what it answers decides how long to wait.
// One that cannot be reached or does not have the suite is an error.
func mirrorPause(ctx context.Context, from mirror) (time.Duration, error) {
	if strings.HasPrefix(from.url, "file:") {
		return 0, errors.New("a folder will not change by itself")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, strings.TrimSuffix(from.url, "/")+"/dists/"+debianSuite+"/InRelease", nil)
	if err != nil {
		return 0, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	if proxy := from.proxies[req.URL.Scheme+"_proxy"]; proxy != "" && os.Getenv(req.URL.Scheme+"_proxy") == "" {
		at, err := url.Parse(proxy)
		if err != nil {
			return 0, err
		}
		transport.Proxy = http.ProxyURL(at)
	}
	client := http.Client{Transport: transport, Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		return 0, nil // it was a hiccup
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			seconds = 2
		}
		if wait := time.Duration(seconds) * time.Second; wait <= rootPause {
			return wait, nil
		}
		return 0, fmt.Errorf("%s, and wants to be left alone for %d s", resp.Status, seconds)
	}
	return 0, errors.New(resp.Status)
}

// trouble is a line of debootstrap, wget, dpkg or apt that tells what went wrong.
var trouble = regexp.MustCompile(`(?i)^[EW]: |\berror\b|\bfail(ed|ure)\b|\bunable to\b|\bcannot\b|\bcould( not|n.t)\b|\brefused\b|\btimed out\b|no space left`)

// troubles are those lines of a log, at most the last ten, each once.
func troubles(log []byte) string {
	var found []string
	for line := range bytes.Lines(log) {
		text := strings.TrimSpace(string(line))
		if trouble.MatchString(text) && !strings.HasPrefix(text, "I: ") && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	if len(found) == 0 {
		return "its log names no error; it ends: " + strings.TrimSpace(string(log[max(0, len(log)-300):]))
	}
	return strings.Join(found[max(0, len(found)-10):], "\n")
}
