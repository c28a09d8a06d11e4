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
	CodeScaleDrift      = "DEV-208"
	CodeScaleExpanded   = "DEV-209"
	CodeScaleUnzeroed   = "DEV-210"
	CodeScaleBroken     = "DEV-211"
	CodeScaleNoCommand  = "DEV-212"
	CodeScaleNotEmpty   = "DEV-213"
	CodeScaleNotDone    = "DEV-214"
	CodeScaleOther      = "DEV-215"

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
	CodePrinterRefused     = "DEV-319"
	CodePrinterJam         = "DEV-320"
	CodePrinterBroken      = "DEV-321"
	CodePrinterLanguage    = "DEV-322"
	CodePrinterTag         = "DEV-325"
	CodePrinterWrongTag    = "DEV-326"

	CodeLabelUnfit     = "DEV-323"
	CodeLabelCharacter = "DEV-324"

	CodeScannerControl    = "DEV-401"
	CodeScannerTooLong    = "DEV-402"
	CodeScannerUnreadable = "DEV-403"
	CodeScannerIncomplete = "DEV-404"
	CodeScannerNoise      = "DEV-405"
	CodeScannerSilent     = "DEV-406"
	CodeScannerDamaged    = "DEV-407"
	CodeScannerShortened  = "DEV-408"
	CodeScannerRefuses    = "DEV-409"
	CodeScannerKey        = "DEV-410"
	CodeScannerLost       = "DEV-411"
	CodeNotKeyboard       = "DEV-412"
	CodeScannerBabbles    = "DEV-413"

	CodeRFIDSilent     = "DEV-501"
	CodeRFIDUnreadable = "DEV-502"
	CodeRFIDAntenna    = "DEV-503"
	CodeRFIDRefuses    = "DEV-504"
	CodeRFIDInventory  = "DEV-505"
	CodeLLRPHeld       = "DEV-510"
	CodeLLRPClock      = "DEV-511"
	CodeLLRPSilent     = "DEV-512"
	CodeLLRPBroken     = "DEV-513"
	CodeLLRPError      = "DEV-514"
	CodeLLRPLine       = "DEV-515"
	CodeRFIDDamaged    = "DEV-520"
	CodeRFIDHot        = "DEV-521"
	CodeRFIDRegion     = "DEV-522"
	CodeRFIDVariant    = "DEV-523"

	CodePortalCrowd  = "DEV-530"
	CodePortalUntold = "DEV-531"
	CodePlacesCrowd  = "DEV-532"
	CodePlacesLost   = "DEV-533"

	CodeZebraSilent     = "DEV-540"
	CodeZebraUnreadable = "DEV-541"
	CodeZebraTooLong    = "DEV-542"
	CodeZebraTag        = "DEV-543"
	CodeZebraRefuses    = "DEV-544"
	CodeZebraLate       = "DEV-545"
	CodeZebraAlert      = "DEV-546"
	CodeZebraGone       = "DEV-547"

	CodeInputHeld    = "DEV-601"
	CodeButtonHeld   = "DEV-602"
	CodeEStopPressed = "DEV-603"
	CodeEStopLatched = "DEV-604"
	CodeLightGone    = "DEV-605"

	CodePrintUntaken = "DEV-680"
	CodeLabelData    = "DEV-681"
	CodeReport       = "DEV-682"
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

		{CodeScaleSilent, "The scale does not answer.", "Check that the scale is on and that baud rate and protocol are set as configured, and that it sends without being asked where the protocol wants that."},
		{CodeScaleNotReady, "The scale cannot weigh at the moment (menu, adjustment or switched to standby).", "Leave the menu of the scale and clear its pan."},
		{CodeScaleRefuses, "The scale does not understand the question.", "Set the scale to the configured protocol and check baud rate, data bits and parity."},
		{CodeScaleUnit, "The scale shows a unit that is not a weight this site can use.", "Set the scale to g, kg, mg, lb or oz."},
		{CodeScaleUnreadable, "The answers of the scale cannot be read.", "Check baud rate, data bits and parity, and the cable."},
		{CodeScaleOverload, "There is too much on the scale.", "Take the load off the scale."},
		{CodeScaleUnderload, "The scale shows less than its range.", "Check that the pan is in place, clear it and zero the scale."},
		{CodeScaleDrift, "The empty scale does not show zero.", "Take everything off the scale and wipe its pan. If it still does not show zero, zero it."},
		{CodeScaleExpanded, "The scale shows ten times its usual resolution, a display for service that is not weighed with.", "Switch the scale back to its usual display."},
		{CodeScaleUnzeroed, "The scale has not found its zero since it was switched on.", "Take everything off the scale and zero it."},
		{CodeScaleBroken, "The scale reports a fault of its own (memory, adjustment or sensor).", "Switch it off and on with an empty pan. If it comes back, have the scale serviced."},
		{CodeScaleNoCommand, "This scale cannot be zeroed or tared by a command.", "Press the key of the scale."},
		{CodeScaleNotEmpty, "The scale is not at rest, or too much lies on it to be zeroed.", "Take everything off the scale, wait until it rests, and try again."},
		{CodeScaleNotDone, "The scale did not do what it was told: its weights do not show it.", "Try again with an empty pan at rest, or press the key of the scale."},
		{CodeScaleOther, "What is plugged in at this path is not the configured USB scale.", "Correct the path, or the vendor and product in the configuration."},

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
		{CodePrinterRefused, "The printer could not carry out what it was sent (an error of syntax, memory or label border).", "Look whether a label came out and whether it is whole. Check that the labels loaded have the configured size."},
		{CodePrinterJam, "Labels are jammed in the printer.", "Open the printer, take the jammed labels out and close it."},
		{CodePrinterBroken, "The printer reports a fault of its mechanism (cutter, motor, sensor or memory).", "Switch the printer off and on. If it comes back, have it repaired."},
		{CodePrinterLanguage, "The document is written in another printer language than this printer speaks.", "Print it at a printer of its language, or have the carrier give labels in this one's."},
		{CodeLabelUnfit, "The label cannot be drawn: a code or a text does not fit, or this printer's language has no such code.", "Use a larger label or a printer with another language; the text says what does not fit."},
		{CodeLabelCharacter, "The label holds characters that this printer cannot print.", "Print it at a printer that prints all of Unicode (ZPL, TSPL), or write the text in Latin letters."},
		{CodePrinterTag, "The printer did not prove what is written in the RFID tag of the label; it may have printed VOID instead.", "Destroy labels with VOID. Read the tag of the label, if there is one, before it is used. Check that RFID labels are loaded and calibrated."},
		{CodePrinterWrongTag, "The RFID tag was read back with another number than it should hold.", "Destroy the label and ask for a reprint."},

		{CodeScannerControl, "The scan held a control character.", "Scan again. If it comes back, check the scanner's prefix and suffix settings."},
		{CodeScannerTooLong, "The scan was too long.", "Scan again, one code at a time."},
		{CodeScannerUnreadable, "The scan held bytes that are no text.", "Scan again. Check baud rate and parity of the scanner."},
		{CodeScannerIncomplete, "A scan did not come through whole.", "Scan again. Check that the scanner sends the configured suffix."},
		{CodeScannerNoise, "The scanner sends only unreadable data.", "Check baud rate, parity and suffix of the scanner, and the cable."},
		{CodeScannerSilent, "The scanner does not answer.", "Check that it is on and in reach of its cradle, that it is set to SSI (scan the code SSI Host of its manual), and the baud rate."},
		{CodeScannerDamaged, "A scan came damaged and did not come again.", "Scan again. If it comes back, check the cable and the baud rate of the scanner."},
		{CodeScannerShortened, "The scanner sends UPC-E without its system digit or its check digit, so the article cannot be told.", "Set the scanner to transmit both, or to convert UPC-E to UPC-A. Until then type the number."},
		{CodeScannerRefuses, "The scanner refuses to send scans in packets.", "Set the scanner to SSI and to its defaults (scan the code Set Defaults of its manual)."},
		{CodeScannerKey, "The scanner typed a key that stands for no character.", "Scan again. If it comes back, set the scanner to the keyboard layout of the configuration."},
		{CodeScannerLost, "Keys of a scan were lost on the way.", "Scan again. If it comes back, set the scanner to type more slowly."},
		{CodeNotKeyboard, "The configured path is not an input device.", "Use a path of /dev/input/by-id that ends in -event-kbd."},
		{CodeScannerBabbles, "The scanner sends more than anything can scan; nothing of it is taken until it is calm.", "Check that it is a scanner that is plugged in there, and set it to its defaults (its manual has a code for that)."},

		{CodeRFIDSilent, "The RFID reader does not answer.", "Check power and cable of the reader, and that its baud rate is as configured (115200 from the factory)."},
		{CodeRFIDUnreadable, "The answers of the RFID reader cannot be read.", "Check the baud rate, the cable, and that the reader is one of the configured family."},
		{CodeRFIDAntenna, "An antenna of the RFID reader is not connected or broken.", "Check the antenna and its cable, or take it out of the configuration. Until then scan the labels at this door by hand."},
		{CodeRFIDRefuses, "The RFID reader refuses its settings.", "Check antennas and power in the configuration against the reader's manual."},
		{CodeRFIDInventory, "The RFID reader fails to read tags.", "Switch it off and on. If it comes back, check its antennas and its temperature."},
		{CodeLLRPHeld, "Another program holds this RFID reader, which serves one at a time.", "Stop the other program, or the second gateway that has this reader in its configuration. The reader is asked again each minute."},
		{CodeLLRPClock, "The clock of the RFID reader is wrong.", "Give the reader a time server (NTP). Until then the gateway's own time is used."},
		{CodeLLRPSilent, "The RFID reader does not answer, or has gone silent.", "Check power and network cable of the reader, and that address and port (5084) in the configuration are its own. The connection is made anew by itself."},
		{CodeLLRPBroken, "What the RFID reader sends is not LLRP, or is damaged.", "Check that address and port (5084) in the configuration are those of an LLRP reader. The connection is made anew by itself."},
		{CodeLLRPError, "The RFID reader reports an error of its own.", "Look at the log for its words, and at the reader's own page. If it comes back, switch the reader off and on."},
		{CodeLLRPLine, "The RFID reader has no input or output of this number.", "Correct the number of the input in the configuration; the reader's manual tells how many there are."},
		{CodeRFIDDamaged, "Many packets of the RFID reader arrive damaged. It reads all the same, but some tags are missed.", "Check the cable of the reader: its length, its plugs, its shield and ground, and what runs beside it. Check the baud rate."},
		{CodeRFIDHot, "The RFID reader is too hot and reads less.", "Let air to the reader, lower its power, or mount it elsewhere."},
		{CodeRFIDRegion, "The RFID reader has no region set, and must not send.", "Set the region of the site in the configuration of the reader."},
		{CodeRFIDVariant, "The RFID reader is of another family than the configuration says.", "Ask the reader who it is (tote devices probe) and correct its driver in the configuration."},

		{CodePortalCrowd, "A dock's portal hears more tags than it can follow, and forgets those it heard longest ago.", "Take away what lies near the door, lower the reader's power, or leave tags out that are no goods (except_tags). Carry what passed meanwhile through again."},
		{CodePortalUntold, "A dock's portal that should tell in from out has not for ten passes.", "Look for a dead antenna or photo-eye on one side, and whether inner and outer are swapped on one of the two: what they say must agree."},
		{CodePlacesCrowd, "The readers that watch places hear more tags than can be followed, and those that were not read for longest are forgotten.", "Leave tags out that are no goods (only_tags, except_tags of rfid_places), or lower the readers' power."},
		{CodePlacesLost, "The site had no majority for so long that too many tags moved at its places meanwhile; the oldest are lost.", "Bring the other gateways back. Where such a tag was seen last is known again when it moves."},

		{CodeZebraSilent, "The RFID reader does not answer and sends no heartbeats.", "Check its power and network, that its heartbeat is switched on, and that its topics and client id are as configured."},
		{CodeZebraUnreadable, "The RFID reader sends messages that cannot be read.", "Check that the topics of the reader carry its own JSON messages, and its firmware."},
		{CodeZebraTooLong, "The RFID reader sends messages that are too long.", "Set it to smaller batches."},
		{CodeZebraTag, "The RFID reader reports tags without a readable EPC.", "Set its operating mode to report the EPC in hexadecimal."},
		{CodeZebraRefuses, "The RFID reader refuses to read.", "Look at its own page for its operating mode, region and antennas. It is asked again by itself."},
		{CodeZebraLate, "The RFID reader sent reads of some time ago; they were dropped.", "It was cut off from the network, or its clock is wrong: set it to network time. What passed meanwhile has to be scanned by hand."},
		{CodeZebraAlert, "The RFID reader reports a fault of its own.", "See the text of the fault and the reader's own page."},
		{CodeZebraGone, "The RFID reader has lost its connection.", "Check its power and network. It comes back by itself."},

		{CodeInputHeld, "A photo-eye is covered for longer than anything takes to pass: something stands in it, it is dirty or out of line, or its wire is cut.", "Clear what stands before it, clean and align it, check its wire. Until then what passes there is not told apart."},
		{CodeButtonHeld, "A button is pressed for longer than a hand presses: it is stuck, or its wires touch.", "Free the button, check its wire. What it does can be done with its barcode meanwhile."},
		{CodeEStopPressed, "An emergency stop is pressed, or its wire is cut. Power was cut by its own safety relay.", "Go there. Remove the danger, release the button, press its reset."},
		{CodeEStopLatched, "An emergency stop was pressed and is released, and nobody has said that the danger is over.", "Look at the place, then press the reset button."},
		{CodeLightGone, "A pick-to-light controller is not connected. Its lamps show nothing that is true.", "Check its power, its network and its token. Pick by handheld meanwhile: the scan of the bin does what its button does."},

		{CodePrintUntaken, "What is asked for at a station is not printed: no gateway that runs has a printer there, or its printer is not ready.", "Check the name of the station. GET /v1/prints at the gateway it belongs to says what its printer waits for; CancelPrints gives it up."},
		{CodeLabelData, "The label cannot be made of its data: a field is missing, or a number or date is wrong.", "Correct the master data or the order; the text says which field and why."},
		{CodeReport, "The report of a device's test cannot be written.", "Name another folder (--report), or make room and give the right to write there. A test that was over is printed instead."},
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
