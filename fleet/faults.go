package fleet

// Codes of the fleet. Changing one breaks logs, pages and translations.
const (
	CodeAbsent      = "ROBOT_ABSENT"
	CodeLost        = "ROBOT_LOST"
	CodeVersion     = "ROBOT_VERSION"
	CodePlace       = "ROBOT_PLACE"
	CodeTwice       = "ROBOT_TWICE"
	CodeMode        = "ROBOT_MODE"
	CodeBattery     = "ROBOT_BATTERY"
	CodeError       = "ROBOT_ERROR"
	CodeStopped     = "ROBOT_STOPPED"
	CodeMalformed   = "ROBOT_MALFORMED"
	CodeRejected    = "ROBOT_REJECTED"
	CodeUnconfirmed = "ROBOT_UNCONFIRMED"
	CodeCancel      = "ROBOT_CANCEL"
	CodeForgot      = "ROBOT_FORGOT"
	CodeAction      = "ROBOT_ACTION"
	CodeBlocked     = "ROBOT_BLOCKED"
	CodeWaits       = "ROBOT_WAITS"
	CodeNoRoute     = "ROBOT_NO_ROUTE"
	CodeCannot      = "ROBOT_CANNOT"
	CodeLoaded      = "ROBOT_LOADED"
	CodeOrder       = "ROBOT_ORDER"
	CodeGone        = "ROBOT_GONE"
	CodeStore       = "ROBOT_STORE"
	CodeRepeats     = "ROBOT_REPEATS"
)

// Fault is one row of the table of faults.
type Fault struct {
	Code   string // stable; never reused for another meaning
	Cause  string
	Action string // what a person does now
}

// Faults is the whole table: the robots' own and the refusals of package
// intent.
func Faults() []Fault {
	return []Fault{
		{CodeAbsent, "The robot was not heard of since this gateway started.", "Switch it on; check its Wi-Fi, its broker list and its serial."},
		{CodeLost, "No word from the robot: it lost its power or its Wi-Fi. It drives to the end of the way it was given and stands there.", "Look at the robot. What it holds stays closed for others until it is back or somebody says it was taken away."},
		{CodeVersion, "The robot speaks another version of VDA 5050 than configured.", "Set the robot's version in the configuration, or update the robot."},
		{CodePlace, "The robot says it is where it cannot be: off the map, off its way, or on a node another robot holds.", "Bring it onto its park node and localise it anew."},
		{CodeTwice, "Two devices use this serial at the same time.", "Find the second one and give it its own serial. The robot works again a minute after the second one is gone."},
		{CodeMode, "The robot is not in automatic mode: a person drives or services it.", "Bring it onto a node and switch it to automatic."},
		{CodeBattery, "The battery is low; the robot gets no new job.", "Charge it."},
		{CodeError, "The robot reports a fatal error.", "Read its text and put it right at the robot."},
		{CodeStopped, "The robot's emergency stop or safety field holds it.", "Clear its way and release the emergency stop."},
		{CodeMalformed, "The robot sends messages that cannot be read; they are left out.", "Keep the log and ask the maker."},
		{CodeRejected, "The robot rejected its order. It gets no job for some minutes.", "Read the text: usually map, version or actions do not fit. When it is put right: POST /v1/robots/ID/clear on any gateway; else it is tried again after five minutes."},
		{CodeUnconfirmed, "The robot is there but does not confirm its order; it is sent on and on.", "Look at the robot and its broker; restart it when it stays."},
		{CodeCancel, "The robot does not confirm that its order was cancelled.", "Look at the robot; what it holds stays closed until it answers or is taken away."},
		{CodeForgot, "The robot no longer knows the order it had: it was restarted. What it did is not known.", "See what it carries and where; take the load off."},
		{CodeAction, "The robot could not do what it should do at the node.", "Read the text; see what it carries."},
		{CodeBlocked, "The robot does not move although its way is free.", "Clear its way."},
		{CodeWaits, "The robot waits for another one; the text says which.", "Nothing; when it stays, see the other robot."},
		{CodeNoRoute, "No way leads to the node of the job.", "Mend the map."},
		{CodeCannot, "The robot's factsheet does not allow this order.", "Give the job to another robot, or mend the configuration."},
		{CodeLoaded, "The robot carries something no job knows of, after a job that failed.", "Take the load off, then POST /v1/robots/ID/clear on any gateway."},
		{CodeOrder, "The robot drives an order that is not ours.", "Find out who else commands it. POST /v1/robots/ID/clear on any gateway cancels that order."},
		{CodeGone, "A person said that the robot was taken off the floor.", "Put it on its park node before switching it on again."},
		{CodeRepeats, "The robot ended the same job three times in a row and was given it again each time: what it should do does not come about. It gets no job.", "Look at the robot, and at the warnings in the gateway's log about its reports; do by hand what the job asks for, or put the cause right. Then POST /v1/robots/ID/clear on any gateway."},
		{CodeStore, "The site's records cannot be written now: there is no leader or no quorum.", "See the cluster; robots go on by themselves."},
		{"NODE_HELD", "Another robot holds a node of the way.", "Nothing; the robot waits. When it stays, see the other robot."},
		{"INTENT_OPEN", "The robot has an order that is not over.", "Nothing; a newer leader is at work."},
		{"INTENT_FENCED", "Another gateway took the robot over; what this one decided no longer counts.", "Nothing; it is once, at a change of leader."},
		{"INTENT_CONFLICT", "The record of the robot's order says something else.", "Nothing when it is once, at a change of leader; else keep the log and report it."},
		{"INTENT_UNKNOWN", "The order is not the robot's.", "Nothing when it is once, at a change of leader; else keep the log and report it."},
		{"INTENT_MALFORMED", "A record of the fleet cannot be read: another version of Tote wrote it.", "Run the same version on all gateways."},
	}
}

// action is what to do about a code, "" for none.
func action(code string) string {
	for _, f := range Faults() {
		if f.Code == code {
			return f.Action
		}
	}
	return ""
}
