package raftstore

import "errors"

// Fault explains a code: what happened and what a person does about it.
type Fault struct {
	Code, Cause, Action string
}

// Fault codes. They are in logs and manuals; never reuse one.
const (
	CodeLogFailed     = "STO-101"
	CodeLogCorrupt    = "STO-102"
	CodeLogShort      = "STO-103"
	CodeLogGap        = "STO-104"
	CodeNoSnapshot    = "STO-105"
	CodeDirInUse      = "STO-106"
	CodeWrongNode     = "STO-107"
	CodeFileDamaged   = "STO-108"
	CodeMachine       = "STO-201"
	CodeUnknownEntry  = "STO-202"
	CodeStateFailed   = "STO-203"
	CodeClock         = "STO-204"
	CodeUnsupported   = "STO-205"
	CodeDiverged      = "STO-206"
	CodeUndecided     = "STO-207"
	CodeStateRotten   = "STO-208"
	CodeDiskLow       = "STO-301"
	CodeDiskFull      = "STO-302"
	CodeDiskHangs     = "STO-303"
	CodeDiskReadOnly  = "STO-304"
	CodeDiskShort     = "STO-305"
	CodeDiskSlow      = "STO-306"
	CodeRebuilt       = "STO-401"
	CodeSeqTooOld     = "STO-402"
	CodeQueueFull     = "STO-403"
	CodeNoLeader      = "STO-404"
	CodeRebuilding    = "STO-405"
	CodeRemoved       = "STO-501"
	CodeStillMember   = "STO-502"
	CodeOtherCluster  = "STO-503"
	CodeKeepsQuorum   = "STO-504"
	CodeNoMember      = "STO-505"
	CodeAlive         = "STO-506"
	CodeEvenVoters    = "STO-507"
	CodeNoneToSpare   = "STO-508"
	CodeNotReachable  = "STO-509"
	CodeNotHanded     = "STO-510"
	CodeEmptyDisk     = "STO-511"
	CodeTooOld        = "STO-512"
	CodeApart         = "STO-513"
	CodeBackupBad     = "STO-601"
	CodeBackupForeign = "STO-602"
	CodeNotEmpty      = "STO-603"
	CodePeersAnswer   = "STO-604"
	CodeWrongSite     = "STO-605"
	CodeNothingLost   = "STO-606"
)

