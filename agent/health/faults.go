// Package health gathers what can go wrong: one table of every code of every
// package with its cause and what to do about it. The log, the handheld, the
// HTTP interface and docs/faults.md all read this table; a test keeps the page
// true. Pure data, no goroutine.
package health

import (
	"cmp"
	"slices"

	"tote/agent/backup"
	"tote/agent/broker"
	"tote/agent/config"
	"tote/agent/identity"
	"tote/agent/satellite"
	"tote/agent/sitemodel"
	"tote/agent/update"
	"tote/cloudsync"
	"tote/drivers"
	"tote/fleet"
	"tote/fleet/conveyor"
	"tote/gs1"
	"tote/picking/study"
	"tote/warehouse"
)

// Fault is one row of the table.
type Fault struct {
	Code   string `json:"code"`   // stable; never reused for another meaning
	Cause  string `json:"cause"`  // what happened
	Action string `json:"action"` // what a person does now
}

// Group is the codes of one room of the house.
type Group struct {
	Name   string // the package
	About  string // who meets these codes, one sentence
	Faults []Fault
}

// row is what each package calls its own rows.
type row interface {
	~struct{ Code, Cause, Action string }
}

func group[R row](name, about string, rows []R) Group {
	g := Group{Name: name, About: about}
	for _, r := range rows {
		g.Faults = append(g.Faults, Fault(r))
	}
	return g
}

// own is a row of a package that keeps no table itself.
type own struct{ Code, Cause, Action string }

