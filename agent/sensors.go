package agent

import (
	"context"
	"fmt"
	"time"

	"tote/agent/config"
	"tote/agent/replica"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/sensor"
	"tote/warehouse"
)

// startSensor starts a sensor, and what tells the site of its dock's temperature.
func (a *Agent) startSensor(cfg config.Sensor) error {
	name := cfg.ID + "/sensor"
	open, err := a.portOpener(name, cfg.Driver, cfg.Serial, cfg.TCP)
	if err != nil {
		return err
	}
	row, ok := all.Find(cfg.Driver)
	if !ok || row.Sensor == nil {
		return fmt.Errorf("no driver %q for a sensor", cfg.Driver)
	}
	newest := make(chan sensor.Reading, 1)
	dev, err := row.Sensor(sensor.Settings{
		Name: name, Open: open, Address: cfg.Address, PerDegree: cfg.PerDegree,
		Interval: time.Duration(cfg.IntervalMs) * time.Millisecond, Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(r sensor.Reading) {
			a.readings.set(name, r.Text())
			select { // only the newest counts
			case <-newest:
			default:
			}
			newest <- r
		},
	})
	if err != nil {
		return err
	}
	if cfg.Dock != "" {
		err := a.sup.Go("reading/"+cfg.ID, func(ctx context.Context) error { return a.tellClimate(ctx, cfg, newest) })
		if err != nil {
			return err
		}
	}
	return a.startDevice(name, dev.Run, dev.Status)
}

// changedBy is how many tenths of a degree a temperature must change to be told
// before the last one ends: a site does not write its log full of weather.
const changedBy = 5

// tellClimate proposes the temperature of a dock: the first one, each that
// differs enough, and one before the last ends. A sensor that falls silent tells
// nothing, so the last reading ends and nothing cold is received on its word.
func (a *Agent) tellClimate(ctx context.Context, cfg config.Sensor, newest <-chan sensor.Reading) error {
	place := "dock/" + cfg.Dock
	var told int64
	var again time.Time // when it is told anew without a change
	for {
		var r sensor.Reading
		select {
		case r = <-newest:
		case <-ctx.Done():
			return nil
		}
		deci := r.DeciC()
		if r.At.Before(again) && deci-told < changedBy && told-deci < changedBy {
			continue
		}
		holds := time.Duration(0)
		err := a.view(func(v warehouse.Reader) error {
			site, err := warehouse.GetSite(v)
			if site != nil {
				holds = time.Duration(site.ReadingMs) * time.Millisecond
			}
			return err
		})
		if err != nil || holds == 0 {
			continue // the site keeps no readings, or there is no state yet
		}
		if ok, _ := a.quorum(); !ok {
			continue // the next reading is newer anyway
		}
		limit, cancel := context.WithTimeout(ctx, actTime)
		res, err := a.store.Do(limit, replica.By{ID: newID(), Actor: "sensor/" + cfg.ID}, warehouse.GiveReading{Place: place, DeciC: deci, Sensor: cfg.ID})
		cancel()
		switch {
		case err != nil:
			if ctx.Err() == nil {
				a.log.Warn("a temperature was not recorded", "device", cfg.ID+"/sensor", "dock", cfg.Dock, "err", err)
			}
		case !res.OK:
			a.log.Warn("a temperature was refused", "device", cfg.ID+"/sensor", "dock", cfg.Dock, "code", res.Code, "text", res.Text)
			again, told = r.At.Add(time.Minute), deci
		default:
			again, told = r.At.Add(holds/2), deci
		}
	}
}
