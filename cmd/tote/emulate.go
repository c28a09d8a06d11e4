package main

import (
	"context"
	"os"

	"tote/firmware-tests/emulate"
	"tote/firmware-tests/script"
)

type emulateCmd struct {
	Script string `help:"YAML file of faults by a timetable, see firmware-tests/README.md." type:"existingfile" placeholder:"FILE"`

	Scale   emulateScale   `cmd:"" help:"A bench scale: MT-SICS, or another protocol."`
	Printer emulatePrinter `cmd:"" help:"A label or receipt printer: ZPL, TSPL, EPL2 or ESC/POS."`
	Scanner emulateScanner `cmd:"" help:"A serial barcode scanner."`
	Wedge   emulateWedge   `cmd:"" help:"A barcode scanner that acts as a keyboard."`
	RFID    emulateRFID    `cmd:"" name:"rfid" help:"A UHF RFID reader on a serial line, with the tags in front of it."`
	LLRP    emulateLLRP    `cmd:"" name:"llrp" help:"A fixed RFID reader that speaks LLRP, with the tags in front of it and its inputs."`
	Sensor  emulateSensor  `cmd:"" help:"A temperature and humidity sensor of the XY-MD02 family, on Modbus RTU."`
	Robot   emulateRobot   `cmd:"" help:"A mobile robot that speaks VDA 5050."`

	Conveyor emulateConveyor `cmd:"" help:"A conveyor with a scanner and lanes that speaks MQTT."`
	GPIO     emulateGPIO     `cmd:"" name:"gpio" help:"A board of GPIO lines: a photo-eye, a light tower."`
	ZIOTC    emulateZIOTC    `cmd:"" name:"ziotc" help:"An RFID reader or sled that speaks MQTT (ziotc)."`
	Light    emulateLight    `cmd:"" help:"A pick-to-light controller that speaks MQTT, with its modules."`
	Group    emulateGroup    `cmd:"" help:"Several devices from a file."`
}

type (
	emulateScale struct {
		emulate.ScaleArgs `embed:""`
	}
	emulatePrinter struct {
		emulate.PrinterArgs `embed:""`
	}
	emulateScanner struct {
		emulate.ScannerArgs `embed:""`
	}
	emulateWedge struct {
		emulate.WedgeArgs `embed:""`
	}
	emulateRFID struct {
		emulate.RFIDArgs `embed:""`
	}
	emulateLLRP struct {
		emulate.LLRPArgs `embed:""`
	}
	emulateSensor struct {
		emulate.SensorArgs `embed:""`
	}
	emulateRobot struct {
		emulate.RobotArgs `embed:""`
	}
	emulateConveyor struct {
		emulate.ConveyorArgs `embed:""`
	}
	emulateGPIO struct {
		emulate.GPIOArgs `embed:""`
	}
	emulateZIOTC struct {
		emulate.ZIOTCArgs `embed:""`
	}
	emulateLight struct {
		emulate.LightArgs `embed:""`
	}
	emulateGroup struct {
		emulate.GroupArgs `embed:""`
	}
)

func (c emulateScale) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateLLRP) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulatePrinter) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateScanner) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateRFID) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateSensor) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateRobot) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateConveyor) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateZIOTC) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateLight) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateWedge) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateGPIO) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (c emulateGroup) Run(ctx context.Context, e *emulateCmd) error { return e.run(ctx, c.Options) }

func (e *emulateCmd) run(ctx context.Context, options func() (emulate.Options, error)) error {
	o, err := options()
	if err != nil {
		return err
	}
	if e.Script != "" {
		if o.Script, err = script.Load(e.Script); err != nil {
			return err
		}
	}
	o.Logger = logger("info", "text")
	return emulate.Main(ctx, o, os.Stdout)
}
