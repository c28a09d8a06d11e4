package cloudsync

import "tote/warehouse"

// Fault codes. They are shown to people and never reused.
const (
	CodeUnreachable = "SYN-101"
	CodeBusy        = "SYN-102"
	CodeDenied      = "SYN-103"
	CodeMisplaced   = "SYN-104"
	CodeFenced      = "SYN-105"
	CodeLost        = "SYN-106"
	CodeAhead       = "SYN-107"
	CodeCursorGone  = "SYN-108"
	CodeNoCommit    = "SYN-109"
	CodeHeldRefused = "SYN-110"
	CodeBadReply    = "SYN-111"
	CodeItemRefused = "SYN-112"
	CodeNotNamed    = "SYN-113"
	// CodeNoLink is for who makes the runner: there is none.
	CodeNoLink = "SYN-114"
	// CodeRejected is the fallout code of a held subject.
	CodeRejected = "SYNC_REJECTED"
)

// Faults is the table of all codes of the OMS link.
func Faults() []warehouse.Fault {
	return []warehouse.Fault{
		{Code: CodeUnreachable, Cause: "The OMS does not answer.", Action: "Nothing on the floor: work goes on and is sent later. If it lasts, check the link and the OMS."},
		{Code: CodeBusy, Cause: "The OMS answers that it is overloaded or broken.", Action: "Look at the OMS; sending goes on by itself."},
		{Code: CodeDenied, Cause: "The OMS refuses the site's credentials.", Action: "Renew the token in the configuration. Nothing is lost; it is tried again every five minutes."},
		{Code: CodeMisplaced, Cause: "What answers at the configured address is not the OMS, or does not know this site.", Action: "Check the address and the site id in the configuration."},
		{Code: CodeFenced, Cause: "Another gateway with a higher term or epoch sends for this site.", Action: "Nothing when leadership just moved. If it lasts, look for a second cluster with the same site id, or raise the epoch after a restore."},
		{Code: CodeLost, Cause: "The OMS asks for events that the site gave up after the OMS had acknowledged them.", Action: "Restore the OMS from a newer backup."},
		{Code: CodeAhead, Cause: "The OMS has more events than the site ever made.", Action: "The site was restored from a backup: raise its epoch."},
		{Code: CodeCursorGone, Cause: "The OMS does not know the inbox cursor any more.", Action: "Nothing: the inbox is read again from the start."},
		{Code: CodeNoCommit, Cause: "The site cannot commit what the OMS sent or acknowledged.", Action: "Check the quorum, the free space, and that the site's rules are loaded."},
		{Code: CodeHeldRefused, Cause: "The OMS refuses even the placeholder of a held event.", Action: "The OMS refuses everything: compare its version with the site's."},
		{Code: CodeBadReply, Cause: "The answer of the OMS breaks the protocol.", Action: "Compare the version of the OMS with the site's."},
		{Code: CodeItemRefused, Cause: "An order or a cancel of the OMS was refused.", Action: "Look at the refusal. Put its cause right at the site and resubmit the order at the OMS, or send a corrected order."},
		{Code: CodeNotNamed, Cause: "The configuration has a connection to an upstream that the site's rules do not name, or its default OMS has the name of one.", Action: "Name the upstream, and the owners whose goods it sells, in the site file; or take the connection out of the configuration. Give the default OMS a name of its own."},
		{Code: CodeNoLink, Cause: "The connection to an OMS cannot be made from the configuration; the text says why.", Action: "Put the file that is named in place, or correct the configuration and start the gateway again. It is tried again every minute."},
		{Code: CodeRejected, Cause: "The OMS rejected an event of this order; the later ones of the order wait.", Action: "Correct the cause at the OMS, then retry the order; or drop its events with a reason."},
	}
}
