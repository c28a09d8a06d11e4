package release

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"tote/agent/update/minisign"
)

// The members of the archive, in their order, and the longest of each.
const (
	memberManifest  = "manifest.json"
	memberSignature = "manifest.json.minisig"
	memberProgram   = "tote"

	maxManifest  = 64 << 10
	maxSignature = 16 << 10
)

// MaxFile is the longest file of a release, in bytes.
const MaxFile = MaxProgram + 1<<20

// Open reads the head of a release and checks its signature; what it says is true then.
// The program is still to be read, with Copy.
func Open(r io.Reader, keys []minisign.PublicKey) (*Release, error) {
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	in := tar.NewReader(io.LimitReader(r, MaxFile))
	manifest, err := member(in, memberManifest, maxManifest)
	if err != nil {
		return nil, err
	}
	sig, err := member(in, memberSignature, maxSignature)
	if err != nil {
		return nil, err
	}
	comment, by, err := minisign.Verify(keys, manifest, sig)
	switch {
	case errors.Is(err, minisign.ErrFormat):
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	case errors.Is(err, minisign.ErrUnknownKey):
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	m, err := decode(manifest)
	if err != nil {
		return nil, err
	}
	if comment != m.Comment() {
		return nil, fmt.Errorf("%w: the trusted comment is %q, the manifest says %q", ErrForged, comment, m.Comment())
	}
	return &Release{Manifest: m, Key: by, in: in}, nil
}

// member reads the next member whole.
func member(in *tar.Reader, name string, most int64) ([]byte, error) {
	h, err := in.Next()
	switch {
	case errors.Is(err, io.EOF) && name != memberManifest, err == nil && name == memberSignature && h.Name == memberProgram:
		return nil, fmt.Errorf("%w: no %s in it", ErrUnsigned, name)
	case errors.Is(err, io.ErrUnexpectedEOF) && name != memberManifest:
		return nil, fmt.Errorf("%w: it ends before %s", ErrDamaged, name)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case h.Name != name || h.Typeflag != tar.TypeReg || h.Size > most:
		return nil, fmt.Errorf("%w: %s of %d bytes where %s should be", ErrMalformed, h.Name, h.Size, name)
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return b, nil
}

// Release is one whose signature is good.
type Release struct {
	Manifest Manifest
	Key      minisign.PublicKey // that signed it

	in *tar.Reader
}

// Copy writes the program to w, and checks that it is the one that was signed and that it
// is made for the machine of the manifest. After an error what w got is worth nothing.
func (r *Release) Copy(w io.Writer) error {
	h, err := r.in.Next()
	switch {
	case err != nil:
		return fmt.Errorf("%w: no program: %w", ErrDamaged, err)
	case h.Name != memberProgram || h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%w: %s where %s should be", ErrMalformed, h.Name, memberProgram)
	case h.Size != r.Manifest.Size:
		return fmt.Errorf("%w: the program has %d bytes, %d are signed", ErrDamaged, h.Size, r.Manifest.Size)
	}
	c := &checked{w: w, sum: sha256.New()}
	if _, err := io.Copy(c, r.in); c.err != nil {
		return c.err
	} else if err != nil {
		return fmt.Errorf("%w: it ends after %d of %d bytes: %w", ErrDamaged, c.n, r.Manifest.Size, err)
	}
	if got := hex.EncodeToString(c.sum.Sum(nil)); got != r.Manifest.SHA256 {
		return fmt.Errorf("%w: its SHA-256 is %s, %s is signed", ErrDamaged, got, r.Manifest.SHA256)
	}
	return IsFor(c.head, r.Manifest.Arch)
}

// checked notes what goes through it.
type checked struct {
	w    io.Writer
	sum  hash.Hash
	head []byte
	n    int64
	err  error // of w
}

func (c *checked) Write(p []byte) (int, error) {
	if need := minProgram - len(c.head); need > 0 {
		c.head = append(c.head, p[:min(need, len(p))]...)
	}
	c.sum.Write(p) // never fails
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

// IsFor looks at the first bytes of a program, at least 20: is it an ELF file for that
// architecture?
func IsFor(head []byte, arch string) error {
	const machineAt = 18 // e_machine, elf(5)
	switch {
	case len(head) < machineAt+2 || !bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return fmt.Errorf("%w: it is no ELF program", ErrArch)
	case head[elf.EI_DATA] != byte(elf.ELFDATA2LSB):
		return fmt.Errorf("%w: it is big-endian", ErrArch)
	}
	if got := uint16(head[machineAt]) | uint16(head[machineAt+1])<<8; got != machines[arch] {
		return fmt.Errorf("%w: the program is for %v, not for %s", ErrArch, elf.Machine(got), arch)
	}
	return nil
}

// Write writes a release: manifest, signature (nil = not signed yet) and the program,
// whose size and sum the manifest must have. The same input gives the same bytes.
func Write(w io.Writer, manifest, sig []byte, program io.Reader, size int64) error {
	out := tar.NewWriter(w)
	put := func(name string, mode, size int64, r io.Reader) error {
		h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := out.WriteHeader(&h); err != nil {
			return err
		}
		_, err := io.Copy(out, r)
		return err
	}
	if err := put(memberManifest, 0o644, int64(len(manifest)), bytes.NewReader(manifest)); err != nil {
		return err
	}
	if sig != nil {
		if err := put(memberSignature, 0o644, int64(len(sig)), bytes.NewReader(sig)); err != nil {
			return err
		}
	}
	if err := put(memberProgram, 0o755, size, program); err != nil {
		return err
	}
	return out.Close()
}

// Pack writes a release that is not signed yet for the program, whose size and sum it
// puts into m.
func Pack(w io.Writer, m Manifest, program io.ReadSeeker) error {
	sum := sha256.New()
	var head bytes.Buffer
	size, err := io.Copy(io.MultiWriter(sum, &limited{&head, minProgram}), program)
	if err != nil {
		return err
	}
	m.Format, m.Product, m.Size, m.SHA256 = Format, product, size, hex.EncodeToString(sum.Sum(nil))
	text, err := m.Encode()
	if err == nil {
		err = IsFor(head.Bytes(), m.Arch)
	}
	if err == nil {
		_, err = program.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	return Write(w, text, nil, program, size)
}

// limited keeps the first bytes and drops the rest.
type limited struct {
	b    *bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	l.b.Write(p[:min(len(p), max(0, l.most-l.b.Len()))])
	return len(p), nil
}

// Sign writes the release of r with a signature; an older one is replaced. The program
// is checked on its way: nobody signs what does not fit its manifest.
func Sign(w io.Writer, r io.Reader, k minisign.SecretKey) (Manifest, error) {
	in := tar.NewReader(io.LimitReader(r, MaxFile))
	text, err := member(in, memberManifest, maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	m, err := decode(text)
	if err != nil {
		return m, err
	}
	sig, err := minisign.Sign(k, text, m.Comment())
	if err != nil {
		return m, err
	}
	h, err := in.Next()
	if err == nil && h.Name == memberSignature {
		h, err = in.Next()
	}
	if err != nil || h.Name != memberProgram || h.Size != m.Size {
		return m, fmt.Errorf("%w: no program of %d bytes follows: %w", ErrDamaged, m.Size, err)
	}
	c := &checked{w: io.Discard, sum: sha256.New()}
	if err := Write(w, text, sig, io.TeeReader(in, c), m.Size); err != nil {
		return m, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if got := hex.EncodeToString(c.sum.Sum(nil)); got != m.SHA256 {
		return m, fmt.Errorf("%w: its SHA-256 is %s, the manifest says %s", ErrDamaged, got, m.SHA256)
	}
	return m, IsFor(c.head, m.Arch)
}
