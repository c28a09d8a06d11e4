package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody may do who is let in: over HTTP by scopes, at the broker by
// topics. In a topic {site} is the site and {id} the name of the device, + one level
// and # the rest.
type Role struct {
	Name   string
	Who    string
	Scopes []string
	Says   []string // may be published on
	Hears  []string // may be subscribed to, in whole or in part
	// Enrolled says that `tote enrol` lets such devices in.
	Enrolled bool
}

const (
	own    = "tote/v1/{site}/%s/{id}/"
	quorum = "tote/v1/{site}/site/{site}/state/quorum"
)

// device has the topics of a class of devices with their own, and more to say.
func device(name, who string, says ...string) Role {
	at := fmt.Sprintf(own, name)
	r := Role{
		Name: name, Who: who, Enrolled: true,
		Says: []string{at + "up/+", at + "state/conn"}, Hears: []string{at + "down/#", at + "state/#", quorum},
	}
	for _, s := range says {
		r.Says = append(r.Says, at+s)
	}
	return r
}

// Roles is the one table of who may do what.
var Roles = []Role{
	{Name: "customer service", Who: "looks at orders and exceptions", Scopes: []string{Service}},
	{Name: "viewer", Who: "looks at everything but a backup", Scopes: []string{Read}},
	{Name: "picker", Who: "a person with a handheld page", Scopes: []string{Picker}},
	{Name: "packer", Who: "a person at the bench page of a station", Scopes: []string{Packer}},
	{Name: "supervisor", Who: "leads the shift; enrols handhelds", Scopes: []string{Lead}},
	{Name: "engineer", Who: "looks after the site", Scopes: []string{Admin}},
	{Name: "label system", Who: "a carrier port: label work", Scopes: []string{Device}},
	withScopes(device("handheld", "the page of a handheld, or one that speaks MQTT"), Picker),
	device("station", "a pack station that speaks MQTT"),
	device("dock", "a dock that speaks MQTT"),
	device("conveyor", "a conveyor or sorter", "state/main"),
	device("light", "a pick-to-light controller"),
	{
		Name: "robot", Who: "a robot that speaks VDA 5050; {id} is its serial", Enrolled: true,
		Says:  []string{"+/+/+/{id}/state", "+/+/+/{id}/connection", "+/+/+/{id}/factsheet", "+/+/+/{id}/visualization"},
		Hears: []string{"+/+/+/{id}/order", "+/+/+/{id}/instantActions"},
	},
	{
		Name: "display", Who: "shows a station or dock", Enrolled: true,
		Hears: []string{fmt.Sprintf(own, "station") + "down/#", fmt.Sprintf(own, "station") + "state/#", fmt.Sprintf(own, "dock") + "down/#", fmt.Sprintf(own, "dock") + "state/#", quorum},
	},
	{Name: "reader", Who: "an RFID reader that speaks in its maker's way: the topics of its own configuration (rfid.mqtt) and no others", Enrolled: true},
	{Name: "watch", Who: "a person at the machine; on loopback listeners only", Hears: []string{"tote/v1/{site}/#"}},
}

func withScopes(r Role, scopes ...string) Role {
	r.Scopes = scopes
	return r
}

// RoleOf is the row of a role.
func RoleOf(name string) (Role, bool) {
	i := slices.IndexFunc(Roles, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return Roles[i], true
}

// Enrols tells whether devices of a role are let in by a code.
func Enrols(name string) bool {
	r, ok := RoleOf(name)
	return ok && r.Enrolled
}

// EnrolledRoles lists them.
func EnrolledRoles() (out []string) {
	for _, r := range Roles {
		if r.Enrolled {
			out = append(out, r.Name)
		}
	}
	return out
}

// ScopesOf are the scopes of a role over HTTP.
func ScopesOf(name string) []string {
	r, _ := RoleOf(name)
	return r.Scopes
}

// MaySay tells whether a device of a role may publish on a topic.
func MaySay(role, site, id, topic string) bool {
	r, ok := RoleOf(role)
	return ok && !strings.ContainsAny(topic, "+#") && within(r.Says, site, id, topic)
}

// MayHear tells whether it may have all that a filter selects.
func MayHear(role, site, id, filter string) bool {
	r, ok := RoleOf(role)
	return ok && within(r.Hears, site, id, filter)
}

func within(allowed []string, site, id, filter string) bool {
	fill := strings.NewReplacer("{site}", site, "{id}", id)
	return slices.ContainsFunc(allowed, func(p string) bool { return Within(fill.Replace(p), filter) })
}

// Within tells whether every topic that filter selects is selected by allowed. A
// filter that begins with $ is in none: the broker's own topics are nobody's.
func Within(allowed, filter string) bool {
	a, f := strings.Split(allowed, "/"), strings.Split(filter, "/")
	if strings.HasPrefix(filter, "$") {
		return false
	}
	for i, level := range a {
		switch {
		case level == "#":
			// "x/#" selects x too, which has a level less.
			return i < len(f) || i == len(f)
		case i >= len(f):
			return false
		case level == "+":
			if f[i] == "#" {
				return false
			}
		case f[i] != level:
			return false
		}
	}
	return len(f) == len(a)
}

// RolesPage is the table as docs/security.md shows it.
func RolesPage() string {
	var b strings.Builder
	code := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return "`" + strings.Join(list, "`, `") + "`"
	}
	b.WriteString("| role | who | HTTP scope | says | hears |\n|---|---|---|---|---|\n")
	for _, r := range Roles {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Name, r.Who, code(r.Scopes), code(r.Says), code(r.Hears))
	}
	return b.String()
}
