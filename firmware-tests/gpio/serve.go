package gpio

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
)

// Run serves the socket until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.shut()
	})
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		b.mu.Lock()
		if ctx.Err() != nil { // under the lock: shut has run or will
			b.shut()
			b.mu.Unlock()
			return nil
		}
		err := b.listen()
		ln, plugged := b.ln, b.plugged
		b.mu.Unlock()
		if err != nil {
			return err
		}
		if ln == nil { // unplugged
			select {
			case <-ctx.Done():
			case <-plugged:
			}
			continue
		}
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				continue
			}
			return fmt.Errorf("%w: %w", ErrSocket, err)
		}
		if b.greet(ctx, conn) {
			wg.Go(func() { b.serve(conn) })
		}
	}
}

// greet tells a new connection every input.
func (b *Board) greet(ctx context.Context, conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.on[Unplug] || ctx.Err() != nil {
		_ = conn.Close()
		return false
	}
	b.conns[conn] = struct{}{}
	for _, l := range slices.Sorted(maps.Keys(b.inputs)) {
		b.tell(conn, l, b.inputs[l])
	}
	return true
}

// serve takes the outputs of a connection. What is no message is not for the
// board.
func (b *Board) serve(conn net.Conn) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 256), maxLine)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil || m.Line == "" {
			continue
		}
		b.mu.Lock()
		if _, input := b.inputs[m.Line]; !input && !b.on[Unplug] {
			b.drive(m.Line, m.Level)
		}
		b.mu.Unlock()
	}
	_ = conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, conn)
}
