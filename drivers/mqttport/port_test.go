package mqttport

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
)

func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		var fail error
		e, err := New(Config{Publish: func(_ context.Context, p []byte) error { said = append(said, string(p)); return fail }})
		if err != nil {
			t.Fatal(err)
		}
		e.Handle([]byte("nobody listens"))
		p, err := e.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Open(t.Context()); !errors.Is(err, drivers.ErrBusy) {
			t.Errorf("opened twice: %v", err)
		}
		e.Handle([]byte("{\r\n \"a\": 1\n}"))
		e.Handle([]byte(strings.Repeat("x", MaxMessage+1)))
		buf := make([]byte, 2*MaxMessage)
		n, err := p.Read(t.Context(), buf)
		if got := string(buf[:n]); err != nil || got != "{   \"a\": 1 }\n"+strings.Repeat("x", MaxMessage)+"\n" {
			t.Errorf("%d bytes, %.20q, %v", n, got, err)
		}
		for _, s := range []string{"{\"a\"", ":1}\n{}\n", "{\"b\":2}\n"} {
			if n, err := p.Write(t.Context(), []byte(s)); n != len(s) || err != nil {
				t.Errorf("write %q: %d, %v", s, n, err)
			}
		}
		if d := cmp.Diff([]string{`{"a":1}`, `{}`, `{"b":2}`}, said); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if _, err := p.Write(t.Context(), make([]byte, MaxMessage+1)); err == nil {
			t.Error("took an endless message")
		}
		fail = errors.New("no broker")
		if _, err := p.Write(t.Context(), []byte("{}\n")); !errors.Is(err, fail) {
			t.Errorf("broker gone: %v", err)
		}
		read := make(chan error)
		go func() { _, err := p.Read(t.Context(), buf); read <- err }()
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-read; !errors.Is(err, drivers.ErrClosed) {
			t.Errorf("read behind the close: %v", err)
		}
		if _, err := p.Write(t.Context(), []byte("{}\n")); !errors.Is(err, drivers.ErrClosed) {
			t.Errorf("write behind the close: %v", err)
		}
		p, err = e.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e.Handle([]byte("{}"))
		if n, err := p.Read(t.Context(), buf); err != nil || string(buf[:n]) != "{}\n" {
			t.Errorf("opened again: %q, %v", buf[:n], err)
		}
		_ = p.Close()
		if _, err := New(Config{}); err == nil {
			t.Error("an exchange without a voice")
		}
	})
}
