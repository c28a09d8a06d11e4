package hil

import (
	"context"

	"tote/drivers/accept"
	"tote/firmware-tests/control"
	"tote/firmware-tests/emulate"
	"tote/firmware-tests/printer"
	"tote/firmware-tests/record"
	"tote/firmware-tests/rfid"
	"tote/firmware-tests/scale"
)

// emulator is what stands in for the device of one driver.
type emulator struct {
	device emulate.Device
	hand   hand
	tcp    bool // reached over the network
}

// hand does what a person does at a device of one kind. done is false for steps
// that it does not know.
type hand func(ctx context.Context, c *control.Client, s accept.Step) (done bool, err error)

// Emulators of the drivers, by name. A driver that is neither here nor among
// those without fails a test: it would be tried out on nothing.
func emulators() map[string]emulator {
	return map[string]emulator{
		"mt-sics":        {device: emulate.Device{Kind: emulate.Scale, Scale: scale.Params{SettleMs: 100}}, hand: weigh},
		"r2000":          {device: emulate.Device{Kind: emulate.RFID, RFID: rfid.Params{Seed: 1}}, hand: hold},
		"serial-scanner": {device: emulate.Device{Kind: emulate.Scanner}, hand: scan},
		"zpl":            {device: emulate.Device{Kind: emulate.Printer, Printer: printer.Params{LabelMs: 100}}, hand: open},
	}
}

// without are the drivers that no emulator stands in for, and why.
func without() map[string]string {
	return map[string]string{"llrp": "its emulator comes with the next change"}
}

// known is a weight that the hand puts on scales, in milligrams.
const known = 1_234_500

func weigh(ctx context.Context, c *control.Client, s accept.Step) (bool, error) {
	switch s {
	case accept.StepClear, accept.StepOff:
		return true, c.Remove(ctx)
	case accept.StepPut:
		return true, c.Put(ctx, known)
	}
	return false, nil
}

func scan(ctx context.Context, c *control.Client, s accept.Step) (bool, error) {
	if s != accept.StepScan {
		return false, nil
	}
	_, err := c.Scan(ctx, "4006381333931")
	return true, err
}

func hold(ctx context.Context, c *control.Client, s accept.Step) (bool, error) {
	if s != accept.StepTag {
		return false, nil
	}
	return true, c.Field(ctx, []record.Tag{{EPC: "3074257BF7194E4000001A85"}})
}

func open(ctx context.Context, c *control.Client, s accept.Step) (bool, error) {
	switch s {
	case accept.StepSample:
		return true, nil // it may
	case accept.StepOpen, accept.StepClose:
		return true, c.Fault(ctx, printer.HeadOpen, s == accept.StepOpen)
	}
	return false, nil
}
