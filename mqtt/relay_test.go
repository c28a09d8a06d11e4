package mqtt_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay stands between client and broker. It can cut connections after a
// number of bytes, stop forwarding without closing, and refuse new ones.
type relay struct {
	t      *testing.T
	ln     net.Listener
	target string
	wg     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	up     int // bytes client → broker until the cut; < 0 = none
	down   int // bytes broker → client until the cut; < 0 = none
	frozen bool
	thaw   chan struct{}
	refuse bool
	closed bool
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, ln: ln, target: target, conns: map[net.Conn]struct{}{}, up: -1, down: -1, thaw: make(chan struct{})}
	r.wg.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

func (r *relay) url() string { return "tcp://" + r.ln.Addr().String() }

func (r *relay) close() {
	_ = r.ln.Close()
	r.mu.Lock()
	r.closed = true
	if r.frozen {
		r.frozen = false
		close(r.thaw)
	}
	r.mu.Unlock()
	r.cut()
	r.wg.Wait()
}

// cut closes all connections now.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
}

// cutAfter cuts the next connection, once, after so many bytes; < 0 = never.
func (r *relay) cutAfter(up, down int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up, r.down = up, down
}

// freeze stops forwarding in both directions; connections stay open and new
// ones are taken, like a broker whose process is stopped.
func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = true
}

func (r *relay) setRefuse(v bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = v
}

func (r *relay) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		refuse, up, down := r.refuse || r.closed, r.up, r.down
		r.up, r.down = -1, -1
		r.mu.Unlock()
		if refuse {
			_ = c.Close()
			continue
		}
		b, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		r.mu.Lock()
		r.conns[c], r.conns[b] = struct{}{}, struct{}{}
		r.mu.Unlock()
		r.wg.Go(func() { r.pump(b, c, up) })
		r.wg.Go(func() { r.pump(c, b, down) })
	}
}

// pump copies until the end, or until left bytes went through; then both sides
// are closed, as when a cable is pulled in the middle of a packet.
func (r *relay) pump(dst, src net.Conn, left int) {
	defer func() {
		_ = dst.Close()
		_ = src.Close()
		r.mu.Lock()
		delete(r.conns, dst)
		delete(r.conns, src)
		r.mu.Unlock()
	}()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		r.mu.Lock()
		frozen := r.frozen
		r.mu.Unlock()
		if frozen {
			<-r.thaw
			return
		}
		if left >= 0 && n >= left {
			_, _ = dst.Write(buf[:left])
			return
		}
		if left >= 0 {
			left -= n
		}
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
	}
}
