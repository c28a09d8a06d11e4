package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"tote/agent/api"
	"tote/agent/update/release"
)

// callRead reads a piece of the release that a gateway has on offer.
const callRead = "update/read"

// readCall asks for the piece that begins at Offset.
type readCall struct {
	Offset int64 `cbor:"1,keyasint"`
}

// readAnswer is a piece; one that is empty is the end.
type readAnswer struct {
	Size int64  `cbor:"1,keyasint"` // of all of it
	Data []byte `cbor:"2,keyasint"`
}

// pieceSize is the longest piece, in bytes.
const pieceSize = 256 << 10

// offerFile is the release a person brought to this gateway for all of them.
func (u *updates) offerFile() string { return filepath.Join(u.a.cfg.DataDir, "update-offer.update") }

// Keep implements api.Updates. A file that has the name is whole; it is judged by those
// who use it.
func (u *updates) Keep(body io.Reader) error {
	if d := u.a.store.Disk(); d != nil && d.Code != "" {
		return api.Refuse(http.StatusServiceUnavailable, d.Code, "there is no room for a release")
	}
	part := u.offerFile() + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(body, release.MaxFile+1))
	if err == nil && n > release.MaxFile {
		err = api.Refuse(http.StatusRequestEntityTooLarge, release.CodeMalformed, "it is longer than a release")
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(part)
		return err
	}
	return os.Rename(part, u.offerFile())
}

// piece reads one piece of what is on offer here.
func (u *updates) piece(offset int64) (out readAnswer, err error) {
	f, err := os.Open(u.offerFile())
	if err != nil {
		return out, fmt.Errorf("no release is on offer here: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	st, err := f.Stat()
	if err != nil {
		return out, err
	}
	out.Size, out.Data = st.Size(), make([]byte, pieceSize)
	n, err := f.ReadAt(out.Data, max(offset, 0))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	out.Data = out.Data[:n]
	return out, err
}

// File implements api.Updates: the release another gateway has on offer, or this one.
func (u *updates) File(ctx context.Context, from string) (io.Reader, int64, error) {
	read := func(offset int64) (readAnswer, error) { return u.piece(offset) }
	if from != u.a.cfg.Gateway {
		if u.site == nil {
			return nil, 0, api.Refuse(http.StatusNotFound, api.CodeNotFound, "this gateway has no others")
		}
		read = func(offset int64) (readAnswer, error) { return u.site.read(ctx, from, offset) }
	}
	first, err := read(0)
	if err != nil {
		return nil, 0, api.Refuse(http.StatusNotFound, api.CodeNotFound, err.Error())
	}
	if first.Size > release.MaxFile {
		return nil, 0, api.Refuse(http.StatusNotFound, api.CodeNotFound, "what is on offer is longer than a release")
	}
	return &pieces{read: read, left: first.Data, at: int64(len(first.Data))}, first.Size, nil
}

// pieces reads one after the other.
type pieces struct {
	read func(offset int64) (readAnswer, error)
	left []byte
	at   int64
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		next, err := p.read(p.at)
		if err != nil {
			return 0, err
		}
		if len(next.Data) == 0 {
			return 0, io.EOF
		}
		p.left, p.at = next.Data, p.at+int64(len(next.Data))
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}
