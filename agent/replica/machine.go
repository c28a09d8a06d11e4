//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"tote/agent/identity/members"
	"tote/cloudsync/ledger"
	"tote/fleet/intent"
	"tote/raftstore"
	"tote/warehouse"
)

// applier runs the commands of the kinds it owns.
type applier struct {
	apply  func(tx warehouse.Tx, m warehouse.Meta, kind, version uint16, body []byte) (warehouse.Result, error)
	speaks func(kind, version uint16) bool
	since  func(kind, version uint16) uint16 // the level it may be used from; nil = from the beginning
}

// appliers maps the high byte of a kind to its applier. Changing a number
// breaks every stored log; 0x00 belongs to raftstore itself.
var appliers = map[uint16]applier{
	kindsOfWarehouse: {apply: applyWarehouse, speaks: warehouse.Speaks},
	0x02:             {ledger.Apply, ledger.Speaks, ledger.Since},
	0x03:             {apply: applyIntent, speaks: intent.Speaks},
	0x04:             {members.Apply, members.Speaks, func(kind, _ uint16) uint16 { return members.Since(kind) }},
}

const kindsOfWarehouse = 0x01

// OfWarehouse tells whether a kind is one of the domain: goods, orders and tasks.
func OfWarehouse(kind uint16) bool { return kind>>8 == kindsOfWarehouse }

// applyIntent adapts the robots' intents, whose package knows no warehouse.
func applyIntent(tx warehouse.Tx, m warehouse.Meta, kind, version uint16, body []byte) (warehouse.Result, error) {
	res, err := intent.Apply(tx, intent.Meta{Index: m.Index, Now: m.Now, Actor: m.Actor}, kind, version, body)
	return warehouse.Result{OK: res.OK, Code: res.Code, Text: res.Text, Ref: res.Ref, Touched: res.Touched}, err
}

func applyWarehouse(tx warehouse.Tx, m warehouse.Meta, kind, version uint16, body []byte) (warehouse.Result, error) {
	c, err := warehouse.Decode(kind, version, body)
	if err != nil {
		// The maker of a command encodes it, so these are hostile bytes:
		// refuse it, the state is sound.
		return warehouse.Result{Code: warehouse.CodeMalformed, Text: err.Error()}, nil
	}
	return warehouse.Apply(tx, m, c)
}

// level is the feature level of this version. Raise it with every new kind or
// version of a command, and let sinceLevel say from which level on it may be used;
// and with every rule of a package that changes (Meta.Level).
//
//	1  the digest chain of raftstore
//	2  satellites (members.Admit, members.Dismiss); all of the warehouse but the
//	   path of an order; RobotPick version 2: goods a robot may hold
//	3  late scans are kept (warehouse/rules.go). 2 and 3 came together: no
//	   program speaks 2 alone, so the kinds of both may be used from 2 on.
//	4  the kinds of levelFour, and the second versions of all kinds but RobotPick
//	5  the kinds of levelFive, and the versions in versionsOfFive
const level = warehouse.Level

// levelOne are the kinds of the warehouse that may be used from the beginning,
// in ranges.
var levelOne = [][2]warehouse.Kind{
	{0x0101, 0x0105}, {0x0110, 0x0112}, {0x0120, 0x0126}, {0x0130, 0x0134}, {0x0140, 0x0141}, {0x0150, 0x0150}, {0x0160, 0x0167},
}

// levelFour are the kinds that level 4 brought. All others came with 2 and 3.
var levelFour = [][2]warehouse.Kind{
	{0x0106, 0x010f},
	{0x011b, 0x011f},
	{0x0190, 0x019f},
	{0x01ad, 0x01af},
	{0x01be, 0x01bf},
	{0x01c5, 0x01cf},
	{0x01d9, 0x01df},
	{0x01e4, 0x01ef},
	{0x01f0, 0x01ff},
}

// levelFive are the kinds that level 5 brought, and versionsOfFive is the first
// version it brought of each older kind.
var (
	levelFive      = [][2]warehouse.Kind{{0x0169, 0x017f}, {0x018a, 0x018f}}
	versionsOfFive = map[warehouse.Kind]uint16{warehouse.KindPortalPass: 2, warehouse.KindPutBins: 2, warehouse.KindPutSite: 3, warehouse.KindPutWorkers: 2, warehouse.KindSignIn: 2}
)

