package projection

import (
	"cmp"
	"maps"
	"slices"

	"tote/warehouse"
)

// LightTask is the payload of state/task of a pick-to-light controller: the modules
// that are lit. Every other module is dark.
type LightTask struct {
	Lamps []Lamp `json:"lamps"` // in the order of the modules' addresses, each at most once
}

// Lamp is a module that is lit.
type Lamp struct {
	Module   string `json:"module"`
	Bin      string `json:"bin"`
	Task     string `json:"task"`     // echoed by a press
	Handheld string `json:"handheld"` // echoed by a press
	Worker   string `json:"worker"`
	Qty      int64  `json:"qty"` // for the display: what is still to be taken, from 1
	// Press: the button is waited for. Else it was pressed, or the bin scanned,
	// and the pieces are being taken.
	Press bool `json:"press"`
}

// pick notes the lamp a worker needs at a step, nil = none. A robot looks at no
// lamp, and without lights nobody does.
func (p *Projector) pick(worker, device string, step *warehouse.Step) error {
	if len(p.cfg.Lights) == 0 {
		return nil
	}
	delete(p.picks, worker)
	if step != nil && (step.Do == warehouse.StepScanBin || step.Do == warehouse.StepScanItem) && step.Kind == "" {
		var kind string
		err := p.cfg.View(func(r warehouse.Reader) (err error) {
			kind, err = warehouse.WorkerKind(r, worker)
			return err
		})
		if err != nil {
			return err
		}
		if kind != warehouse.WorkerRobot {
			p.picks[worker] = Lamp{
				Bin: step.Bin, Task: step.Task, Handheld: device, Worker: worker,
				Qty: step.Qty, Press: step.Do == warehouse.StepScanBin,
			}
		}
	}
	return p.lights()
}

// connectedLight publishes what a light that connected must know. One that is not
// in the configuration gets its sequence, and shows nothing.
func (p *Projector) connectedLight(id string) error {
	if err := p.seq("light", id); err != nil {
		return err
	}
	return p.light(id)
}

// lights publishes what the lights show.
func (p *Projector) lights() error {
	for id := range p.cfg.Lights {
		if err := p.light(id); err != nil {
			return err
		}
	}
	return nil
}

// light publishes what one light shows. Of two workers at a bin the one whose
// press is waited for comes first; the other follows when it is done.
func (p *Projector) light(id string) error {
	byBin := map[string]Lamp{}
	for _, l := range p.picks {
		if old, ok := byBin[l.Bin]; !ok || before(l, old) {
			byBin[l.Bin] = l
		}
	}
	task := LightTask{Lamps: []Lamp{}}
	bins := p.cfg.Lights[id]
	for _, module := range slices.Sorted(maps.Keys(bins)) {
		if l, ok := byBin[bins[module]]; ok {
			l.Module = module
			task.Lamps = append(task.Lamps, l)
		}
	}
	return p.publish("light", id, "task", task)
}

func before(a, b Lamp) bool {
	if a.Press != b.Press {
		return a.Press
	}
	return cmp.Less(a.Task, b.Task)
}
