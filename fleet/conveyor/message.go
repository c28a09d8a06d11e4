package conveyor

import "time"

// Names of the messages, the last level of the topics. Changing one breaks
// every conveyor.
const (
	NameScan   = "scan"   // up
	NameDivert = "divert" // up
	NameAlarm  = "alarm"  // up
	NameAck    = "ack"    // up
	NameResult = "result" // up
	NameAssign = "assign" // down
	NameSync   = "sync"   // down
	NameMain   = "main"   // state
	NameConn   = "conn"   // state
)

// Version is the version of the messages, "v".
const Version = 1

// Bounds of the fields.
const (
	MaxPayload  = 16 << 10 // bytes of a message
	MaxBarcodes = 8        // barcodes of a scan
	MaxBarcode  = 256      // bytes of one
	MaxID       = 64       // bytes of an id, lane, code or reason
	MaxEntries  = 64       // sections, lanes or alarms of a state
	MaxMm       = 100_000  // length and gap of a carton, millimetres
	MaxWeightMg = 1 << 40  // about a thousand tonnes
	// MaxDeadline is the longest way from a scanner to a divert.
	MaxDeadline = 10 * time.Minute
)

// Qualities of a reading.
const (
	Good     = "GOOD"     // one carton, read
	NoRead   = "NOREAD"   // nothing could be read
	Multi    = "MULTI"    // codes of several cartons
	Conflict = "CONFLICT" // the scanner's heads disagree
)

// Results of a divert.
const (
	OK         = "OK"         // in the lane that was wanted, or in the default lane when none was
	Full       = "FULL"       // the lane was full
	Missed     = "MISSED"     // the divert did not work
	Jam        = "JAM"        // the carton is stuck
	Lost       = "LOST"       // the carton is not where it should be; taken off by hand
	Unexpected = "UNEXPECTED" // a carton the conveyor did not track
)

// Modes of a conveyor.
const (
	ModeAuto    = "AUTO"
	ModeManual  = "MANUAL"
	ModeStopped = "STOPPED"
	ModeEStop   = "ESTOP"
	ModeFault   = "FAULT"
)

// States of a section.
const (
	SectionRunning = "RUNNING"
	SectionSlow    = "SLOW"
	SectionStopped = "STOPPED"
	SectionFault   = "FAULT"
)

// What became of a down message.
const (
	Accepted = "accepted"
	Rejected = "rejected"
)

// What became of an alarm.
const (
	Raise = "RAISE"
	Clear = "CLEAR"
)

// Header is what every message begins with.
type Header struct {
	MsgID  string    // ULID; the same again means the same message again
	Seq    uint32    // +1 per message of one direction, from the start of the sender
	BootID string    // changes at each start of the sender
	At     time.Time // the sender's clock, UTC, milliseconds
	Device string    // the conveyor, in both directions
}

func (h *Header) head() *Header { return h }

// Message is one of the structs below, by pointer.
type Message interface {
	head() *Header
	name() string
}

type (
	// ScanMessage: a carton passed a scanner.
	ScanMessage struct {
		Header
		Point    string        // scanPoint
		Track    string        // the conveyor's index of the carton
		Barcodes []string      // as read, GS as 1D hex; with GOOD at least one
		Quality  string        // GOOD, NOREAD, MULTI or CONFLICT
		LengthMm int64         // 0 = not measured
		GapMm    int64         // to the carton before; 0 = not measured
		WeightMg int64         // 0 = not weighed
		Deadline time.Duration // the decision must be back before, counted from the scan
	}

	// DivertMessage: where a carton went.
	DivertMessage struct {
		Header
		Track    string
		ScanID   string   // msgId of the scan it belongs to; "" = not known
		Barcodes []string // of the carton, only when its reading was GOOD
		Intended string   // lane of the assign it followed; "" = none came in time
		Actual   string   // lane it is in; "" = not known (JAM, LOST)
		Result   string
	}

	// AlarmMessage: something began or ceased to be wrong.
	AlarmMessage struct {
		Header
		AlarmID string
		Code    string // the conveyor's own
		State   string // RAISE or CLEAR
		Section string // "" = the whole conveyor
	}

	// AckMessage answers a down message.
	AckMessage struct {
		Header
		For    string // msgId
		Status string // accepted or rejected
		Code   string // why it was rejected
	}

	// ResultMessage tells how something a down message started came out.
	ResultMessage struct {
		Header
		For  string // msgId
		OK   bool
		Code string
	}

	// AssignMessage says where a carton goes. A later one for the same scan
	// replaces it.
	AssignMessage struct {
		Header
		Track      string
		ScanID     string // msgId of the scan
		Lane       string // destination
		Alternates []string
		Expires    time.Time     // on the conveyor's clock
		ValidFor   time.Duration // counted from the scan
		Reason     string
	}

	// SyncMessage asks for state/main.
	SyncMessage struct{ Header }

	// MainMessage is the state of a conveyor.
	MainMessage struct {
		Header
		Mode        string
		Sections    []Section
		Lanes       []Lane
		Alarms      []Alarm
		LastSeqDown uint32 // of the newest down message; 0 = none since its start
	}
)

// Section is a part of a conveyor with its own drive.
type Section struct {
	ID    string `json:"section"`
	State string `json:"state"` // RUNNING, SLOW, STOPPED or FAULT
}

// Lane is an exit of a conveyor.
type Lane struct {
	ID      string `json:"lane"`
	Enabled bool   `json:"enabled"`
	Full    int64  `json:"full"`  // percent
	Count   int64  `json:"count"` // cartons that wait there
}

// Alarm is something that is wrong now.
type Alarm struct {
	ID      string `json:"alarmId"`
	Code    string `json:"code"`
	Section string `json:"section,omitempty"`
}

func (*ScanMessage) name() string   { return NameScan }
func (*DivertMessage) name() string { return NameDivert }
func (*AlarmMessage) name() string  { return NameAlarm }
func (*AckMessage) name() string    { return NameAck }
func (*ResultMessage) name() string { return NameResult }
func (*AssignMessage) name() string { return NameAssign }
func (*SyncMessage) name() string   { return NameSync }
func (*MainMessage) name() string   { return NameMain }

// Name is the last level of a message's topic.
func Name(m Message) string { return m.name() }

// Ups, Downs and States list the messages by branch.
func Ups() []string    { return []string{NameScan, NameDivert, NameAlarm, NameAck, NameResult} }
func Downs() []string  { return []string{NameAssign, NameSync} }
func States() []string { return []string{NameMain} }

// Qualities, Results, Modes and SectionStates list the words of the wire.
func Qualities() []string { return []string{Good, NoRead, Multi, Conflict} }
func Results() []string   { return []string{OK, Full, Missed, Jam, Lost, Unexpected} }
func Modes() []string     { return []string{ModeAuto, ModeManual, ModeStopped, ModeEStop, ModeFault} }

func SectionStates() []string {
	return []string{SectionRunning, SectionSlow, SectionStopped, SectionFault}
}
