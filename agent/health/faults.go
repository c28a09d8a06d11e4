// Package health gathers what can go wrong: one table of every code of every
// package with its cause and what to do about it. The log, the handheld, the
// HTTP interface and docs/faults.md all read this table; a test keeps the page
// true. Pure data, no goroutine.
package health

import (
	"cmp"
	"slices"

	"tote/cloudsync"
	"tote/drivers"
	"tote/warehouse"
)

// Fault is one row of the table.
type Fault struct {
	Code   string `json:"code"`   // stable; never reused for another meaning
	Cause  string `json:"cause"`  // what happened
	Action string `json:"action"` // what a person does now
}

// own are the codes of the agent's own packages: intake, api, station, replica.
var own = []Fault{
	{"BAD_REQUEST", "The HTTP request does not fit the route.", "Read the text of the answer and api/openapi-agent.yaml."},
	{"NOT_FOUND", "There is no such page or kind of file.", "See api/openapi-agent.yaml for the routes."},
	{"NOT_READY", "The gateway is starting, has no leader, or its store refuses new work.", "Wait a moment; when it stays, read the gateway's log."},
	{"OUTCOME_UNKNOWN", "The answer did not come in time; the command may have been done.", "Look the thing up before asking again."},
	{"INTERNAL", "The gateway met something it was not built for.", "Keep the log and report it."},
	{"CSV_MALFORMED", "A row is not CSV or has the wrong number of fields.", "Mend the named line; nothing of the file was imported."},
	{"CSV_COLUMN", "A column is missing, unknown or stands twice.", "Compare the first line with the columns the text lists."},
	{"CSV_VALUE", "A field has no usable value.", "Mend the named line and column; nothing of the file was imported."},
	{"CSV_DUPLICATE", "The same key stands twice in one file.", "Remove one of the two rows."},
	{"CSV_TOO_LONG", "A field or the file is longer than allowed.", "Shorten the field or split the file."},
	{"PAYMENT_UNRELEASED", "The file holds an order that may not be picked before it is paid.", "Take it out, or let the OMS release it when the payment is settled."},
	{"SEQ_TOO_OLD", "The handheld's sequence lies before the answers the site keeps: it was reset.", "Go on from the retained state/seq; nothing was done."},
	{"CLEAR_SCALE", "Something lies on the scale that was weighed already.", "Take everything off, then put the carton on."},
	{"SCALE_OVERLOAD", "The scale reports more than it can weigh.", "Take weight off; pack the order into two cartons if it stays."},
	{"SCALE_UNDERLOAD", "The scale reports less than nothing.", "Put the pan back and zero the scale."},
	{"SCALE_ABSENT", "The scale does not answer while a weight is waited for.", "Check its power and cable; see the device list."},
	{"PRINTER_NOT_READY", "The printer cannot print now; the text says why. Nothing was sent.", "Put it right; the label is printed as soon as the printer is ready."},
	{"SCAN_DROPPED", "Scans came faster than the station could take them.", "Scan again."},
}

// Faults is the whole table, sorted by code.
func Faults() []Fault {
	all := slices.Clone(own)
	for _, f := range warehouse.Faults {
		all = append(all, Fault{f.Code, f.Cause, f.Action})
	}
	for _, f := range drivers.Faults() {
		all = append(all, Fault{f.Code, f.Cause, f.Action})
	}
	for _, f := range cloudsync.Faults() {
		all = append(all, Fault{f.Code, f.Cause, f.Action})
	}
	all = append(all, storeFaults()...)
	slices.SortFunc(all, func(a, b Fault) int { return cmp.Compare(a.Code, b.Code) })
	return all
}
