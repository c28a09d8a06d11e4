package accept

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/all"
)

// Step is what a person is asked to do.
type Step string

// The steps.
const (
	StepClear  Step = "take everything off the scale"
	StepPut    Step = "put a known weight on the scale"
	StepOff    Step = "take the weight off again"
	StepScan   Step = "scan a code, and remember what it holds"
	StepTag    Step = "hold a tag before the first antenna"
	StepSample Step = "see that a label may be printed now (it is a test label: throw it away)"
	StepOpen   Step = "open the head of the printer"
	StepClose  Step = "close the head"
	StepUnplug Step = "unplug the device (switch it off, if it is in the network)"
	StepPlug   Step = "plug it in again, and wait until it has started"
)

// check is one line of the suite.
type check struct {
	name   string
	kinds  []all.Kind // none = all
	step   Step       // what a person does first; "" = nothing
	sample bool       // only for a device that makes samples
	vital  bool       // without it the rest makes no sense
	do     func(ctx context.Context, r *run) (text string, err error)
}

// suite is every check in order.
func suite() []check {
	scales, scanners, printers, readers, sensors := []all.Kind{all.Scale}, []all.Kind{all.Scanner}, []all.Kind{all.Printer}, []all.Kind{all.RFID}, []all.Kind{all.Sensor}
	return []check{
		{name: "its port opens", vital: true, do: opens},
		{name: "it says who it is", do: identifies},
		{name: "its firmware is not known to be bad", do: firmware},
		{name: "its driver gets ready", vital: true, do: ready},
		{name: "it goes on without a mistake", do: goesOn},
		{name: "it comes back when its port is opened anew", do: comesBack},

		{name: "empty, it comes to rest", kinds: scales, step: StepClear, do: weighs(func(int64) bool { return true })},
		{name: "a weight is weighed and comes to rest", kinds: scales, step: StepPut, do: weighs(func(mg int64) bool { return mg > 0 })},
		{name: "without it, it is back at rest", kinds: scales, step: StepOff, do: weighs(func(mg int64) bool { return mg <= 5000 && mg >= -5000 })},
		{name: "it tells a value", kinds: sensors, do: tells},
		{name: "a code is scanned", kinds: scanners, step: StepScan, do: tells},
		{name: "a tag is read", kinds: readers, step: StepTag, do: tells},
		{name: "a label is printed and confirmed", kinds: printers, step: StepSample, sample: true, do: sample},
		{name: "an open head is noticed", kinds: printers, step: StepOpen, do: degraded},
		{name: "a closed head is noticed", kinds: printers, step: StepClose, do: readyAgain},

		{name: "unplugging is noticed", step: StepUnplug, do: absent},
		{name: "plugged in again, it works", step: StepPlug, do: readyAgain},
	}
}

func opens(ctx context.Context, r *run) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Limit)
	defer cancel()
	port, err := r.Open(ctx)
	if errors.Is(err, drivers.ErrBusy) {
		return "", fmt.Errorf("%w. Stop the gateway, or who else has it, while the device is tried out", err)
	}
	if err != nil {
		return "", err
	}
	return "", port.Close()
}

// questions is how often a device is asked who it is: for the figures.
const questions = 10

func identifies(ctx context.Context, r *run) (string, error) {
	if r.Driver.Ask == nil {
		return "its driver has no question for that", errSkipped
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Limit)
	defer cancel()
	port, err := r.meter.wrap(r.Open)(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = port.Close() }()
	n := questions
	if r.Driver.Tells {
		n = 1 // asking uses the connection up, and its first word is part of the answer
	}
	for i := range n {
		if !r.Driver.Tells {
			if _, err := drivers.Discard(port); err != nil {
				return "", err
			}
		}
		began := time.Now()
		id, err := r.Driver.Ask(ctx, port)
		if err != nil {
			return "", fmt.Errorf("question %d: %w", i+1, err)
		}
		r.meter.answered(time.Since(began))
		r.report.Identity = id
	}
	if !r.report.Identity.Known() {
		return "it answers and tells nothing", nil
	}
	return r.report.Identity.String(), nil
}

