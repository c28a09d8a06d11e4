package backup

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Schedule is when copies are made.
type Schedule struct {
	Every time.Duration // 1 h and more
	// At is minutes after midnight in Zone, -1 for none: then the first copy says
	// when. With it Every is a day.
	At   int
	Zone *time.Location // nil = UTC
}

// ParseAt reads a time of day as 02:30; minutes after midnight.
func ParseAt(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("want a time of day as 02:30")
	}
	return t.Hour()*60 + t.Minute(), nil
}

// Due says whether a copy is wanted at now when the last one is of last, and since
// when. A last one of the future is none: the clock was wrong then.
func (s Schedule) Due(last, now time.Time) (since time.Time, due bool) {
	if last.After(now.Add(time.Hour)) {
		return now, true
	}
	if s.At < 0 {
		since = last.Add(s.Every)
		return since, !now.Before(since)
	}
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	day := now.In(zone)
	since = time.Date(day.Year(), day.Month(), day.Day(), s.At/60, s.At%60, 0, 0, zone)
	if since.After(now) {
		since = time.Date(day.Year(), day.Month(), day.Day()-1, s.At/60, s.At%60, 0, 0, zone)
	}
	return since, last.Before(since)
}

// stamp is the time in the name of a copy, in UTC. Names sort by their time.
const stamp = "20060102T150405Z"

// Name is the name of a copy.
func Name(site string, at time.Time) string { return site + "-" + at.UTC().Format(stamp) + ".backup" }

// named matches names: what Name made, of any site.
var named = regexp.MustCompile(`^(.+)-(\d{8}T\d{6}Z)\.backup$`)

// timeOf is the time in a name of that site, false when it is no such name.
func timeOf(site, name string) (time.Time, bool) {
	m := named.FindStringSubmatch(name)
	if m == nil || m[1] != site {
		return time.Time{}, false
	}
	t, err := time.Parse(stamp, m[2])
	return t, err == nil
}

// Keep is how many copies stay.
type Keep struct {
	Daily  int // days of which the newest copy stays, counted by days that have one
	Weekly int // the same of weeks
}

// always is how many of the newest stay in any case.
const always = 2

// Surplus lists the names, all of copies of that site, that need not stay. Days
// without a copy are not counted: a site that was off for a month keeps what it had.
func (k Keep) Surplus(site string, names []string) []string {
	type dated struct {
		name string
		at   time.Time
	}
	var list []dated
	for _, n := range names {
		if at, ok := timeOf(site, n); ok {
			list = append(list, dated{n, at})
		}
	}
	slices.SortFunc(list, func(a, b dated) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.name, b.name)) })
	days, weeks := map[string]bool{}, map[string]bool{}
	var out []string
	for i, d := range list {
		year, week := d.at.ISOWeek()
		day, of := d.at.Format(time.DateOnly), fmt.Sprint(year, "/", week)
		stays := i < always
		if !days[day] && len(days) < k.Daily {
			days[day], stays = true, true
		}
		if !weeks[of] && len(weeks) < k.Weekly {
			weeks[of], stays = true, true
		}
		if !stays {
			out = append(out, d.name)
		}
	}
	return out
}
