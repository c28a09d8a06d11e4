package conveyor

// Fault codes. A code never changes its meaning.
const (
	CodeNoRead     = "CNV-NOREAD"
	CodeLate       = "CNV-LATE"
	CodeFull       = "CNV-FULL"
	CodeMissed     = "CNV-MISSED"
	CodeJam        = "CNV-JAM"
	CodeLost       = "CNV-LOST"
	CodeUnexpected = "CNV-UNEXPECTED"
	CodeRejected   = "CNV-REJECTED"
	CodeLane       = "CNV-LANE"
	CodeAlarm      = "CNV-ALARM"
	CodeStopped    = "CNV-STOPPED"
	CodeSeq        = "CNV-SEQ"
	CodeSilent     = "CNV-SILENT"
	CodeTwin       = "CNV-TWIN"
	CodeIdentity   = "CNV-IDENTITY"
	CodeMalformed  = "CNV-MALFORMED"
)

// Fault is one row of the table of faults.
type Fault struct{ Code, Cause, Action string }

// Faults returns every fault of a conveyor.
func Faults() []Fault {
	return []Fault{
		{CodeNoRead, "A carton passed the scanner without one clean code; it went to the default lane.", "Take it from the default lane and look at its label. When it happens often, clean and align the scanner."},
		{CodeLate, "The decision for a carton came too late; it went to the default lane.", "Put the carton on the conveyor again. When it happens often, see whether the gateways have a quorum, or move the scanner further from the divert."},
		{CodeFull, "The lane of a carton was full; it went elsewhere.", "Clear the lane and put the carton on the conveyor again."},
		{CodeMissed, "A divert did not put a carton where it should go.", "Take the carton from the lane it is in. When it happens again, have the divert looked at."},
		{CodeJam, "A carton is stuck on the conveyor.", "Stop the section at the machine, free the carton, start again."},
		{CodeLost, "A carton is not where the conveyor expects it.", "Look for it beside the conveyor and put it on again before the scanner."},
		{CodeUnexpected, "The conveyor reports a carton that nobody can name.", "Take the carton from the lane and put it on the conveyor again before the scanner."},
		{CodeRejected, "The conveyor refuses a decision; the text has its reason.", "Compare the lanes of the site with the lanes of the conveyor, and see whether one is switched off."},
		{CodeLane, "The lane decided for a carton is no lane id; nothing was sent.", "Correct the lanes of the site: 1 to 64 of the characters A-Z a-z 0-9 _ . : - are allowed."},
		{CodeAlarm, "The conveyor raised an alarm of its own; the text has its code.", "Follow the manual of the conveyor."},
		{CodeStopped, "The conveyor stands: emergency stop or fault.", "Find out why at the machine and start it there. Nothing starts it from here."},
		{CodeSeq, "Messages of the conveyor are missing; it was asked for its state.", "Nothing when it happens once. When it comes back, check its network and the size of its send buffer."},
		{CodeSilent, "The conveyor does not tell its state when asked; cartons go to its default lane.", "Switch its controller off and on. When it stays, its program does not follow the protocol."},
		{CodeTwin, "Two conveyors use one id, or one sends with the id of an earlier start.", "Give each conveyor its own id."},
		{CodeIdentity, "A conveyor speaks in the name of another; nothing was done.", "Correct the id in the conveyor's program."},
		{CodeMalformed, "A message of the conveyor cannot be understood; nothing was done.", "Compare the conveyor's program with api/asyncapi.yaml; the text names the field."},
	}
}
