package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// whole writes what a root is known by.
func whole(part string) error {
	return errors.Join(os.MkdirAll(filepath.Join(part, "usr/bin"), 0o755), os.WriteFile(filepath.Join(part, rootCheck), nil, 0o755))
}

// TestARootIsWholeOrNotThere: a try that failed leaves nothing that a later run takes
// for a root, and is repeated as the mirror says.
func TestARootIsWholeOrNotThere(t *testing.T) {
	for _, c := range []struct {
		name   string
		fails  int   // tries that fail, having filled the root
		gone   error // why asking again has no use
		tries  int
		paused time.Duration
		says   string // "" = there is a root
	}{
		{"at once", 0, nil, 1, 0, ""},
		{"a hiccup", 2, nil, 3, 20 * time.Second, ""},
		{"never", 9, nil, 3, 20 * time.Second, "try 3: exit status 1\nE: Couldn't download libc6"},
		{"no network", 9, errors.New("no route to host"), 1, 0, "no route to host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, tries, began := filepath.Join(t.TempDir(), "bin/debian"), 0, time.Now()
				err := bootstrap(t.Context(), root, rootMaker{
					make: func(_ context.Context, part, debs string) ([]byte, error) {
						if old, _ := os.ReadDir(part); len(old) > 0 {
							t.Errorf("try %d begins with %v", tries, old)
						}
						tries++
						// The downloads of before are still there.
						if kept, _ := os.ReadDir(debs); len(kept) != min(tries-1, 1) {
							t.Errorf("try %d has %d packages", tries, len(kept))
						}
						if err := errors.Join(whole(part), os.WriteFile(filepath.Join(debs, "libc6.deb"), nil, 0o644)); err != nil {
							t.Fatal(err)
						}
						if tries <= c.fails {
							return []byte("I: Retrieving libc6\nE: Couldn't download libc6\n"), errors.New("exit status 1")
						}
						return nil, nil
					},
					pause: func(context.Context) (time.Duration, error) { return 10 * time.Second, c.gone },
				})
				if tries != c.tries || time.Since(began) != c.paused {
					t.Errorf("%d tries in %v", tries, time.Since(began))
				}
				if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("it says %v", err)
				}
				if _, err := os.Stat(filepath.Join(root, rootCheck)); (err == nil) != (c.says == "") {
					t.Errorf("the root: %v", err)
				}
				if _, err := os.Stat(root + ".part"); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("what was half made is left: %v", err)
				}
			})
		})
	}
}

// TestOneRootForAll: what was asked for by several at once is made once.
func TestOneRootForAll(t *testing.T) {
	root := filepath.Join(t.TempDir(), "debian")
	var made atomic.Int32
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			err := bootstrap(t.Context(), root, rootMaker{make: func(_ context.Context, part, _ string) ([]byte, error) {
				made.Add(1)
				// Another process would wait.
				other, err := os.Open(root + ".lock")
				if err != nil {
					return nil, err
				}
				if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
					t.Errorf("nobody holds the lock: %v", err)
				}
				_ = other.Close()
				return nil, whole(part)
			}})
			if _, gone := os.Stat(filepath.Join(root, rootCheck)); err != nil || gone != nil {
				t.Error(err, gone)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
}

func TestMirrorInAptsTargets(t *testing.T) {
	for _, c := range []struct{ targets, want string }{
		{"http://deb.debian.org/debian-security/ bookworm-security main\nhttp://mirror.site/deb/ bookworm main\n", "http://mirror.site/deb/"},
		{"https://mirror.site/debian/ trixie main\n", "https://mirror.site/debian/"},
		{"http://archive.ubuntu.com/ubuntu/ noble main\n", "http://deb.debian.org/debian/"},
		{"cdrom://x/ bookworm main\n", "http://deb.debian.org/debian/"},
		{"", "http://deb.debian.org/debian/"},
	} {
		if got := mirrorIn(c.targets); got != c.want {
			t.Errorf("%q: %s, want %s", c.targets, got, c.want)
		}
	}
}

func TestTheMirrorSaysWhenToTryAgain(t *testing.T) {
	for _, c := range []struct {
		status int
		after  string
		want   time.Duration
		use    bool
	}{
		{200, "", 0, true},
		{503, "7", 7 * time.Second, true},
		{429, "", 2 * time.Second, true},
		{503, "3600", 0, false},
		{404, "", 0, false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/debian/dists/bookworm/InRelease" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.Header().Set("Retry-After", c.after)
			w.WriteHeader(c.status)
		}))
		got, err := mirrorPause(t.Context(), mirror{url: s.URL + "/debian/"})
		if got != c.want || (err == nil) != c.use {
			t.Errorf("%d, Retry-After %q: %v %v", c.status, c.after, got, err)
		}
		s.Close()
		if _, err := mirrorPause(t.Context(), mirror{url: s.URL + "/debian/"}); err == nil {
			t.Error("a mirror that is not there answered")
		}
	}
}

func TestTroublesOfALog(t *testing.T) {
	got := troubles([]byte(strings.Repeat("I: Retrieving zlib1g 1:1.2\n", 50) +
		"I: Retrieving libgpg-error0 1.46\nI: Validating error 1\n2026-11-30 ERROR 503: Backend is unhealthy.\nE: Couldn't download Packages\nE: Couldn't download Packages\n"))
	if want := "2026-11-30 ERROR 503: Backend is unhealthy.\nE: Couldn't download Packages"; got != want {
		t.Errorf("%q", got)
	}
	if got := troubles([]byte("I: Extracting tar")); !strings.Contains(got, "names no error; it ends: I: Extracting tar") {
		t.Errorf("%q", got)
	}
}