func firmware(_ context.Context, r *run) (string, error) {
	if r.report.Identity.Firmware == "" {
		return "it does not tell its firmware", errSkipped
	}
	if b, bad := r.Bad.Find(r.report.Identity); bad {
		return b.Source, fmt.Errorf("%s: %s", drivers.CodeKnownBad, b.Text)
	}
	return r.report.Identity.Firmware, nil
}

func isReady(s drivers.Status, _ []drivers.Told) bool { return s.State == drivers.Ready }

func ready(ctx context.Context, r *run) (string, error) {
	if err := r.start(); err != nil {
		return "", err
	}
	return "", r.await(ctx, "ready", isReady)
}

func readyAgain(ctx context.Context, r *run) (string, error) {
	return "", r.await(ctx, "ready", isReady)
}

func degraded(ctx context.Context, r *run) (text string, err error) {
	err = r.await(ctx, "told", func(s drivers.Status, _ []drivers.Told) bool {
		text = s.Code + " " + s.Text
		return s.State == drivers.Degraded && s.Code != ""
	})
	if err != nil {
		text = ""
	}
	return text, err
}

func absent(ctx context.Context, r *run) (string, error) {
	return "", r.await(ctx, "noticed", func(s drivers.Status, _ []drivers.Told) bool { return s.State == drivers.Absent && s.Code != "" })
}

// goesOn watches the device work: it stays ready, and nothing unreadable comes.
func goesOn(ctx context.Context, r *run) (string, error) {
	r.forget()
	before := r.meter.figures()
	for end := time.Now().Add(r.o.Soak); time.Now().Before(end); {
		if st := r.device().Status(); st.State != drivers.Ready {
			return "", fmt.Errorf("it became %s %s %s", st.State, st.Code, st.Text)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	now := r.meter.figures()
	r.mu.Lock()
	told := len(r.told)
	r.mu.Unlock()
	text := fmt.Sprintf("%d things told, %d frames, %d bytes received", told, now.Frames-before.Frames, now.Bytes-before.Bytes)
	if bad := now.Errors - before.Errors; bad > 0 {
		return text, fmt.Errorf("%d frames could not be read", bad)
	}
	return text, nil
}

// reopenings is how often the port is given back and taken anew.
const reopenings = 3

func comesBack(ctx context.Context, r *run) (string, error) {
	for i := range reopenings {
		r.stop()
		if err := r.start(); err != nil {
			return "", err
		}
		if err := r.await(ctx, "ready", isReady); err != nil {
			return "", fmt.Errorf("time %d: %w", i+1, err)
		}
	}
	return fmt.Sprintf("%d times", reopenings), nil
}

// weighs waits for a weight at rest that is as wanted.
func weighs(wanted func(mg int64) bool) func(context.Context, *run) (string, error) {
	return func(ctx context.Context, r *run) (text string, err error) {
		err = r.await(ctx, "at rest with such a weight", func(_ drivers.Status, told []drivers.Told) bool {
			if len(told) == 0 {
				return false
			}
			last := told[len(told)-1]
			text = last.Text
			return last.Settled && wanted(last.Value)
		})
		return text, err
	}
}

// tells waits for anything the device says.
func tells(ctx context.Context, r *run) (text string, err error) {
	err = r.await(ctx, "told of", func(_ drivers.Status, told []drivers.Told) bool {
		if len(told) > 0 {
			text = told[0].Text
		}
		return len(told) > 0
	})
	return text, err
}

func sample(ctx context.Context, r *run) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*r.o.Limit)
	defer cancel()
	text, ok, err := r.device().(drivers.Sampler).Sample(ctx)
	if err == nil && !ok {
		err = fmt.Errorf("it was not confirmed")
	}
	return text, err
}
