package raftstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/dgraph-io/badger/v4"
)

// A backup is
//
//	magic 8 B | version u32 | len u32 | BackupInfo as JSON | crc32c u32 of all before
//	a snapshot (snapshot.go)
//	sha256 32 B of all before
//
// Changing any of this breaks compatibility.
const (
	backupMagic   = "TOTEBKUP"
	backupVersion = 1
	maxBackupHead = 64 << 10
)

// BackupInfo is the header of a backup.
type BackupInfo struct {
	Site    string `json:"site"`
	Gateway string `json:"gateway"` // that made it
	Cluster string `json:"cluster"` // id
	Epoch   uint32 `json:"epoch"`
	Level   uint16 `json:"level"`  // feature level
	Number  uint64 `json:"number"` // of the last command in it
	Index   uint64 `json:"index"`  // its log entry
	Term    uint64 `json:"term"`
	LastMs  int64  `json:"lastMs"` // cluster time of the newest command
	AtMs    int64  `json:"atMs"`   // when it was made, by the gateway's clock
	// Digest is the SHA-256 of the state, as Store.Digest tells it.
	Digest []byte `json:"digest"`
}

// Errors of backups.
var (
	// ErrBackupDamaged: the file is no backup, or not whole.
	ErrBackupDamaged = errors.New("raftstore: the backup is damaged")
	// ErrForeignBackup: the backup is of another site.
	ErrForeignBackup = errors.New("raftstore: the backup is of another site")
	// ErrNotEmpty: the data folder holds something.
	ErrNotEmpty = errors.New("raftstore: the data folder is not empty")
)

// Backup writes a consistent copy of the state to w. Commands are applied
// meanwhile. site names the site the copy is of.
func (s *Store) Backup(w io.Writer, site string) (info BackupInfo, err error) {
	err = s.read(func(txn *badger.Txn) error {
		info = BackupInfo{Site: site, Gateway: s.cfg.NodeID, Cluster: s.ClusterID(), Term: s.Term(), AtMs: s.cfg.Now().UnixMilli()}
		return s.backup(w, txn, &info)
	})
	return info, err
}

// BackupFolder is Store.Backup of a gateway that does not run. What it does not
// know to be committed is left out.
func BackupFolder(cfg Config, m Machine, w io.Writer, site string) (info BackupInfo, err error) {
	s, err := openFolder(cfg, m)
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, s.closeFolder()) }()
	h, err := s.holding()
	if err != nil {
		return info, err
	}
	v, err := s.stateOf(h.Last - h.Unsure)
	if err != nil {
		return info, err
	}
	txn := v.db.NewTransaction(false)
	defer txn.Discard()
	info = BackupInfo{Site: site, Gateway: h.Gateway, Cluster: h.Cluster, Term: h.Term, AtMs: s.cfg.Now().UnixMilli()}
	return info, s.backup(w, txn, &info)
}