// Groups is the whole table by package, from the floor up. Within a group the
// rows keep the order of their package.
func Groups() []Group {
	return []Group{
		group("warehouse", "The answers of the rules: on handhelds, at stations, in files and in fallouts.", warehouse.Faults),
		group("agent/replica", "Answers to handhelds that lost count.", []own{
			{"SEQ_TOO_OLD", "The handheld's sequence lies before the answers the site keeps: it was reset.", "Go on from the retained state/seq; nothing was done."},
			{"SEQ_REUSED", "The handheld's sequence belongs to another verb: it was reset and counts anew, or two handhelds have one id.", "Go on from the retained state/seq; nothing was done. When there are two, DEVICE_TWICE in the device list names their gateways: give each its own id."},
			{"SEQ_JUMP", "The handheld's sequence lies so far ahead that it would use up the numbers of its id.", "Go on from the retained state/seq; nothing was done. Count up by one, or from a clock in microseconds at most."},
		}),
		group("agent/station", "Hints on the display of a station or dock, and answers to scans there.", []own{
			{"NO_QUORUM", "Fewer than half of the gateways hear each other, so nothing can be recorded, booked or printed. Also in state/quorum of the site.", "Start the other gateways or mend the network between them; work goes on by itself. What was scanned and answered with this code is scanned again then."},
			{"CLEAR_SCALE", "Something lies on the scale that was weighed already.", "Take everything off, then put the carton on."},
			{"SCALE_OVERLOAD", "The scale reports more than it can weigh.", "Take weight off; pack the order into two cartons if it stays."},
			{"SCALE_UNDERLOAD", "The scale reports less than nothing.", "Put the pan back and zero the scale."},
			{"SCALE_ABSENT", "The scale does not answer while a weight is waited for.", "Check its power and cable; see the device list."},
			{"SCALE_DRIFT", "The empty scale has come to rest beside zero.", "Take everything off and wipe the pan. If it still does not show zero, zero the scale."},
			{"PRINTER_NOT_READY", "The printer cannot print now; the text says why. Nothing was sent.", "Put it right; the label is printed as soon as the printer is ready."},
			{"SCAN_DROPPED", "Scans came faster than the station could take them.", "Scan again."},
		}),
		group("drivers", "Devices: in the device list, in hints, and as answers to scans that cannot be read.", drivers.Faults()),
		group("picking", "Picking problems that cannot be planned: from `tote plan`.", study.Faults()),
		group("gs1", "What is wrong with a GS1 barcode, link or tag: in the text of UNKNOWN_BARCODE, in answers to scans of scanners set up for GS1, and from `tote gs1`.", gs1.Faults()),
		group("agent/intake", "Files brought in at the site. Nothing of such a file was imported.", []own{
			{"CSV_MALFORMED", "A row is not CSV or has the wrong number of fields.", "Mend the named line."},
			{"CSV_COLUMN", "A column is missing, unknown or stands twice.", "Compare the first line with the columns the text lists."},
			{"CSV_VALUE", "A field has no usable value.", "Mend the named line and column."},
			{"CSV_DUPLICATE", "The same key stands twice in one file.", "Remove one of the two rows."},
			{"CSV_TOO_LONG", "A field or the file is longer than allowed.", "Shorten the field or split the file."},
			{"CARD_DATA", "A text of an order looks like the number of a payment card. Nothing was kept of it. Also the answer of the HTTP interface and of the OMS.", "Take the number out: neither the site nor the OMS has a use for it. If it is another number, break it by a letter."},
			{"PAYMENT_UNRELEASED", "The file holds an order that may not be picked before it is paid.", "Take it out, or let the OMS release it when the payment is settled."},
		}),
		group("agent/api", "The HTTP interface of the gateway.", []own{
			{"BAD_REQUEST", "The HTTP request does not fit the route.", "Read the text of the answer and api/openapi-agent.yaml."},
			{"TOKEN_WANTED", "The gateway asks for a token (http.tokens_file), and the request shows none that it knows.", "Show one: as a bearer token (TOTE_TOKEN for the commands), or as the password a browser asks for."},
			{"FORBIDDEN", "The token of the request may not do this; nothing was done.", "Ask somebody whose token may, or have a scope added to this one (tote token api)."},
			{"NOT_FOUND", "There is no such page or kind of file.", "See api/openapi-agent.yaml for the routes."},
			{"NOT_READY", "The gateway is starting, has no leader, or its store refuses new work.", "Wait a moment; when it stays, read the gateway's log."},
			{"OUTCOME_UNKNOWN", "The answer did not come in time; the command may have been done.", "Look the thing up before asking again."},
			{"STOCK_THERE", "A counted file names a position that holds stock already; nothing was booked.", "Take out what was booked before, or bring the file in with add=1 (tote import --add) to add to what is there."},
			{"LOT_MISSING", "A row of a counted file names no lot of an item that is kept by lot; nothing was booked.", "Write the lot of what lies there; two lots in one bin are two rows."},
			{"OTHER_ZONE", "A row of a counted file is about a bin of another zone than the one that is counted. It is left out.", "Bring it in with its own zone, or without --zone."},
			{"RESERVED_MISSING", "Less was counted than is reserved for orders there; nothing was booked.", "Look again: somebody may have picked already. If it is so, bring the file in with --recount, and the orders are planned anew."},
			{"SERIAL_ELSEWHERE", "The book has a serial in another place than where it was counted; nothing was booked.", "Bring in the count of the other place first, or move the unit there by the book (tote do MoveStock)."},
			{"REASON_WANTED", "A bin was counted otherwise before, and nobody says why it is counted anew; nothing was booked.", "Add --reason RECOUNTED, or CORRECTION, DATA_ENTRY_ERROR, OTHER."},
			{"LOT_EXPIRED", "A warning: a lot that was counted has ended. It is booked, and no order gets it.", "Take it out and adjust it away as EXPIRED, or mend the date."},
			{"BIN_CLASS", "A warning: an item lies in a bin of another class than it belongs into. It is booked there.", "Move it (tote do AskMove), or mend the class of the item or the bin."},
			{"BIN_OVERWEIGHT", "A warning: what was counted in a bin weighs more than the bin carries. It is booked there.", "Take some out at once, or mend max_g of the bin or the weight of the item."},
			{"BIN_OVERFULL", "A warning: what was counted in a bin has more volume than the bin has room for. It is booked there.", "Look at the sides of the item and at max_ml of the bin: one of them is wrong."},
			{"KEY_REUSED", "An Idempotency-Key was sent again with another command; nothing was done.", "Make a new key for each command; send the same one only with the same command."},
			{"MODEL_REFUSED", "A site model is refused; the plan in the answer says why, with files and lines. Nothing was changed.", "Mend the named lines, look at the new plan (tote site plan) and apply it."},
			{"ALONE", "A token was asked of a gateway that has no others.", "Give it a cluster section in its configuration and run `tote site init`."},
			{"INTERNAL", "The gateway met something it was not built for.", "Keep the log and report it."},
		}),
		group("agent/config", "The configuration file, at the start and with `tote validate`.", config.Faults()),
		group("agent/sitemodel", "The files of a site model, from `tote site validate`, `plan`, `diff` and `apply`.", sitemodel.Faults()),
		group("cloudsync", "The link to the OMS. The floor goes on working.", cloudsync.Faults()),
		group("fleet", "Robots: in the robot list of the console and in the gateway's log.", fleet.Faults()),
		group("fleet/conveyor", "Conveyors and sorters, in the gateway's log.", conveyor.Faults()),
		group("agent/identity", "Who belongs to the site: certificates and join tokens.", identity.Faults()),
		group("agent/satellite", "Gateways without a store, in their log and on their pages.", satellite.Faults()),
		group("agent/broker", "Who is connected: in the device list of the console, in GET /v1/status and in the gateway's log.", broker.Faults()),
		group("agent/backup", "Scheduled backups: in GET /v1/status, `tote doctor` and the gateway's log.", backup.Faults()),
		group("agent/update", "New versions: from `tote update` and `tote release`, and in the journal of tote-update.", update.Faults()),
		group("agent/health", "What `tote doctor` finds.", doctorFaults),
		{"raftstore", "The disk and the log, in the gateway's log.", storeFaults()},
	}
}

// Faults is the whole table, sorted by code.
func Faults() []Fault {
	var all []Fault
	for _, g := range Groups() {
		all = append(all, g.Faults...)
	}
	slices.SortFunc(all, func(a, b Fault) int { return cmp.Compare(a.Code, b.Code) })
	return all
}
