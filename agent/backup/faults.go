package backup

import "errors"

// Codes of copies that could not be made.
const (
	CodeNoRoom   = "STO-611"
	CodeNoFolder = "STO-612"
	CodeRefused  = "STO-613"
	CodeSilent   = "STO-614"
	CodeNotSame  = "STO-615"
	CodeNotMade  = "STO-616"
)

// Fault explains a code.
type Fault struct{ Code, Cause, Action string }

// Faults lists every code of this package.
func Faults() []Fault {
	return []Fault{
		{CodeNoRoom, "The disk where scheduled backups go has too little free space. Nothing was removed for it, and the disk was not filled.", "Free space there, use a bigger disk, or keep fewer (backup.keep_daily, keep_weekly). It is tried again by itself."},
		{CodeNoFolder, "The folder of the scheduled backups is not there, or cannot be written. It is never made: below an absent stick it would fill the disk of the machine.", "Plug the medium in and mount it; let the folder belong to the user tote; for a folder outside /var/lib/tote/state say ReadWritePaths= in `systemctl edit tote`. It is tried again by itself."},
		{CodeRefused, "The server of the scheduled backups refuses them, or the secret to show there cannot be read.", "Check backup.url and secret_file, and with the server that this user may PUT there. It is tried again by itself."},
		{CodeSilent, "The server of the scheduled backups does not answer, or fails.", "Look at the network and at the server. It is tried again by itself."},
		{CodeNotSame, "A scheduled backup that was read again is not what was written. It was removed and does not count.", "Replace the disk or look at the server that holds the backups; `tote backup verify FILE` looks at the older ones."},
		{CodeNotMade, "The copy of the state for a scheduled backup could not be made.", "The text says why; when it stays, make one by hand with `tote backup create` and look at `tote doctor`."},
	}
}

// coded is an error with a code of the table.
type coded struct {
	code string
	err  error
}

func (e *coded) Error() string { return e.code + ": " + e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

func fault(code string, err error) error { return &coded{code, err} }

// Code is the code of an error of this package, "" when it has none.
func Code(err error) string {
	if c, ok := errors.AsType[*coded](err); ok {
		return c.code
	}
	return ""
}