// sinceLevel is from which level on a version of a command may be used.
func sinceLevel(kind, version uint16) uint16 {
	if !OfWarehouse(kind) {
		if a := appliers[kind>>8]; a.since != nil {
			return a.since(kind, version)
		}
		return 0
	}
	if first, ok := versionsOfFive[warehouse.Kind(kind)]; ok && version >= first || inRanges(levelFive, kind) {
		return 5
	}
	if version > 1 && warehouse.Kind(kind) != warehouse.KindRobotPick {
		return 4
	}
	switch {
	case version == 1 && inRanges(levelOne, kind):
		return 0
	case inRanges(levelFour, kind):
		return 4
	}
	return 2
}

func inRanges(ranges [][2]warehouse.Kind, kind uint16) bool {
	return slices.ContainsFunc(ranges, func(r [2]warehouse.Kind) bool {
		return r[0] <= warehouse.Kind(kind) && warehouse.Kind(kind) <= r[1]
	})
}

// levelStrict: a version from this level on never lets a command into the log
// that one of the gateways does not know. Older ones did, and all of them
// refused it alike; their logs must still come out the same.
const levelStrict = 1

// Machine implements raftstore.Machine.
type Machine struct{}

var (
	_ raftstore.Versioned = Machine{}
	_ raftstore.Reformed  = Machine{}
)

// Level implements raftstore.Versioned.
func (Machine) Level() uint16 { return level }

// Speaks implements raftstore.Versioned.
func (Machine) Speaks(kind, version uint16) (since uint16, ok bool) {
	a, ok := appliers[kind>>8]
	return sinceLevel(kind, version), ok && a.speaks(kind, version)
}

// Reform implements raftstore.Reformed.
func (Machine) Reform(tx raftstore.Tx, was, epoch uint32) error {
	return ledger.BeginEpoch(tx, was, epoch)
}

// Apply implements raftstore.Machine. A command that this version does not know
// was applied by another gateway: going on without it would part their states.
func (mach Machine) Apply(tx raftstore.Tx, m raftstore.Meta, body []byte) (raftstore.Outcome, error) {
	if _, ok := mach.Speaks(m.Kind, m.Version); !ok && m.Level >= levelStrict {
		return raftstore.Outcome{}, fmt.Errorf("replica: %w: kind %#04x version %d at %d", raftstore.ErrUnsupported, m.Kind, m.Version, m.Index)
	}
	a, ok := appliers[m.Kind>>8]
	if !ok {
		res := warehouse.Result{Code: warehouse.CodeUnknownKind, Text: fmt.Sprintf("kind %#04x", m.Kind)}
		return outcome(m.Kind, m.Version, body, res), nil
	}
	wm := warehouse.Meta{Index: m.Index, Now: m.Now, Actor: m.Actor, Cause: cause(m.Device, m.Seq, m.ID), Level: m.Level}
	res, err := a.apply(tx, wm, m.Kind, m.Version, body)
	if err != nil {
		return raftstore.Outcome{}, fmt.Errorf("replica: apply kind %#04x at %d: %w", m.Kind, m.Index, err)
	}
	return outcome(m.Kind, m.Version, body, res), nil
}

// markSize is how many bytes of the command's hash stand before its answer.
const markSize = 8

// mark tells commands apart that claim the same device and sequence.
func mark(kind, version uint16, body []byte) []byte {
	head := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, kind), version)
	sum := sha256.Sum256(append(head, body...))
	return sum[:markSize]
}

func outcome(kind, version uint16, body []byte, res warehouse.Result) raftstore.Outcome {
	return raftstore.Outcome{
		Result:  append(mark(kind, version, body), warehouse.EncodeResult(res)...),
		Reject:  !res.OK && !res.Keep,
		Touched: res.Touched,
	}
}

// cause names a command in events and ledger rows.
func cause(device string, seq uint64, id [16]byte) string {
	if device != "" {
		return device + "/" + strconv.FormatUint(seq, 10)
	}
	return hex.EncodeToString(id[:])
}
