package agent

import (
	"context"
	"fmt"
	"time"

	"tote/agent/config"
	"tote/agent/station"
	"tote/drivers"
	"tote/drivers/gpio"
)

// does are the codes of the stations' own barcodes by what a button does: a
// pressed button is a scan of that code, with its answer, its refusal and its
// place in the record.
var does = map[string]string{
	config.DoesReprint:    station.CodeReprint,
	config.DoesNextCarton: station.CodeNextCarton,
	config.DoesDepart:     station.CodeDepart,
}

// startButtons starts the buttons of a place.
func (a *Agent) startButtons(place string, buttons []config.Button, scanned func(code string)) error {
	for _, cfg := range buttons {
		code, ok := does[cfg.Does]
		if !ok {
			return fmt.Errorf("no button does %q", cfg.Does)
		}
		name := place + "/button-" + cfg.Does
		b, err := gpio.NewButton(gpio.ButtonConfig{
			Name: name, Open: gpioLines(cfg.GPIO), Line: cfg.Line, ActiveLow: !cfg.ActiveHigh, Log: a.log,
			OnStatus: func(drivers.Status) { a.changes.kick() },
			Press: func(time.Time) {
				a.readings.set(name, "pressed")
				scanned(code)
			},
		})
		if err != nil {
			return err
		}
		if err := a.startDevice(name, b.Run, b.Status); err != nil {
			return err
		}
	}
	return nil
}

// startBuzzer starts the buzzer of a place and returns what makes answers heard;
// without a buzzer it changes nothing.
func (a *Agent) startBuzzer(place string, cfg *config.Buzzer) (loud func(func(station.Answer)) func(station.Answer), err error) {
	if cfg == nil {
		return func(answer func(station.Answer)) func(station.Answer) { return answer }, nil
	}
	z, err := gpio.NewBuzzer(gpio.BuzzerConfig{
		Name: place + "/buzzer", Open: gpioLines(cfg.GPIO), Line: cfg.Line, ActiveLow: cfg.ActiveLow, Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
	})
	if err != nil {
		return nil, err
	}
	return func(answer func(station.Answer)) func(station.Answer) {
		return func(ans station.Answer) {
			sound := gpio.SoundBad
			if ans.OK {
				sound = gpio.SoundOK
			}
			z.Sound(sound)
			answer(ans)
		}
	}, a.startDevice(place+"/buzzer", z.Run, z.Status)
}

// startEStops starts what observes the emergency stops: they are shown as devices
// in trouble, and in the log. Nothing is switched by them here.
func (a *Agent) startEStops(context.Context) error {
	for _, cfg := range a.cfg.EStops {
		name := "estop/" + cfg.ID
		e, err := gpio.NewEStop(gpio.EStopConfig{
			Name: name, Open: gpioLines(cfg.GPIO), Line: cfg.Line, Reset: cfg.Reset, Log: a.log,
			OnStatus: func(drivers.Status) { a.changes.kick() },
			Changed: func(stopped bool) {
				a.readings.set(name, map[bool]string{true: "stopped", false: "released"}[stopped])
			},
		})
		if err != nil {
			return err
		}
		if err := a.startDevice(name, e.Run, e.Status); err != nil {
			return err
		}
	}
	return nil
}