func (s *Store) backup(w io.Writer, txn *badger.Txn, info *BackupInfo) error {
	if err := info.read(func(key []byte) ([]byte, error) { return badgerGet(txn, key) }); err != nil {
		return err
	}
	sum, err := digestTxn(s.ctx, txn)
	if err != nil {
		return err
	}
	info.Digest = sum[:]
	head, err := json.Marshal(info)
	if err != nil {
		return err
	}
	all := sha256.New()
	both := io.MultiWriter(w, all)
	b := binary.LittleEndian.AppendUint32([]byte(backupMagic), backupVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := both.Write(b); err != nil {
		return err
	}
	if err := writeSnapshot(both, txn, s.closing); err != nil {
		return err
	}
	_, err = w.Write(all.Sum(nil))
	return err
}

// read fills in what the rows beside the state say.
func (i *BackupInfo) read(get func(key []byte) ([]byte, error)) error {
	b, err := get(metaKey)
	if err != nil {
		return err
	}
	m, err := decodeMetaRow(b)
	if err != nil {
		return err
	}
	if b, err = get(featureKey); err != nil {
		return err
	}
	f, err := decodeFeature(b)
	if err != nil {
		return err
	}
	if b, err = get(epochKey); err != nil {
		return err
	}
	list, err := decodeFormations(b)
	i.Number, i.Index, i.LastMs, i.Level, i.Epoch = m.number, m.index, m.clock, f.level, epochOf(list)
	return err
}

// VerifyBackup reads all of a backup and tells what it is of. It returns an
// error when anything in it is not as it was written, or site is not "" and not
// the backup's.
func VerifyBackup(r io.Reader, site string) (BackupInfo, error) {
	return readBackup(r, site, func(_, _ []byte) error { return nil })
}

// readBackup gives put every row of a backup. What that made counts only when
// there is no error.
func readBackup(r io.Reader, site string, put func(key, val []byte) error) (info BackupInfo, err error) {
	damaged := func(format string, args ...any) (BackupInfo, error) {
		return info, fault(CodeBackupBad, fmt.Errorf("%w: %w", ErrBackupDamaged, fmt.Errorf(format, args...)))
	}
	t := &tee{r: bufio.NewReaderSize(r, snapBlock), sum: sha256.New()}
	var fixed [16]byte
	if _, err := io.ReadFull(t, fixed[:]); err != nil {
		return damaged("it has no beginning: %w", noEOF(err))
	}
	if string(fixed[:8]) != backupMagic {
		return damaged("it does not begin as one")
	}
	n := binary.LittleEndian.Uint32(fixed[12:])
	if n > maxBackupHead {
		return damaged("a head of %d bytes", n)
	}
	head := make([]byte, n+4)
	if _, err := io.ReadFull(t, head); err != nil {
		return damaged("its head is cut off: %w", noEOF(err))
	}
	want := crc32.Update(crc32.Checksum(fixed[:], castagnoli), castagnoli, head[:n])
	if want != binary.LittleEndian.Uint32(head[n:]) {
		return damaged("the head does not match its checksum")
	}
	if v := binary.LittleEndian.Uint32(fixed[8:]); v != backupVersion {
		return info, fault(CodeUnknownEntry, fmt.Errorf("the backup has format %d, this version reads %d", v, backupVersion))
	}
	if err := json.Unmarshal(head[:n], &info); err != nil {
		return damaged("its head does not decode: %w", err)
	}
	if site != "" && info.Site != site {
		return info, fault(CodeBackupForeign, fmt.Errorf("%w: it is of %s, this is %s", ErrForeignBackup, info.Site, site))
	}
	rows := map[string][]byte{}
	state := sha256.New()
	sw, err := newSnapWriter(state)
	if err != nil {
		return info, err
	}
	err = readSnapshot(t, func(key, val []byte) error {
		if key[0] == spaceMeta {
			rows[string(key)] = val
		} else if err := sw.put(key, val); err != nil {
			return err
		}
		return put(key, val)
	})
	switch {
	case errors.Is(err, errSnapshot):
		return damaged("%w", err)
	case err != nil:
		return info, err
	}
	sum := t.sum.Sum(nil)
	var end [sha256.Size + 1]byte
	if n, err := io.ReadFull(t, end[:]); n != sha256.Size || !errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it does not end where it should")
	}
	if !bytes.Equal(sum, end[:sha256.Size]) {
		return damaged("it does not match its checksum")
	}
	if err := sw.finish(); err != nil {
		return info, err
	}
	was := info
	if err := was.read(func(key []byte) ([]byte, error) { return rows[string(key)], nil }); err != nil {
		return damaged("%w", err)
	}
	if !bytes.Equal(state.Sum(nil), info.Digest) || was.Number != info.Number || was.Index != info.Index || was.Epoch != info.Epoch || was.Level != info.Level {
		return damaged("its head is not that of the state in it")
	}
	return info, nil
}

// tee hashes what is read.
type tee struct {
	r   io.Reader
	sum hash.Hash
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.sum.Write(p[:n])
	return n, err
}

// Restore forms a cluster of this gateway alone out of a backup of the site.
// cfg.Dir must be empty or absent. Whatever was recorded after the backup is not
// there. The epoch is one more than the backup's, and at least atLeast: a backup
// that is restored a second time needs one that was not used.
func Restore(cfg Config, m Machine, r io.Reader, site, address, by string, atLeast uint32) (f Formation, info BackupInfo, err error) {
	if err := cfg.normalise(); err != nil {
		return f, info, err
	}
	if err := finishSwap(cfg.Dir); err != nil {
		return f, info, err
	}
	if left, err := os.ReadDir(cfg.Dir); err == nil && len(left) > 0 {
		return f, info, fault(CodeNotEmpty, fmt.Errorf("%w: %s", ErrNotEmpty, cfg.Dir))
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return f, info, err
	}
	s := newOffline(cfg, m)
	s.files = &files{dir: cfg.Dir, log: s.log} // nothing in it to lock
	s.newDisk()
	s.files = nil
	defer func() { err = errors.Join(err, s.closeFolder()) }()
	v, err := s.fill(func(db *badger.DB) error {
		wb := db.NewWriteBatch()
		defer wb.Cancel()
		if info, err = readBackup(&roomyReader{Reader: r, d: &s.disk}, site, wb.Set); err != nil {
			return err
		}
		return wb.Flush()
	})
	if err != nil {
		return f, info, diskFault("", err)
	}
	if err := s.fsm.a.load(v); err != nil {
		return f, info, err
	}
	f = Formation{Epoch: atLeast, How: HowRestored, By: by, Was: info.Cluster}
	_, err = s.form(v, &f, address, info.Index, info.Term)
	return f, info, diskFault("", err)
}
