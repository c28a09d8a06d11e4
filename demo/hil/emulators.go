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
	"tote/firmware-tests/scanner"
)

// emulator is what stands in for the device of one driver.
type emulator struct {
	device emulate.Device
	hand   hand
	tcp    bool   // reached over the network
	region string // of a reader that has to be told whose rules it sends by
}

// hand does what a person does at a device of one kind. done is false for steps
// that it does not know.
type hand func(ctx context.Context, c *control.Client, s accept.Step) (done bool, err error)

// Emulators of the drivers, by name. A driver that is neither here nor among
// those without fails a test: it would be tried out on nothing.
func emulators() map[string]emulator {
	out := map[string]emulator{
		"llrp":           {device: emulate.Device{Kind: emulate.LLRP}, hand: hold, tcp: true},
		"serial-scanner": {device: emulate.Device{Kind: emulate.Scanner}, hand: scan},
		"ssi":            {device: emulate.Device{Kind: emulate.Scanner, Scanner: scanner.Params{Protocol: scanner.SSI}}, hand: scan},
		"xy-md02":        {device: emulate.Device{Kind: emulate.Sensor}, hand: nobody},
	}
	for _, protocol := range []string{"mt-sics", "toledo", "toledo-plain", "nci", "toledo-8213", "sma", "a-and-d", "kern", "ohaus"} {
		out[protocol] = emulator{device: emulate.Device{Kind: emulate.Scale, Scale: scale.Params{Protocol: protocol, SettleMs: 100}}, hand: weigh}
	}
	for _, family := range []string{rfid.FamilyR2000, rfid.FamilyR200, rfid.FamilyUHF18, rfid.FamilyUHF288, rfid.FamilyMerc} {
		out[family] = emulator{device: emulate.Device{Kind: emulate.RFID, RFID: rfid.Params{Family: family, Seed: 1}}, hand: hold}
	}
	e := out[rfid.FamilyMerc]
	e.region = "eu"
	out[rfid.FamilyMerc] = e
	for _, language := range []string{"zpl", "tspl", "epl2", "escpos"} {
		out[language] = emulator{device: emulate.Device{Kind: emulate.Printer, Printer: printer.Params{Language: language, LabelMs: 100}}, hand: open}
	}
	return out
}

// without are the drivers that no emulator stands in for, and why.
func without() map[string]string {
	const atBroker = "it speaks at the broker of a gateway, not at a port; tried out with its emulator in agent/readers_test.go"
	return map[string]string{
		"wedge":      "its emulator would need uinput of the kernel; tried out on written events in drivers/scanner/evdev",
		"hid":        "its emulator speaks reports, which have no serial line; tried out in drivers/scale/hid",
		"regex":      "it is whatever somebody writes; its trial has a pattern of its own",
		"ziotc":      atBroker,
		"ziotc-sled": atBroker,
	}
}

// nobody is the hand at a device that has no step of its own.
func nobody(context.Context, *control.Client, accept.Step) (bool, error) { return false, nil }

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
