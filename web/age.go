package web

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// stamp is a moment as the pages show it: its age, and the clock time in the
// tooltip. console.js counts the age on, so it must say it in the same words.
type stamp struct {
	at, now time.Time
}

// clock makes stamps of one rendering.
type clock struct{ now time.Time }

func (c clock) ms(ms int64) stamp {
	if ms == 0 {
		return stamp{}
	}
	return c.at(time.UnixMilli(ms))
}

func (c clock) at(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	return stamp{t.In(c.now.Location()), c.now}
}

// today is when the day of now began, in ms.
func (c clock) today() int64 {
	y, m, d := c.now.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.now.Location()).UnixMilli()
}

// Known is false for a moment that is not known.
func (s stamp) Known() bool { return !s.at.IsZero() }

// Ms is the moment in milliseconds since 1970 UTC.
func (s stamp) Ms() int64 { return s.at.UnixMilli() }

// ISO is the moment for machines.
func (s stamp) ISO() string { return s.at.UTC().Format(time.RFC3339) }

// Clock is the moment for people.
func (s stamp) Clock() string { return s.at.Format("2006-01-02 15:04:05") }

// Hour is the time of day.
func (s stamp) Hour() string { return s.at.Format("15:04:05") }

// Age is how long ago it was.
func (s stamp) Age() string { return age(s.now.Sub(s.at)) }

func (s stamp) before(t stamp) bool { return s.at.Before(t.at) }

func age(d time.Duration) string {
	d = max(d, 0)
	minutes := int64(d / time.Minute)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int64(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min", minutes)
	case d < 10*time.Hour:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d d", minutes/60/24)
}

// inMg finds weights in texts of the domain, which counts in milligrams.
var inMg = regexp.MustCompile(`\b(\d{4,15}) mg\b`)

// readable writes the weights of a text in kg.
func readable(text string) string {
	return inMg.ReplaceAllStringFunc(text, func(s string) string {
		mg, err := strconv.ParseInt(strings.TrimSuffix(s, " mg"), 10, 64)
		if err != nil {
			return s
		}
		return kilograms(mg)
	})
}

// kilograms writes milligrams as kg, to the gram.
func kilograms(mg int64) string {
	grams := (mg + 500) / 1000
	return fmt.Sprintf("%d.%03d kg", grams/1000, grams%1000)
}
