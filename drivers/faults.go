package drivers

import "errors"

// Fault codes. They are printed on screens and in manuals: a code never
// changes its meaning.
const (
	CodeUnplugged   = "DEV-101"
	CodeBusy        = "DEV-102"
	CodePermission  = "DEV-103"
	CodeNotAPort    = "DEV-104"
	CodeStalled     = "DEV-105"
	CodeReader      = "DEV-106"
	CodeUnreachable = "DEV-107"
	CodeClosed      = "DEV-108"
	CodeDriver      = "DEV-109"
	CodeAmbiguous   = "DEV-110"
	CodeUnknown     = "DEV-111"
	CodeKnownBad    = "DEV-112"
	CodeForeign     = "DEV-113"

	CodeSensorSilent     = "DEV-120"
	CodeSensorUnreadable = "DEV-121"
	CodeSensorRefuses    = "DEV-122"
	CodeSensorRange      = "DEV-123"

	CodeScaleSilent     = "DEV-201"
	CodeScaleNotReady   = "DEV-202"
	CodeScaleRefuses    = "DEV-203"
	CodeScaleUnit       = "DEV-204"
	CodeScaleUnreadable = "DEV-205"
	CodeScaleOverload   = "DEV-206"
	CodeScaleUnderload  = "DEV-207"

	CodePrinterSilent      = "DEV-301"
	CodePrinterPaperOut    = "DEV-302"
	CodePrinterPaused      = "DEV-303"
	CodePrinterHeadOpen    = "DEV-304"
	CodePrinterRibbonOut   = "DEV-305"
	CodePrinterHot         = "DEV-306"
	CodePrinterCold        = "DEV-307"
	CodePrinterMemory      = "DEV-308"
	CodePrinterBufferFull  = "DEV-309"
	CodePrinterPartial     = "DEV-310"
	CodePrinterBusy        = "DEV-311"
	CodePrinterDiagnostics = "DEV-312"
	CodePrinterUnproven    = "DEV-313"
	CodePrinterFellSilent  = "DEV-314"
	CodePrinterTakeLabel   = "DEV-315"
	CodePrinterTimeout     = "DEV-316"
	CodePrinterUnreadable  = "DEV-317"
	CodePrinterLost        = "DEV-318"

	CodeScannerControl    = "DEV-401"
	CodeScannerTooLong    = "DEV-402"
	CodeScannerUnreadable = "DEV-403"
	CodeScannerIncomplete = "DEV-404"
	CodeScannerNoise      = "DEV-405"

	CodeRFIDSilent     = "DEV-501"
	CodeRFIDUnreadable = "DEV-502"
	CodeRFIDAntenna    = "DEV-503"
	CodeRFIDRefuses    = "DEV-504"
	CodeRFIDInventory  = "DEV-505"

	CodeInputHeld = "DEV-601"
)

// Fault is one line of the table of faults: what is wrong and what to do.
type Fault struct {
	Code   string
	Cause  string
	Action string
}