// Faults lists every code of this package.
var Faults = []Fault{
	{CodeLogFailed, "Writing or syncing the log failed. The gateway stopped answering, because nobody knows what is on the disk.", "Check the disk (dmesg, SMART). Restart the gateway; replace the card when it happens again."},
	{CodeLogCorrupt, "The log holds damaged entries that had been acknowledged.", "Do not delete anything. With other gateways running: `tote cluster replace NAME` on one of them tells what to type here. A lone gateway: restore the newest backup and tell support which file is named."},
	{CodeLogShort, "The log ends before an entry this gateway is known to have had. Acknowledged work is missing.", "Do not delete anything. With other gateways running: `tote cluster replace NAME` on one of them tells what to type here. A lone gateway: restore the newest backup."},
	{CodeLogGap, "Entries between the newest snapshot and the log are missing.", "`tote cluster replace NAME` on another gateway tells what to type here; a lone gateway: restore the newest backup."},
	{CodeNoSnapshot, "No snapshot can be read and the log does not reach back far enough to do without.", "`tote cluster replace NAME` on another gateway tells what to type here; a lone gateway: restore the newest backup."},
	{CodeDirInUse, "Another process has the data folder open.", "Stop the other tote process, or give this one its own folder."},
	{CodeWrongNode, "The data folder belongs to a gateway with another name.", "Use the name in the file NODE of the data folder, or another folder."},
	{CodeFileDamaged, "A small file of the data folder, which is named, is damaged.", "Do not delete anything. With other gateways running: `tote cluster replace NAME` on one of them tells what to type here. A lone gateway: restore the newest backup."},
	{CodeMachine, "A command could not be applied: the state is not sound, or the program has a bug.", "Restart once; the state is then built anew from the log. When it happens again, keep the data folder and tell support."},
	{CodeUnknownEntry, "The log holds an entry this version does not know.", "Install the newer version of tote that wrote it."},
	{CodeStateFailed, "Writing the applied state failed.", "Check free space and the disk, then restart; the state is built anew from the log."},
	{CodeClock, "The clock of this gateway is more than a minute from the time the cluster goes by. Nothing is harmed: one clock alone does not move that time.", "Set the clock of the gateway or its time server. When all clocks are right and the cluster's time is ahead, it waits for them."},
	{CodeUnsupported, "A command is of a kind or version that not all gateways of the cluster know yet.", "Finish the upgrade: install the same version of tote on all gateways, then do it again."},
	{CodeDiverged, "The applied state of this gateway differs from that of the majority. It stopped, so that it answers nothing wrong.", "Restart it once; the state is then built anew. When it happens again, remove this gateway and join it again, and tell support."},
	{CodeUndecided, "The applied states of the gateways differ, and there is no majority that agrees.", "Restart one gateway after the other; each builds its state anew if it was not sound. When it comes again, keep the data folders and tell support."},
	{CodeStateRotten, "A file of the applied state was damaged on the disk while the gateway ran.", "Restart; the state is built anew from the log. When it happens again, replace the disk or the card."},
	{CodeDiskLow, "Free disk space is below the watermark. Another gateway leads if one has space; without one, new work is refused until there is room.", "Free space on the disk of the data folder. Work goes on by itself."},
	{CodeDiskFull, "The disk is full or nearly so. The gateway stopped before it could be harmed; nothing acknowledged is lost.", "Free space on the disk of the data folder. The gateway starts by itself, or restart it."},
	{CodeDiskHangs, "The disk has not finished a call for many seconds. The gateway does not lead meanwhile; when it lasts, it stops.", "Check the disk (dmesg, SMART), then restart. Replace the card when it happens again."},
	{CodeDiskReadOnly, "The data folder cannot be written: its file system is read-only. Linux does that when it meets an error on the disk.", "Look at dmesg for the error of the disk. Check the file system, mount it for writing, then restart; replace the card when it happens again."},
	{CodeDiskShort, "Free disk space runs short. Work goes on; a snapshot was taken early and damaged things set aside were removed.", "Free space on the disk of the data folder before work is refused."},
	{CodeDiskSlow, "The disk needs very long to sync a write, or much longer than those of the other gateways. Another gateway leads if one is faster.", "Look for what else writes to the disk. Replace a card that is worn out."},
	{CodeRebuilt, "The last stop was not clean. The applied state was built anew from snapshot and log.", "None. When it happens often, look at the power supply."},
	{CodeSeqTooOld, "A device repeated a command so old that its answer is no longer kept.", "Nothing was changed. Check on the device what the command was and do it again if needed."},
	{CodeQueueFull, "More commands are waiting than the gateway takes.", "It passes by itself. When it lasts, look at the disk's speed."},
	{CodeNoLeader, "No gateway leads, so nothing can be recorded.", "Check that a majority of the gateways runs and that they reach each other. When a majority is gone for good: stop the one that is left and run `tote cluster recover` on it."},
	{CodeRebuilding, "The gateway builds its state anew, because its last stop was not clean. It has its vote and keeps what the others record, but reads and records nothing itself yet.", "Wait some seconds; `tote cluster status` and the log tell how far it is. Nothing acknowledged is lost."},
	{CodeRemoved, "This gateway was removed from the cluster. What it has on its disk is out of date.", "To use it again: `tote token create` on another gateway, `tote cluster join --set-aside` on this one."},
	{CodeStillMember, "A gateway of this name is still a member, but the one that wants to join has an empty disk. It must not vote, because it no longer knows what it had acknowledged.", "Take the old one out with `tote cluster replace NAME` on another gateway; then the new one is let in."},
	{CodeOtherCluster, "A gateway of another cluster calls, or wants to join. Mostly it was set up as the first of a new cluster by mistake.", "Stop it, and join it with a token of this cluster: `tote cluster join --set-aside`."},
	{CodeKeepsQuorum, "Without this gateway the others would have no majority, so it cannot be removed.", "Bring the missing gateways back, or remove one that is off."},
	{CodeNoMember, "No gateway of this name is in the cluster, or it has no vote yet.", "Look at `tote cluster status` and write the name as it stands there."},
	{CodeAlive, "The gateway that was to be taken out runs and answers.", "If it shall go, run `tote cluster leave` on it. If it must be taken out from here, stop it first, or add --force."},
	{CodeEvenVoters, "An even number of gateways has a vote. It survives no more failures than one gateway less would; two survive the loss of neither.", "Add one more gateway, on any small 64-bit machine: `tote token create` here, `tote cluster join` there."},
	{CodeNoneToSpare, "Gateways are down, and if one more goes nothing can be recorded.", "Start the ones that are down. One that is dead for good: `tote cluster replace NAME` on a gateway that runs."},
	{CodeNotReachable, "The gateway that is to be added does not answer at its address.", "Check that it runs and that the others reach its cluster.listen; behind a router set cluster.advertise."},
	{CodeNotHanded, "The other gateway did not take the lead. Nothing changed.", "Look at `tote cluster status`: it must be up and not far behind. Then ask again."},
	{CodeEmptyDisk, "A gateway with a vote has come back with an empty disk. It is kept out, because it no longer knows what it had acknowledged.", "Run `tote cluster replace NAME` on another gateway; it is then filled anew."},
	{CodeTooOld, "The gateway that is to be added runs a version of tote that is older than the cluster needs. It was not added.", "Install the version of the other gateways on it. It asks again by itself, or ask again with `tote cluster join`."},
	{CodeApart, "A gateway of the site answers, but is in another cluster: one of the two was there when the site was formed anew (recovered, or restored from a backup) and the other was not, or one was set up as the first by mistake. They share nothing.", "Do not recover here. Compare `tote cluster status` on both: the one that is behind the site, mostly the one with the lower epoch, is stopped and joins the other with `tote cluster join --set-aside`."},
	{CodeBackupBad, "The file is no backup, or it is damaged or cut off.", "Take another copy of it, or an older backup. `tote backup verify FILE` tells which are whole."},
	{CodeBackupForeign, "The backup is of another site. Nothing was changed.", "Take a backup of this site, or put right `site` in the configuration."},
	{CodeNotEmpty, "The data folder of the gateway holds data already. A backup is restored into an empty one only.", "When the data there is not needed any more, move the folder `store` in data_dir away, then restore again."},
	{CodePeersAnswer, "Other gateways of the site answer, so its majority is perhaps not lost. Recovering here would make two sites of one.", "Start this gateway and look at `tote cluster status`. When the ones that answer are too few for ever, stop them, and recover on the one that knows most: `tote cluster recover --look` tells."},
	{CodeWrongSite, "The name that was typed is not that of the site. Nothing was changed.", "Type the name as `site` in the configuration has it; in a script say --site-name."},
	{CodeNothingLost, "There is nothing to recover: this gateway needs no other one to lead, or it holds no data.", "Start it. An empty gateway joins the others (`tote cluster join`), or gets a backup (`tote backup restore`)."},
}

