// Package release is the file a new version of Tote comes in: what is in it, who signed
// it, and whether this machine may run it. A release is a tar archive of three members in
// this order, so that it goes on a USB stick as one file, is judged before the program is
// read, and can be checked without this program:
//
//	manifest.json          what it is (Manifest)
//	manifest.json.minisig  signature of that, by minisign
//	tote                   the program; size and SHA-256 stand in the manifest
//
//	tar xf tote_1.4.0_arm64.update && minisign -Vm manifest.json -p release.pub && sha256sum tote
//
// Nothing of a file is believed before its signature was checked. The package owns no
// state and no goroutine.
package release

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Format is the format of manifests this version writes and takes.
const Format = 1

// product is what a manifest must be of: keys may sign other things too.
const product = "tote"

// MaxProgram is the largest program taken, in bytes; it is 30 MB today.
const MaxProgram = 256 << 20

// Manifest is what is signed. Fields this version does not know are let through: what
// must be understood raises Format.
type Manifest struct {
	Format  int    `json:"format"`
	Product string `json:"product"`
	Version string `json:"version"` // as Debian compares versions
	Commit  string `json:"commit"`
	Arch    string `json:"arch"`   // as Go names it: amd64, arm64, arm
	Size    int64  `json:"size"`   // of the program, in bytes
	SHA256  string `json:"sha256"` // of the program, hex; also the id of the release
	Levels  Levels `json:"levels"`
	// From is the oldest version it may replace; "" = any.
	From string `json:"from,omitempty"`
}

// Levels are the feature levels of a site it can work at.
type Levels struct {
	Min uint16 `json:"min"`
	Max uint16 `json:"max"`
}

// Name is the file name of the release.
func (m Manifest) Name() string { return fmt.Sprintf("tote_%s_%s.update", m.Version, m.Arch) }

// Comment is the trusted comment of its signature: what people read who check it with
// minisign, and a second thing that must fit.
func (m Manifest) Comment() string { return fmt.Sprintf("%s %s %s", product, m.Version, m.Arch) }

// Encode is the manifest as it is signed.
func (m Manifest) Encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// machines are the architectures there are releases for, with the e_machine of elf(5).
var machines = map[string]uint16{"amd64": 62, "arm64": 183, "arm": 40}

var versionText = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~]{0,63}$`)

func (m Manifest) validate() error {
	sum, err := hex.DecodeString(m.SHA256)
	switch {
	case m.Format != Format:
		return fmt.Errorf("%w: its format is %d, this version knows %d", ErrMalformed, m.Format, Format)
	case m.Product != product:
		return fmt.Errorf("%w: it is of %q", ErrMalformed, m.Product)
	case !versionText.MatchString(m.Version), m.From != "" && !versionText.MatchString(m.From):
		return fmt.Errorf("%w: %q is no version", ErrMalformed, m.Version)
	case machines[m.Arch] == 0:
		return fmt.Errorf("%w: %q is no architecture of a release", ErrMalformed, m.Arch)
	case m.Size < minProgram || m.Size > MaxProgram:
		return fmt.Errorf("%w: a program of %d bytes", ErrMalformed, m.Size)
	case err != nil || len(sum) != 32 || strings.ToLower(m.SHA256) != m.SHA256:
		return fmt.Errorf("%w: the SHA-256 is none", ErrMalformed)
	case m.Levels.Max < m.Levels.Min:
		return fmt.Errorf("%w: feature levels %d to %d", ErrMalformed, m.Levels.Min, m.Levels.Max)
	}
	return nil
}

func decode(text []byte) (m Manifest, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: the manifest: %w", ErrMalformed, err)
	}
	if dec.More() {
		return m, fmt.Errorf("%w: something follows the manifest", ErrMalformed)
	}
	return m, m.validate()
}

// Machine is where a release shall run.
type Machine struct {
	Arch    string // as Go names it
	Version string // what runs there now; "dev" is older than everything
	// Site is the feature level the site runs at; 0 = unknown.
	Site uint16
	// Downgrade lets an older version, or the same one, through. The feature level
	// still counts.
	Downgrade bool
}

// Fits is nil when the machine may run the release.
func (m Manifest) Fits(at Machine) error {
	switch {
	case m.Arch != at.Arch:
		return fmt.Errorf("%w: it is for %s, this machine is %s", ErrArch, m.Arch, at.Arch)
	case at.Site != 0 && (at.Site > m.Levels.Max || at.Site < m.Levels.Min):
		return fmt.Errorf("%w: the site is at %d, %s works from %d to %d", ErrLevel, at.Site, m.Version, m.Levels.Min, m.Levels.Max)
	case at.Version == Dev:
		return nil
	case !at.Downgrade && Compare(m.Version, at.Version) <= 0:
		return fmt.Errorf("%w: it is %s, this machine runs %s", ErrOlder, m.Version, at.Version)
	case m.From != "" && Compare(at.Version, m.From) < 0:
		return fmt.Errorf("%w: %s goes from %s on, this machine runs %s", ErrFrom, m.Version, m.From, at.Version)
	}
	return nil
}

// Dev is the version of a program that was not built as a release.
const Dev = "dev"

// minProgram is less than any program of ours; an ELF header is longer than nothing.
const minProgram = 64

// Errors. The codes are in Faults.
var (
	ErrUnsigned  = errors.New(CodeUnsigned + ": the release is not signed")
	ErrKey       = errors.New(CodeKey + ": the release is signed with a key this machine does not trust")
	ErrForged    = errors.New(CodeForged + ": the release is not what was signed")
	ErrArch      = errors.New(CodeArch + ": the release is for another kind of machine")
	ErrOlder     = errors.New(CodeOlder + ": the release is not newer than what runs")
	ErrDamaged   = errors.New(CodeDamaged + ": the release is damaged")
	ErrMalformed = errors.New(CodeMalformed + ": this is no release of Tote, or none this version can read")
	ErrNoKeys    = errors.New(CodeNoKeys + ": this machine trusts no key")
	ErrLevel     = errors.New(CodeLevel + ": the release cannot work at the feature level of the site")
	ErrFrom      = errors.New(CodeFrom + ": the release cannot replace a version this old")
)