// Faults returns every fault a driver can raise, in order of code. Logs, the
// console, the handheld and the manual take their texts from here.
func Faults() []Fault {
	return []Fault{
		{CodeUnplugged, "The device is not plugged in or has no power.", "Check the cable and the power switch. Work goes on by itself when the device is back."},
		{CodeBusy, "Another program holds the port of this device, or an earlier write is still stuck in it.", "Stop the other program. If there is none, unplug the device and plug it in again."},
		{CodePermission, "The agent may not open the port.", "Give the agent's user access to the port (group dialout)."},
		{CodeNotAPort, "The configured path is not a serial port, or the port refuses the line settings.", "Correct the path, baud rate or parity in the configuration."},
		{CodeStalled, "The device takes no more data.", "Look at the device: it may be out of paper, paused or hung. Switch it off and on."},
		{CodeReader, "Reading from the port broke down inside the agent.", "It is opened again by itself. If it comes back, send the log to support."},
		{CodeUnreachable, "The device does not answer on the network.", "Check power, network cable and address of the device, and that no other computer holds its connection."},
		{CodeClosed, "The port was closed.", "Nothing; the agent is stopping or opening the port again."},
		{CodeDriver, "The driver of this device failed.", "It is started again by itself. If it comes back, send the log to support."},

		{CodeAmbiguous, "Several devices have the USB identity of this one.", "Add its serial_number or interface in the configuration, or name the port by the socket it is plugged into, /dev/serial/by-path/… (`tote devices list` shows them)."},
		{CodeUnknown, "A device is plugged in that the configuration does not name. It is left alone.", "Nothing, if it belongs to nobody here. Else `tote devices probe` says what it is and what to write into the configuration."},
		{CodeKnownBad, "The device runs firmware with a published fault that this site would meet.", "Update the firmware; the text says which one and where the fault is described. The device goes on working until then."},
		{CodeForeign, "Something talks at this port that no driver understands.", "Check what is plugged in there, and its baud rate. `tote devices trace` shows what it says."},

		{CodeSensorSilent, "The sensor does not answer.", "Check its power, the two wires of the bus (swapped?), and that baud rate and address are as configured."},
		{CodeSensorUnreadable, "The answers of the sensor cannot be read.", "Check baud rate and parity, the wires, and that each address is on the bus once."},
		{CodeSensorRefuses, "The sensor refuses the question.", "Check that it is of the configured family: it has no such register."},
		{CodeSensorRange, "The sensor tells a value that it cannot measure.", "Set per_degree to 100 if it counts hundredths of a degree. Else it is broken: until it is replaced, no reading of it is used."},

		{CodeScaleSilent, "The scale does not answer.", "Check that the scale is on and that baud rate and protocol (MT-SICS) are set as configured."},
		{CodeScaleNotReady, "The scale cannot weigh at the moment (menu, adjustment or switched to standby).", "Leave the menu of the scale and clear its pan."},
		{CodeScaleRefuses, "The scale does not understand the question (ES, ET or EL).", "Set the scale to MT-SICS and check baud rate, data bits and parity."},
		{CodeScaleUnit, "The scale shows a unit that is not a weight this site can use.", "Set the scale to g, kg, mg, lb or oz."},
		{CodeScaleUnreadable, "The answers of the scale cannot be read.", "Check baud rate, data bits and parity, and the cable."},
		{CodeScaleOverload, "There is too much on the scale.", "Take the load off the scale."},
		{CodeScaleUnderload, "The scale shows less than its range.", "Check that the pan is in place, clear it and zero the scale."},

		{CodePrinterSilent, "The printer does not answer.", "Check that the printer is on, has labels, is closed (some printers are silent without) and is set to ZPL."},
		{CodePrinterPaperOut, "The printer is out of labels.", "Load a new roll and close the head."},
		{CodePrinterPaused, "The printer is paused.", "Press the pause key of the printer."},
		{CodePrinterHeadOpen, "The print head is open.", "Close the head."},
		{CodePrinterRibbonOut, "The ribbon is used up.", "Put in a new ribbon."},
		{CodePrinterHot, "The print head is too hot.", "Wait until it has cooled down."},
		{CodePrinterCold, "The print head is too cold.", "Wait until it has warmed up."},
		{CodePrinterMemory, "The printer has lost its settings (memory fault).", "Switch it off and on and set it up again."},
		{CodePrinterBufferFull, "The printer's buffer is full.", "Wait. If it stays so, switch the printer off and on."},
		{CodePrinterPartial, "The printer holds half a label of a transfer that was cut.", "Switch the printer off and on. Do not let the half label be printed."},
		{CodePrinterBusy, "The printer is still working on another label.", "Wait for it, or cancel the other job at the printer."},
		{CodePrinterDiagnostics, "The printer is in diagnostics mode and would print codes instead of a label.", "Leave the diagnostics mode (switch the printer off and on)."},
		{CodePrinterUnproven, "The label was sent but the printer never showed that it had it.", "Look whether the label came out: scan it if it did, ask for a reprint if it did not."},
		{CodePrinterFellSilent, "The printer stopped answering while it had the label.", "Look whether the label came out: scan it if it did, ask for a reprint if it did not."},
		{CodePrinterTakeLabel, "The last label is still waiting to be taken.", "Take the label."},
		{CodePrinterTimeout, "The label was not finished in time.", "Look whether the label came out: scan it if it did, ask for a reprint if it did not."},
		{CodePrinterUnreadable, "The answers of the printer cannot be read.", "Check baud rate, parity and flow control, and the cable."},
		{CodePrinterLost, "The connection to the printer broke after the label was sent.", "Look whether the label came out: scan it if it did, ask for a reprint if it did not."},

		{CodeScannerControl, "The scan held a control character.", "Scan again. If it comes back, check the scanner's prefix and suffix settings."},
		{CodeScannerTooLong, "The scan was too long.", "Scan again, one code at a time."},
		{CodeScannerUnreadable, "The scan held bytes that are no text.", "Scan again. Check baud rate and parity of the scanner."},
		{CodeScannerIncomplete, "A scan did not come through whole.", "Scan again. Check that the scanner sends the configured suffix."},
		{CodeScannerNoise, "The scanner sends only unreadable data.", "Check baud rate, parity and suffix of the scanner, and the cable."},

		{CodeRFIDSilent, "The RFID reader does not answer.", "Check power and cable of the reader, and that its baud rate is as configured (115200 from the factory)."},
		{CodeRFIDUnreadable, "The answers of the RFID reader cannot be read.", "Check the baud rate, the cable, and that the reader is one of the configured family."},
		{CodeRFIDAntenna, "An antenna of the RFID reader is not connected or broken.", "Check the antenna and its cable, or take it out of the configuration. Until then scan the labels at this door by hand."},
		{CodeRFIDRefuses, "The RFID reader refuses its settings.", "Check antennas and power in the configuration against the reader's manual."},
		{CodeRFIDInventory, "The RFID reader fails to read tags.", "Switch it off and on. If it comes back, check its antennas and its temperature."},

		{CodeInputHeld, "A photo-eye is covered for longer than anything takes to pass: something stands in it, it is dirty or out of line, or its wire is cut.", "Clear what stands before it, clean and align it, check its wire. Until then what passes there is not told apart."},
	}
}

