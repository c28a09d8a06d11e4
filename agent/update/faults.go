package update

import (
	"errors"

	"tote/agent/update/release"
)

// Codes of updates that were not begun; those of files are in package release.
const (
	CodeSpace  = "UPD-111"
	CodeFetch  = "UPD-112"
	CodeRuns   = "UPD-113"
	CodeConfig = "UPD-114"
	CodeAgain  = "UPD-115"
	CodeUnsafe = "UPD-116"
	CodeBusy   = "UPD-117"
	CodeUnwell = "UPD-118"
	CodeFailed = "UPD-119"
	CodeTurn   = "UPD-120"
)

// Codes of updates that were taken back, and of what is left after them.
const (
	CodeStart   = "UPD-121"
	CodeReady   = "UPD-122"
	CodeWorse   = "UPD-123"
	CodeCut     = "UPD-124"
	CodeStuck   = "UPD-125"
	CodeNoBack  = "UPD-126"
	CodeJournal = "UPD-127"
)

// Errors. Nothing was changed when one of the first is returned.
var (
	ErrSpace   = errors.New(CodeSpace + ": there is no room for the program")
	ErrFetch   = errors.New(CodeFetch + ": the release cannot be fetched")
	ErrRuns    = errors.New(CodeRuns + ": the program cannot be run on this machine")
	ErrConfig  = errors.New(CodeConfig + ": the new version refuses the configuration of this gateway")
	ErrAgain   = errors.New(CodeAgain + ": this release was taken back here before")
	ErrUnsafe  = errors.New(CodeUnsafe + ": the folder of the programs is not safe")
	ErrBusy    = errors.New(CodeBusy + ": another update is under way on this gateway")
	ErrUnwell  = errors.New(CodeUnwell + ": this gateway is not well, so nobody could tell whether an update is")
	ErrFailed  = errors.New(CodeFailed + ": another gateway has taken this release back")
	ErrTurn    = errors.New(CodeTurn + ": it was not this gateway's turn in time")
	ErrStuck   = errors.New(CodeStuck + ": the version before does not get ready either")
	ErrNoBack  = errors.New(CodeNoBack + ": there is no version to go back to")
	ErrJournal = errors.New(CodeJournal + ": the journal of the update cannot be read")
)

// Fault is one row of the table of faults.
type Fault struct{ Code, Cause, Action string }

// Faults lists the codes of releases and of updates.
func Faults() (list []Fault) {
	for _, f := range release.Faults() {
		list = append(list, Fault(f))
	}
	return append(list, []Fault{
		{CodeSpace, "The disk of the slots has no room for one more program. Nothing was changed.", "Free space on the disk of /var/lib/tote; the text says how much is needed."},
		{CodeFetch, "The release could not be read from the address or file. What was fetched so far is kept.", "Check address and network and ask again: it goes on where it was. Or bring the file on a USB stick."},
		{CodeRuns, "The program of the release does not start on this machine, or says that it is another version. Nothing was changed.", "Tell the publisher, with the output of `tote version` and `uname -a`."},
		{CodeConfig, "The new version refuses the configuration of this gateway; the text says where. Nothing was changed.", "Put the configuration right so that both versions take it, then ask for the update again."},
		{CodeAgain, "This release was taken back on this gateway before and is not tried again by itself. Nothing was changed.", "Look at `tote update status` for why, and wait for the next release. When the cause was something else and is gone: --again."},
		{CodeUnsafe, "The folder of the programs, or one in it, is a link or can be written by others than its owner. Nothing was changed.", "Find out who changed it. `chown -R root: /var/lib/tote/slots; chmod -R go-w /var/lib/tote/slots`, and put a folder where a link is."},
		{CodeBusy, "Another update is under way on this gateway.", "Wait for it: `tote update status`."},
		{CodeUnwell, "This gateway does not accept scans or cannot be asked, so that the time after an update could not be compared with the one before. Nothing was changed.", "Put right what `tote doctor` shows. Where the gateway asks for tokens (http.tokens_file), give the updater one with the scope admin: TOTE_TOKEN=… in /etc/tote/update.env."},
		{CodeFailed, "Another gateway of the site has taken this release back, so it goes to no further one. Nothing was changed here.", "Look at `tote update status` on the gateway named. The site goes on with two versions until then."},
		{CodeTurn, "Gateways are updated one at a time, and it was not this one's turn within the time. Nothing was changed.", "The text says what it waits for: start the gateway that is down, or wait for the one that is on trial. Then ask again."},
		{CodeStart, "The new version did not start, or ended again and again. The gateway is back at the version before.", "The journal has why: `journalctl -u tote`. Tell the publisher. The release is not tried again."},
		{CodeReady, "The new version started and did not say that it is ready in time. The gateway is back at the version before.", "The journal has how far it got: `journalctl -u tote`. Tell the publisher. The release is not tried again."},
		{CodeWorse, "With the new version this gateway was worse than before; the text says in what. The gateway is back at the version before.", "When it was chance, as a device that was unplugged meanwhile: ask again with --again. Otherwise tell the publisher."},
		{CodeCut, "The machine started again and again with the new version on trial, without anybody to judge it. The gateway is back at the version before.", "Look at the power supply, then at `journalctl -u tote -u tote-update`. Ask again with --again."},
		{CodeStuck, "The update was taken back, and the version before does not get ready either.", "A person is needed: `tote doctor`, and `journalctl -u tote`."},
		{CodeNoBack, "There is no version in the other slot, or it does not know what the site uses by now. Nothing was changed.", "Stay with this version, or install the one wanted: `tote update apply --allow-downgrade FILE`."},
		{CodeJournal, "The journal of an update is damaged. The gateway goes on with the version that is in use.", "Look at `/usr/lib/tote/slot show` and at the disk. When the version in use is the right one, delete /var/lib/tote/slots/journal."},
	}...)
}