// faultError is an error with a code of the table.
type faultError struct {
	code string
	err  error
}

func (e *faultError) Error() string { return e.code + ": " + e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }

func fault(code string, err error) error { return &faultError{code, err} }

// FaultCode returns the code of the fault table that err carries, "" when it
// carries none.
func FaultCode(err error) string {
	if f, ok := errors.AsType[*faultError](err); ok {
		return f.code
	}
	switch {
	case errors.Is(err, ErrSeqTooOld):
		return CodeSeqTooOld
	case errors.Is(err, ErrFull):
		return CodeQueueFull
	case errors.Is(err, ErrDiskFull):
		return CodeDiskLow
	case errors.Is(err, ErrUnsupported):
		return CodeUnsupported
	case errors.Is(err, ErrRebuilding):
		return CodeRebuilding
	case errors.Is(err, ErrNotLeader), errors.Is(err, ErrNoQuorum):
		return CodeNoLeader
	case errors.Is(err, ErrRemoved):
		return CodeRemoved
	case errors.Is(err, ErrStillMember):
		return CodeStillMember
	case errors.Is(err, ErrOtherCluster):
		return CodeOtherCluster
	case errors.Is(err, ErrKeepsQuorum):
		return CodeKeepsQuorum
	case errors.Is(err, ErrNoMember):
		return CodeNoMember
	case errors.Is(err, ErrNotReachable):
		return CodeNotReachable
	case errors.Is(err, ErrNotHandedOver):
		return CodeNotHanded
	case errors.Is(err, ErrTooOld):
		return CodeTooOld
	}
	return ""
}