// FaultOf returns the line of the table for code, or a zero Fault.
func FaultOf(code string) Fault {
	for _, f := range Faults() {
		if f.Code == code {
			return f
		}
	}
	return Fault{}
}

// Error is an error with a fault code. The sentinels below are compared with
// errors.Is.
type Error struct {
	code, text string
}

// Error gives the sentence of the error.
func (e *Error) Error() string { return e.text }

// Code gives the fault code.
func (e *Error) Code() string { return e.code }

// Sentinels of ports and sessions.
var (
	// ErrUnplugged: there is no device, or it has gone.
	ErrUnplugged = &Error{CodeUnplugged, "the device is not there"}
	// ErrBusy: somebody else holds the port.
	ErrBusy = &Error{CodeBusy, "the port is held by another program"}
	// ErrAmbiguous: several devices have the name of this one.
	ErrAmbiguous = &Error{CodeAmbiguous, "several devices have this USB identity"}
	// ErrPermission: the operating system does not let us open the port.
	ErrPermission = &Error{CodePermission, "no permission to open the port"}
	// ErrNotAPort: the path is no serial port or refuses the line settings.
	ErrNotAPort = &Error{CodeNotAPort, "not a usable serial port"}
	// ErrStalled: the line took no byte for the stall limit. The port is dead.
	ErrStalled = &Error{CodeStalled, "the device takes no more data"}
	// ErrReader: the reading goroutine broke down. The port is dead.
	ErrReader = &Error{CodeReader, "reading from the port broke down"}
	// ErrUnreachable: nothing answers at the network address.
	ErrUnreachable = &Error{CodeUnreachable, "the device does not answer on the network"}
	// ErrClosed: the port was closed by its owner.
	ErrClosed = &Error{CodeClosed, "the port is closed"}
)

// CodeOf gives the fault code within err, or "" when it carries none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.code
	}
	return ""
}

// Coded gives an error that carries a fault code, with the table's cause as
// its sentence.
func Coded(code string) *Error { return &Error{code, FaultOf(code).Cause} }
