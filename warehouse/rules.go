package warehouse

// Rules that changed. A log made under an older rule must lead to the state it
// led to then, so a new rule asks for the feature level of the entry it runs
// in: the cluster raises it, in the log, when every gateway has the new program.

// Level is the newest set of rules of this package.
const Level uint16 = 5

// level2 brought: an id belongs to where its order came from (origin.go), ids
// that no path can hold and bins named like totes are not taken in, and the
// evidence of a portal is kept beside what it saw before.
const level2 uint16 = 2

// level3 brought: an order that begins anew leaves the lines alone that were
// cancelled before, and what a handheld says too late is kept as a fallout
// (late.go).
const level3 uint16 = 3

// level4 brought: what is to be put back is a floor task (putbacktask.go); the OMS
// hears why a line is short and until when (lack.go); a revision does not take back,
// without a word, that another item may go for one that is short when it does so
// already (amend.go); what an inspection finds of goods that came back changes their
// class as SetStatus does, by way of reclass, which is no adjustment, and with the
// date they came in on; papers of a carton that is none any more are void
// (document.go), and an announced return keeps whose goods it brings; a tag of an
// item with serials is a unit with its serial, tags of more than 96 bits are read,
// and a logistic unit counts for the line it was announced in (tagserial.go,
// receive.go); who moves a lot out of turn may need a second person (fefo.go); open
// orders, closed ones and the fallouts of an order are listed (lists.go);
// every order that ships otherwise than ordered is told (differs.go). These
// came by fields and commands of their own: parties (party.go), upstreams
// (upstream.go), the archive (archive.go), orders in several parcels (parcels.go),
// pictures (image.go), offers (offers.go) and profiles (profile.go). What a command
// of before level 4 says with a new field is its second version (codec.go).
const level4 uint16 = 4

// level5 brought documents in more printer languages (document.go), and commands
// and fields of its own; what a command of before level 5 says with a new field is a
// later version of it (codec.go), among them where a unit was seen (sight.go). The site
// model (sitemodel.go) and the opening count of a zone (opening.go) are
// among its commands, and so are PINs (pin.go).
//
// A parcel that goes out by another door than it was loaded at is not verified
// (portalin.go).
//
// A unit of a delivery is received whole or not at all, and its answer says when
// that takes another command (receive.go).
//
// The lane of a parcel that was loaded before the conveyor could tell is
// remembered (conveyor.go).
const level5 uint16 = 5

// dots tells that an id is a relative path: a URL cannot name what has it.
func dots(id string) bool { return id == "." || id == ".." }

// newID is why an id is not taken in any more, "" when it is.
func (c *change) newID(what, id string) string {
	if c.since(level2) && dots(id) {
		return what + ": . and .. are no ids"
	}
	return ""
}

// since tells whether the rules of a level hold for this command.
func (c *change) since(level uint16) bool { return c.meta.Level >= level }
