package sics

import (
	"context"
	"errors"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/scale"
)

// identityTime is how long each of the questions may take.
const identityTime = 500 * time.Millisecond

// Identity asks I2 (model and capacity), I3 (software) and I4 (serial number).
// A question the scale refuses leaves its field empty.
func Identity(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	var id drivers.Identity
	for _, q := range []struct {
		name string
		into *string
	}{{"I2", &id.Model}, {"I3", &id.Firmware}, {"I4", &id.Serial}} {
		err := scale.Exchange(ctx, port, scale.NewLines(), q.name+"\r\n", identityTime, func(line []byte) bool {
			text, ok := quoted(string(line), q.name)
			*q.into = text
			a, err := Parse(line)
			return ok || err == nil && a.Kind != scale.AnswerIrrelevant && a.Kind != scale.AnswerWeight
		})
		if err != nil && drivers.CodeOf(err) != drivers.CodeScaleSilent {
			return id, err
		}
		if ctx.Err() != nil {
			return id, errors.Join(ctx.Err(), err)
		}
	}
	return id, nil
}

// quoted reads `I2 A "text"`, or several texts, which are told with spaces
// between. Some scales leave the quotes out.
func quoted(line, question string) (string, bool) {
	rest, ok := strings.CutPrefix(line, question+" A ")
	if !ok {
		return "", false
	}
	var words []string
	for w := range strings.SplitSeq(rest, `"`) {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	text := strings.Join(words, " ")
	for _, c := range text {
		if c < ' ' || c > '~' {
			return "", false
		}
	}
	return text, true
}
