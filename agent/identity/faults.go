package identity

import (
	"errors"
	"strings"
)

// Fault is one row of the table of codes.
type Fault struct{ Code, Cause, Action string }

// Codes of devices; those of refusals of the site are in package members, too.
const (
	CodeEnrol      = "IDN-136" // what was asked of the desk for devices cannot be done
	CodeDeviceEnds = "IDN-138" // the time of a device is nearly over
)

// CodeExposed is of a listener without TLS that the network reaches.
const CodeExposed = "IDN-131"

// Faults lists the codes of this package.
func Faults() []Fault {
	return []Fault{
		{"IDN-101", "There is an identity in the folder already.", "Use it, or add --set-aside to `tote cluster join` if this machine shall join anew."},
		{"IDN-102", "The gateway has no identity.", "Run `tote site init` on the first gateway, `tote cluster join` with a token on every other."},
		{"IDN-103", "A file of the identity cannot be read or does not fit the others.", "On another gateway: `tote cluster replace NAME`; then join with --set-aside as it prints."},
		{"IDN-104", "The text is not a join token.", "Copy the whole line that `tote token create` printed."},
		{"IDN-105", "The token has expired.", "Make a new one with `tote token create`."},
		{"IDN-106", "The token let another gateway in already.", "Make a new one with `tote token create`; if nobody you know used it, look at `tote cluster status`."},
		{"IDN-107", "The site does not know the token.", "Make a new one on this site with `tote token create`."},
		{"IDN-108", "The gateway at the address belongs to another site than the token.", "Check the address; make the token on the site you want to join."},
		{"IDN-110", "A gateway of this id is in the cluster already.", "Give the new machine another id, or take the old one out with `tote cluster replace NAME` first."},
		{"IDN-111", "No gateway answers at the address a newcomer was given.", "Give the host and port of cluster.listen of a gateway that runs, and check the network up to it."},
		{"IDN-112", "A gateway showed a certificate that has expired, and was refused. It was off for months, could not renew it, or clocks disagree.", "On the gateway that is named: look for IDN-113 in its log and at its clock, then restart it; it makes itself a new certificate. If that fails: `tote cluster replace NAME` on another gateway, and join it again."},
		{"IDN-113", "The certificate of this gateway could not be renewed. The others refuse this gateway when it expires.", "Make the identity folder writable and look at the disk; it is tried again every hour, and at every start."},
		{"IDN-114", "This satellite was taken out of the site, or never was in it.", "To use it again: `tote token create` on a gateway, `tote cluster join --set-aside` on this machine."},
		{"IDN-115", "A certificate is used for what it is not for: that of a satellite where a gateway with a store belongs, or the other way round.", "Look at `store` in the configuration: when it was changed after the machine joined, join anew with --set-aside. Run the same version of tote on all gateways."},
		{"IDN-116", "The configuration names another site or gateway than the identity of this machine, or than the token is of.", "Put right `site` and `gateway` in the configuration. To join another site or under another name: `tote token create` there, `tote cluster join --set-aside` here."},
		{"IDN-130", "A device (robot, conveyor, handheld) showed what does not let it in: it was never enrolled, it was revoked or enrolled anew, or its time is over.", "Look for it in `tote enrol list`; when it belongs here: `tote enrol ROLE NAME`, and give it what that prints."},
		{CodeExposed, "A listener can be reached from the network and has no TLS, because the configuration says `insecure: true`: passwords and tokens can be read on the way.", "Give it `tls: {}` (MQTT) or use http.https. If the devices there know no TLS, keep them in a network of their own, as docs/security.md says."},
		{"IDN-132", "The code that lets a device in has expired.", "Make a new one with `tote enrol`."},
		{"IDN-133", "The code let a device in already; it serves once.", "Make a new one with `tote enrol`. If nobody you know used it: `tote revoke` the device of that name at once."},
		{"IDN-134", "The site never made this code for a device, or it was withdrawn.", "Make one with `tote enrol` and scan or copy the whole of it."},
		{"IDN-135", "So many devices, open codes or revoked gateways are not kept: 2000, 256 and 64.", "Take out with `tote revoke` what is not used any more; open codes end by themselves. After 64 stolen gateways found the site's authority anew."},
		{CodeEnrol, "What was asked when a device was to be let in cannot be done: a role or name that cannot be, too many tries from one address, or the site cannot record it now.", "Correct what the text names, or try again in a minute."},
		{"IDN-137", "A gateway of this id was revoked and is kept out.", "Give the new machine another id. Its old one is free again when the site's authority was founded anew (docs/cluster.md)."},
		{CodeDeviceEnds, "The credential of a device is good for less than 14 days more. One that renews itself would have done so by now.", "Look whether the device is switched on; a certificate is renewed by the device (docs/security.md). A password is not: `tote enrol ROLE NAME`, and give it the new one."},
		{"IDN-139", "The site's authority was not founded anew, or not to the end: a gateway with a store does not answer. Until it is finished the old authority is trusted, too.", "Start the gateway that is named, or `tote revoke` it; then type `tote site rekey` again, which goes on where it was."},
		{"IDN-140", "The site's authority was founded anew while this gateway was away or revoked; nothing it has is trusted any more.", "If it belongs to the site: `tote token create` on a gateway of it, and `tote cluster join --set-aside` here."},
		{"IDN-109", "The certificate request of a newcomer breaks a rule.", "Run the same version of tote on both gateways."},
	}
}

// ByCode is the error of a code, so that a refusal that came over the wire is
// the same error here; nil when the code is none of this package.
func ByCode(code string) error {
	for _, err := range []error{
		ErrExists, ErrNone, ErrDamaged, ErrToken, ErrTokenExpired, ErrTokenUsed, ErrTokenUnknown, ErrWrongSite, ErrTaken, ErrNobody, ErrExpired, ErrRenew, ErrDismissed, ErrRole, ErrOtherConfig, ErrRequest, ErrNoDevice, ErrBanned, ErrRekey, ErrLeftBehind,
	} {
		if own, _, _ := strings.Cut(err.Error(), ":"); own == code {
			return err
		}
	}
	return nil
}

// Code is the code of an error of this package, "" for any other.
func Code(err error) string {
	for _, f := range Faults() {
		if known := ByCode(f.Code); errors.Is(err, known) {
			return f.Code
		}
	}
	return ""
}
