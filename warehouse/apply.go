package warehouse

import (
	"errors"
	"fmt"

	"tote/warehouse/detcbor"
)

// entry ties a kind to its name, version, decoder and handler.
type entry struct {
	kind    Kind
	name    string
	version uint16 // the first one that is still read
	newest  uint16
	decode  func(body []byte) (Command, error)
	encode  func(cmd Command) ([]byte, error)
	handle  func(c *change, cmd Command) (Result, error)
}

// table lists every command once. A kind or version that ever reached a log
// stays here for ever; a changed meaning is a new version.
var table = []entry{
	command(KindPutSite, "PutSite", 1, putSite).upTo(3),          // 2: upstreams, the archive, parcels, offers, profiles; 3: PINs
	command(KindPutItems, "PutItems", 1, putItems).upTo(2),       // 2: pictures, profiles
	command(KindPutBins, "PutBins", 1, putBins).upTo(2),          // 2: what a bin carries
	command(KindPutWorkers, "PutWorkers", 1, putWorkers).upTo(2), // 2: roles
	command(KindOpenStock, "OpenStock", 1, openStock),
	command(KindReleaseOrder, "ReleaseOrder", 1, releaseOrder).upTo(2), // 2: party, customer, refs
	command(KindCancelOrder, "CancelOrder", 1, cancelOrder),
	command(KindRetryOrder, "RetryOrder", 1, retryOrder),
	command(KindSignIn, "SignIn", 1, signIn).upTo(2), // 2: PINs
	command(KindSignOut, "SignOut", 1, signOut),
	command(KindAskWork, "AskWork", 1, askWork).upTo(2), // 2: a zone
	command(KindAssignBatch, "AssignBatch", 1, assignBatch),
	command(KindScan, "Scan", 1, scan),
	command(KindShortPick, "ShortPick", 1, shortPick),
	command(KindFinishBatch, "FinishBatch", 1, finishBatch),
	command(KindStartPack, "StartPack", 1, startPack),
	command(KindPack, "Pack", 1, pack),
	command(KindLabelSent, "LabelSent", 1, labelSent),
	command(KindLabelOutcome, "LabelOutcome", 1, labelOutcome),
	command(KindReprint, "Reprint", 1, reprint),
	command(KindLoad, "Load", 1, loadParcel),
	command(KindDepart, "Depart", 1, depart),
	command(KindAdvanceTime, "AdvanceTime", 1, advanceTime),
	command(KindAssignTransport, "AssignTransport", 1, assignTransport),
	command(KindTransportState, "TransportState", 1, transportState),
	command(KindRetryTransport, "RetryTransport", 1, retryTransport),
	command(KindRobotPick, "RobotPick", 1, robotPick).upTo(2),    // 2: Said
	command(KindPortalPass, "PortalPass", 1, portalPass).upTo(2), // 2: way, times, strengths
	command(KindUnitCameIn, "UnitCameIn", 1, unitCameIn),
	command(KindTagSeen, "TagSeen", 1, tagSeenAt),
	command(KindInduct, "Induct", 1, induct),
	command(KindDivert, "Divert", 1, divert),
	command(KindClearFallout, "ClearFallout", 1, clearFallout),
	command(KindMoveStock, "MoveStock", 1, moveStock).upTo(2), // 2: a second person
	command(KindSetStatus, "SetStatus", 1, setStatus),
	command(KindAdjustStock, "AdjustStock", 1, adjustStock),
	command(KindApproveAdjust, "ApproveAdjust", 1, approveAdjust),
	command(KindRefuseAdjust, "RefuseAdjust", 1, refuseAdjust),
	command(KindPutLU, "PutLU", 1, putLU),
	command(KindPlaceLU, "PlaceLU", 1, placeUnit),
	command(KindKeepStock, "KeepStock", 1, keepStock),
	command(KindFreeStock, "FreeStock", 1, freeStock),
	command(KindConfirmPack, "ConfirmPack", 1, confirmPack),
	command(KindAcceptQuote, "AcceptQuote", 1, acceptQuote),
	command(KindDeclineQuote, "DeclineQuote", 1, declineQuote),
	command(KindHoldOrder, "HoldOrder", 1, holdOrder),
	command(KindReleaseHold, "ReleaseHold", 1, releaseHold),
	command(KindProductionDone, "ProductionDone", 1, productionDone),
	command(KindEnterOrder, "EnterOrder", 1, enterOrder).upTo(2), // 2: as ReleaseOrder
	command(KindBindOrder, "BindOrder", 1, bindOrder),
	command(KindPutBack, "PutBack", 1, putBack),
	command(KindAckFallout, "AckFallout", 1, ackFallout),
	command(KindClaimFloor, "ClaimFloor", 1, claimFloor),
	command(KindSkipFloor, "SkipFloor", 1, skipFloor),
	command(KindMoveFloor, "MoveFloor", 1, moveFloor),
	command(KindEndFloor, "EndFloor", 1, endFloor),
	command(KindAskMove, "AskMove", 1, askMove).upTo(2), // 2: owner, serial, status, a second person
	command(KindUnpick, "Unpick", 1, unpick),
	command(KindUnpack, "Unpack", 1, unpack).upTo(2), // 2: one parcel
	command(KindUnload, "Unload", 1, unload),
	command(KindReassignBatch, "ReassignBatch", 1, reassignBatch),
	command(KindForceRelease, "ForceRelease", 1, forceRelease),
	command(KindHandOver, "HandOver", 1, handOver),
	command(KindSkipLine, "SkipLine", 1, skipLine),
	command(KindChangeLot, "ChangeLot", 1, changeLot),
	command(KindPutSuppliers, "PutSuppliers", 1, putSuppliers),
	command(KindPutVendorCodes, "PutVendorCodes", 1, putVendorCodes),
	command(KindAnnounceReceipt, "AnnounceReceipt", 1, announceReceipt),
	command(KindOpenReceipt, "OpenReceipt", 1, openReceipt),
	command(KindCheckReceipt, "CheckReceipt", 1, checkReceipt),
	command(KindCloseReceipt, "CloseReceipt", 1, closeReceipt),
	command(KindCancelReceipt, "CancelReceipt", 1, cancelReceipt),
	command(KindReceive, "Receive", 1, receive),
	command(KindReceiveUnit, "ReceiveUnit", 1, receiveUnit).upTo(2), // 2: serials
	command(KindAnnounceTags, "AnnounceTags", 1, announceTags),
	command(KindSeeTags, "SeeTags", 1, seeTags),
	command(KindBookTags, "BookTags", 1, bookTags),
	command(KindProposeAlias, "ProposeAlias", 1, proposeAlias),
	command(KindDecideAlias, "DecideAlias", 1, decideAlias),
	command(KindRequestCount, "RequestCount", 1, requestCount),
	command(KindDecideCount, "DecideCount", 1, decideCount),
	command(KindZeroCheck, "ZeroCheck", 1, zeroCheck),
	command(KindCountZone, "CountZone", 1, countZone),
	command(KindPutPickFaces, "PutPickFaces", 1, putPickFaces),
	command(KindAnnounceReturn, "AnnounceReturn", 1, announceReturn),
	command(KindReceiveReturn, "ReceiveReturn", 1, receiveReturn),
	command(KindInspectReturn, "InspectReturn", 1, inspectReturn),
	command(KindCarrierDown, "CarrierDown", 1, carrierDown),
	command(KindCarrierUp, "CarrierUp", 1, carrierUp),
	command(KindLabelGiven, "LabelGiven", 1, labelGiven),
	command(KindLabelRefused, "LabelRefused", 1, labelRefused),
	command(KindChangeCarrier, "ChangeCarrier", 1, changeCarrier).upTo(2), // 2: all parcels
	command(KindFileDocument, "FileDocument", 1, fileDocument),
	command(KindCloseManifest, "CloseManifest", 1, closeManifest),
	command(KindMeasureItem, "MeasureItem", 1, measureItem),
	command(KindReprintDocument, "ReprintDocument", 1, reprintDocument),
	command(KindCloseReturn, "CloseReturn", 1, closeReturn),
	command(KindNextCarton, "NextCarton", 1, nextCarton),
	command(KindPackItem, "PackItem", 1, packItem),
	command(KindReportLost, "ReportLost", 1, reportLost),
	command(KindReplaceParcel, "ReplaceParcel", 1, replaceParcel),
	command(KindPrintLabels, "PrintLabels", 1, printLabels),
	command(KindPrintSent, "PrintSent", 1, printSent),
	command(KindPrintOutcome, "PrintOutcome", 1, printOutcome),
	command(KindReprintLabel, "ReprintLabel", 1, reprintLabel),
	command(KindCancelPrints, "CancelPrints", 1, cancelPrints),
	command(KindBookOpening, openingReason, 1, bookOpening),
	command(KindSetPin, "SetPin", 1, setPin),
	command(KindGiveReading, "GiveReading", 1, giveReading),
	command(KindDoubleCheck, "DoubleCheck", 1, doubleCheck),
	command(KindBeginModel, "BeginModel", 1, beginModel),
	command(KindStageModel, "StageModel", 1, stageModel),
	command(KindCommitModel, "CommitModel", 1, commitModel),
	command(KindStepModel, "StepModel", 1, stepModel),
	command(KindDropModel, "DropModel", 1, dropModel),
}

