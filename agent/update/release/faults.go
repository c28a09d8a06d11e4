package release

// Codes of releases that are refused. Nothing was changed then.
const (
	CodeUnsigned  = "UPD-101"
	CodeKey       = "UPD-102"
	CodeForged    = "UPD-103"
	CodeArch      = "UPD-104"
	CodeOlder     = "UPD-105"
	CodeDamaged   = "UPD-106"
	CodeMalformed = "UPD-107"
	CodeNoKeys    = "UPD-108"
	CodeLevel     = "UPD-109"
	CodeFrom      = "UPD-110"
)

// Fault is one row of the table of faults.
type Fault struct{ Code, Cause, Action string }

// Faults lists the codes of this package.
func Faults() []Fault {
	return []Fault{
		{CodeUnsigned, "The file of a release has no signature of minisign, or one of the old kind. Nothing was changed.", "Get the release from where it is published. Who publishes signs it with `tote release sign`."},
		{CodeKey, "The release is signed with a key that is not in /etc/tote/release.pub. Nothing was changed.", "Get it from where it is published. When the publisher has a new key, add its line to that file, after you have compared it with the publisher by another way."},
		{CodeForged, "The manifest of the release, its signature or its trusted comment are not what was signed. Nothing was changed.", "Do not use this file. Get it anew from where it is published, and tell the publisher where this one came from."},
		{CodeArch, "The release is for another kind of machine. Nothing was changed.", "Take the file whose name ends with the kind of this machine: `tote version` shows it."},
		{CodeOlder, "The release is older than what runs here, or the same. Nothing was changed.", "Nothing when it was offered again. To go back to the program before: `tote update rollback`. To take an older release on purpose: --allow-downgrade."},
		{CodeDamaged, "The program in the release is shorter or longer than was signed, or was changed on the way. Nothing was changed here.", "Get the file again; look at the USB stick or the link when it happens twice."},
		{CodeMalformed, "The file is no release of Tote, or of a format this version does not know. Nothing was changed.", "Take a file named tote_VERSION_MACHINE.update. When it is one, update to a version in between first."},
		{CodeNoKeys, "There is no public key of a publisher in /etc/tote/release.pub, so no release can be checked. Nothing was changed.", "Write the publisher's key there (one line, as minisign shows it), or make your own with `tote release keygen`."},
		{CodeLevel, "The site uses what the release does not know, or the release does not know any more what the site uses. Nothing was changed.", "Take a release whose levels hold the one of the site: `tote update check FILE` shows both. There is no way back behind a level."},
		{CodeFrom, "The release says that it cannot replace a version as old as this one. Nothing was changed.", "Update to a version in between first; the text says from which on it goes."},
	}
}
