package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Made is one good copy.
type Made struct {
	Name     string `json:"name"`
	Gateway  string `json:"gateway"` // that made it
	AtMs     int64  `json:"atMs"`    // by the time of the site
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`   // of the file
	ReadBack bool   `json:"readBack"` // false: the server lets nobody read
}

// State is what is known of the copies. The names of the JSON are on disks and go
// between gateways: changing one breaks compatibility.
type State struct {
	Target  string `json:"target"`  // of this gateway; not told
	SinceMs int64  `json:"sinceMs"` // that it is the target; not told
	Last    Made   `json:"last"`
	// There are the names at the server: nobody can be asked for a list.
	There []string `json:"there,omitempty"`
	// Unsure are names of which half may be at the server; not told.
	Unsure []string `json:"unsure,omitempty"`
}

// maxThere bounds the names kept, and maxState the bytes of a state.
const (
	maxThere = 600
	maxState = 64 << 10
)

// told is what other gateways are told, nil when there is nothing to tell.
func (s State) told() []byte {
	if s.Last.AtMs == 0 {
		return nil
	}
	b, err := json.Marshal(State{Last: s.Last, There: s.There})
	if err != nil {
		return nil // of strings and numbers: it cannot fail
	}
	return b
}

// errState: what another gateway, or a file, says makes no sense.
var errState = errors.New("backup: no state")

func parseTold(b []byte) (State, error) {
	var s State
	if len(b) > maxState {
		return s, fmt.Errorf("%w: %d bytes", errState, len(b))
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%w: %w", errState, err)
	}
	if s.Last.AtMs <= 0 || len(s.There) > maxThere {
		return s, fmt.Errorf("%w: of %d, %d names", errState, s.Last.AtMs, len(s.There))
	}
	return s, nil
}

// add puts a name into a list, of which the oldest go when there are too many.
func add(list []string, name string) []string {
	if !slices.Contains(list, name) {
		list = append(list, name)
	}
	return list[max(0, len(list)-maxThere):]
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(n string) bool { return n == name })
}

func loadState(file string) (State, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("%w: %s: %w", errState, file, err)
	}
	return s, nil
}

// save replaces the file as a whole.
func (s State) save(file string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(file+".part", file), syncDir(filepath.Dir(file)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
