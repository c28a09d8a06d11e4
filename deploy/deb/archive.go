package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5" //nolint:gosec // what dpkg --verify compares with; not against an attacker
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is one file of a tar.
type entry struct {
	name string // below the root, without a slash in front
	data []byte
	to   string // target of a symbolic link
	mode int64
}

// archive is a package before it is written.
type archive struct {
	files   []entry
	scripts []entry // of control.tar
}

// add puts a file into the package; one of the same name is replaced.
func (p *archive) add(name string, data []byte, mode int64) {
	p.files = slices.DeleteFunc(p.files, func(e entry) bool { return e.name == name })
	p.files = append(p.files, entry{name: name, data: data, mode: mode})
}

func (p *archive) link(name, to string) {
	p.files = append(p.files, entry{name: name, to: to, mode: 0o777})
}

func (p *archive) control(name string, data []byte, mode int64) {
	p.scripts = append(p.scripts, entry{name: strings.TrimPrefix(name, "./"), data: data, mode: mode})
}

// data is that of a file which was added.
func (p *archive) data(name string) []byte {
	for _, e := range p.files {
		if e.name == name {
			return e.data
		}
	}
	return nil
}

// size is that of all files in bytes.
func (p *archive) size() (n int) {
	for _, e := range p.files {
		n += len(e.data)
	}
	return n
}

// sums is the file md5sums.
func (p *archive) sums() []byte {
	var b bytes.Buffer
	for _, e := range sorted(p.files) {
		if e.to == "" {
			fmt.Fprintf(&b, "%x  %s\n", md5.Sum(e.data), e.name) //nolint:gosec // see the import
		}
	}
	return b.Bytes()
}

func sorted(list []entry) []entry {
	return slices.SortedFunc(slices.Values(list), func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

// write writes the package. All files belong to root and are as old as at.
func (p *archive) write(w io.Writer, at time.Time) error {
	control, err := pack(p.scripts, at)
	if err != nil {
		return err
	}
	data, err := pack(p.files, at)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, "!<arch>\n"); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", control}, {"data.tar.gz", data}} {
		// ar(5): name, time, owner, group, mode, size; each member at an even offset.
		if _, err := fmt.Fprintf(w, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, at.Unix(), 0, 0, "100644", len(m.data)); err != nil {
			return err
		}
		if len(m.data)%2 == 1 {
			m.data = append(m.data, '\n')
		}
		if _, err := w.Write(m.data); err != nil {
			return err
		}
	}
	return nil
}

// pack is a tar.gz with the folders the files need, each once and before what is
// in it.
func pack(list []entry, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	head := func(h tar.Header) error {
		h.ModTime, h.Format, h.Uname, h.Gname = at, tar.FormatGNU, "root", "root"
		return t.WriteHeader(&h)
	}
	made := map[string]bool{}
	var folder func(dir string) error
	folder = func(dir string) error {
		if made[dir] {
			return nil
		}
		made[dir] = true
		name := "./"
		if dir != "." {
			if err := folder(path.Dir(dir)); err != nil {
				return err
			}
			name = "./" + dir + "/"
		}
		return head(tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755})
	}
	for _, e := range sorted(list) {
		if err := folder(path.Dir(e.name)); err != nil {
			return nil, err
		}
		h := tar.Header{Typeflag: tar.TypeReg, Name: "./" + e.name, Mode: e.mode, Size: int64(len(e.data))}
		if e.to != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.to
		}
		if err := head(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(e.data); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