func command[C Command](k Kind, name string, version uint16, h func(*change, C) (Result, error)) entry {
	fast := detcbor.Compile(*new(C))
	return entry{
		kind: k, name: name, version: version, newest: version,
		decode: func(body []byte) (Command, error) { return decodeAs[C](name, fast, body) },
		encode: func(cmd Command) ([]byte, error) { return encodeAs[C](name, fast, cmd) },
		handle: func(c *change, cmd Command) (Result, error) {
			t, ok := cmd.(C)
			if !ok {
				return Result{}, refuse(CodeMalformed, "%s does not fit kind %#04x", name, uint16(k))
			}
			return h(c, t)
		},
	}
}

// upTo says that later versions of the command are read as well.
func (e entry) upTo(newest uint16) entry {
	e.newest = newest
	return e
}

func (e entry) reads(version uint16) bool { return e.version <= version && version <= e.newest }

func lookup(k Kind) (entry, bool) {
	for _, e := range table {
		if e.kind == k {
			return e, true
		}
	}
	return entry{}, false
}

// CommandName is the name of a kind, for logs; "" when unknown.
func CommandName(k Kind) string {
	e, _ := lookup(k)
	return e.name
}

// refusal is the error by which a handler refuses. It ends at Apply.
type refusal struct {
	code, text string
	keep       bool // the writes so far stay: the refusal itself is a fact
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refuse(code, format string, args ...any) error {
	return &refusal{code: code, text: fmt.Sprintf(format, args...)}
}

func refuseKeep(code, format string, args ...any) error {
	return &refusal{code: code, text: fmt.Sprintf(format, args...), keep: true}
}

// Commands of a handheld or of a station are answered with what to do next.
type (
	fromDevice  interface{ deviceID() string }
	fromStation interface{ stationID() string }
)

func (c SignIn) deviceID() string      { return c.Device }
func (c SignOut) deviceID() string     { return c.Device }
func (c AskWork) deviceID() string     { return c.Device }
func (c Scan) deviceID() string        { return c.Device }
func (c ShortPick) deviceID() string   { return c.Device }
func (c FinishBatch) deviceID() string { return c.Device }
func (c StartPack) stationID() string  { return c.Station }
func (c Pack) stationID() string       { return c.Station }

// Apply runs one command. A refusal is a Result that is not OK; unless its Keep
// is set, tx is as it was. The error is for a transaction that failed or a state
// that contradicts itself: the caller must stop.
func Apply(tx Tx, m Meta, cmd Command) (Result, error) {
	e, ok := lookup(cmd.Kind())
	if !ok {
		return Result{Code: CodeUnknownKind, Text: fmt.Sprintf("kind %#04x", uint16(cmd.Kind()))}, nil
	}
	c := newChange(tx, m, e.name)
	res, err := e.handle(c, cmd)
	var no *refusal
	var big *tooBigError
	if err == nil || errors.As(err, &no) && no.keep {
		if bad := c.settle(); bad != nil {
			err = bad
		}
	}
	if err == nil || errors.As(err, &no) && no.keep {
		if why := c.tooMuch(); why != "" {
			err = &tooBigError{why}
		}
	}
	if errors.As(err, &big) {
		// What it wrote is dropped. A release is refused like any other
		// that is not valid, so that the OMS hears of it.
		release := c.releasing
		c = newChange(tx, m, e.name)
		err = refuse(CodeTooBig, "%s", big.why)
		if release {
			c.tooBig = big.why
			res, err = e.handle(c, cmd)
		}
	}
	switch {
	case err == nil:
		res.OK = true
		if res.Code == "" {
			res.Code = CodeOK
		}
	case errors.As(err, &no):
		res = Result{Code: no.code, Text: no.text, Keep: no.keep, Ref: res.Ref}
	default:
		return Result{}, fmt.Errorf("%s: %w", e.name, err)
	}
	if res.OK || res.Keep {
		if err := c.finish(tx); err != nil {
			return Result{}, fmt.Errorf("%s: %w", e.name, err)
		}
		res.Touched = c.touched
	}
	res.Text = cleanText(res.Text)
	var r Reader = tx
	if res.OK || res.Keep {
		r = &after{tx, c}
	}
	if res.Next, err = nextFor(r, cmd); err != nil {
		return Result{}, fmt.Errorf("%s: %w", e.name, err)
	}
	if res.Next != nil && !res.OK {
		res.Next.Code = res.Code
	}
	if res.Next != nil && !c.since(level4) {
		res.Next.Zones = false // logs of before have answers that know no zones
	}
	return res, nil
}

// nextFor is what the device or station that asked does next; nil for others.
func nextFor(r Reader, cmd Command) (*Step, error) {
	switch who := cmd.(type) {
	case fromDevice:
		return NextStep(r, who.deviceID())
	case fromStation:
		return StationStep(r, who.stationID())
	case RobotPick:
		ws, err := GetWorkerState(r, who.Worker)
		if err != nil || ws == nil || ws.Device == "" {
			return nil, err
		}
		return NextStep(r, ws.Device)
	}
	return nil, nil
}

// Speaks tells whether this version knows the command.
func Speaks(kind, version uint16) bool {
	e, ok := lookup(Kind(kind))
	return ok && e.reads(version)
}

// Kinds lists the kinds of this package in the order of the table.
func Kinds() []Kind {
	kinds := make([]Kind, len(table))
	for i, e := range table {
		kinds[i] = e.kind
	}
	return kinds
}
