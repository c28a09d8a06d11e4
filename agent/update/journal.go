package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// States of a journal.
const (
	Trial = "trial" // the new version is to be judged; also before it is switched to
	Back  = "back"  // it was judged: the version before is to be used
)

// Journal is the update that is under way. While there is none, the version in use
// stands. It is a text of lines key=value, which /usr/lib/tote/slot reads too: state, new
// and old keep their meaning for ever.
type Journal struct {
	State    string
	Release  string // SHA-256 of the program
	New, Old string // slots
	Version  string // on trial
	Was      string // version in the other slot
	// Level is the feature level the version before speaks. As long as it may be needed
	// again, the site must not rise above it.
	Level    uint16
	Since    time.Time
	Baseline Health
	Code     string // why it is taken back
	Why      string
}

const (
	journalFile = "journal"
	startsFile  = "starts"
	lastFile    = "last"
	refusedFile = "refused"
)

// MaxStarts is how often the agent is started on trial before /usr/lib/tote/slot goes
// back by itself; a test holds the script against it.
const MaxStarts = 3

func (j Journal) encode() ([]byte, error) {
	base, err := json.Marshal(j.Baseline)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, f := range [][2]string{
		{"state", j.State},
		{"new", j.New},
		{"old", j.Old},
		{"release", j.Release},
		{"version", j.Version},
		{"was", j.Was},
		{"level", strconv.Itoa(int(j.Level))},
		{"since", j.Since.UTC().Format(time.RFC3339)},
		{"code", j.Code},
		{"why", strings.Join(strings.Fields(j.Why), " ")},
		{"baseline", string(base)},
	} {
		fmt.Fprintf(&b, "%s=%s\n", f[0], f[1])
	}
	return []byte(b.String()), nil
}

func decodeJournal(text []byte) (*Journal, error) {
	f := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrJournal, line)
		}
		f[key] = value
	}
	j := &Journal{
		State: f["state"], Release: f["release"], New: f["new"], Old: f["old"], Version: f["version"], Was: f["was"],
		Code: f["code"], Why: f["why"],
	}
	level, err := strconv.ParseUint(f["level"], 10, 16)
	j.Level = uint16(level)
	if err == nil {
		j.Since, err = time.Parse(time.RFC3339, f["since"])
	}
	if err == nil {
		err = json.Unmarshal([]byte(f["baseline"]), &j.Baseline)
	}
	both := j.New == "a" && j.Old == "b" || j.New == "b" && j.Old == "a"
	if err != nil || !both || j.State != Trial && j.State != Back {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return j, nil
}

// Pending is the update that is under way, nil when there is none.
func (s Slots) Pending() (*Journal, error) {
	text, err := os.ReadFile(s.path(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return decodeJournal(text)
}

func (s Slots) keep(j Journal) error {
	text, err := j.encode()
	if err != nil {
		return err
	}
	return s.write(s.path(journalFile), text)
}

// starts is how often the agent was started with the new version on trial.
func (s Slots) starts() int {
	b, err := os.ReadFile(s.path(startsFile))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b))) // nonsense is 0, as for the script
	return n
}

// Results of an update.
const (
	Committed  = "committed"
	RolledBack = "rolled back"
	NotBegun   = "not begun" // the power went before the slot was switched
)

// Outcome is how the last update ended.
type Outcome struct {
	Result  string    `json:"result"`
	Release string    `json:"release"`
	Version string    `json:"version"` // that was tried
	Was     string    `json:"was"`     // before
	At      time.Time `json:"at"`
	Code    string    `json:"code,omitempty"`
	Why     string    `json:"why,omitempty"`
}

// Last is how the last update ended, nil when there was none.
func (s Slots) Last() *Outcome {
	o := new(Outcome)
	if !s.read(lastFile, o) {
		return nil
	}
	return o
}

// read decodes a file; one that is not there or damaged is as none.
func (s Slots) read(name string, into any) bool {
	text, err := os.ReadFile(s.path(name))
	return err == nil && json.Unmarshal(text, into) == nil
}

// Refusal is a release that was taken back here.
type Refusal struct {
	Release string `json:"release"`
	Version string `json:"version"`
	Code    string `json:"code"`
}

// maxRefused is how many are remembered.
const maxRefused = 32

// Refused lists the releases that were taken back here, the newest last.
func (s Slots) Refused() (list []Refusal) {
	s.read(refusedFile, &list)
	return list
}

func (s Slots) refuse(r Refusal) error {
	list := slices.DeleteFunc(s.Refused(), func(o Refusal) bool { return o.Release == r.Release })
	list = append(list, r)
	return s.writeJSON(refusedFile, list[max(0, len(list)-maxRefused):])
}

func (s Slots) writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return s.write(s.path(name), append(text, '\n'))
}

// end closes the journal with an outcome. The outcome is there first: when the power
// goes in between, the same end is come to again.
func (s Slots) end(o Outcome) error {
	if err := s.writeJSON(lastFile, o); err != nil {
		return err
	}
	if err := s.remove(s.path(journalFile)); err != nil {
		return err
	}
	return s.remove(s.path(startsFile))
}

// KeepRequest leaves a request where an updater looks for one.
func KeepRequest(file string, req Request) error {
	text, err := json.Marshal(req)
	if err != nil {
		return err
	}
	return Slots{}.write(file, append(text, '\n'))
}

// maxRequest bounds the file of a request, in bytes.
const maxRequest = 8 << 10

// ReadRequest reads a request that anybody may have left: a link is not followed, and
// only what any gateway may ask for is taken. nil when there is none.
func ReadRequest(file string) (*Request, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	defer func() { _ = f.Close() }()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no file", ErrUnsafe, file)
	}
	var req Request
	if err := json.NewDecoder(io.LimitReader(f, maxRequest)).Decode(&req); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFetch, file, err)
	}
	return &Request{From: req.From, Site: true}, nil
}
