package warehouse

// Fault explains a code: what happened and what to do. The tables of all
// packages together feed the log, the handheld, the console and docs/faults.md.
type Fault struct {
	Code, Cause, Action string
}

// Answer codes that are no fault.
const (
	CodeOK   = "OK"
	CodeWait = "WAIT" // work will come on state/task
)

// Refusals: the command changed nothing.
const (
	CodeMalformed       = "MALFORMED"
	CodeUnknownKind     = "UNKNOWN_COMMAND"
	CodeUnknownItem     = "UNKNOWN_ITEM"
	CodeUnknownBin      = "UNKNOWN_BIN"
	CodeUnknownBarcode  = "UNKNOWN_BARCODE"
	CodeUnknownOrder    = "UNKNOWN_ORDER"
	CodeUnknownTote     = "UNKNOWN_TOTE"
	CodeUnknownSSCC     = "UNKNOWN_SSCC"
	CodeArchived        = "ARCHIVED"
	CodeUnknownJob      = "UNKNOWN_JOB"
	CodeUnknownBadge    = "UNKNOWN_BADGE"
	CodeUnknownMethod   = "UNKNOWN_SHIP_METHOD"
	CodeInvalid         = "INVALID" // a field is missing or out of range; Text names it
	CodeConflict        = "CONFLICT"
	CodeRevision        = "E_REVISION"
	CodeNotSignedIn     = "NOT_SIGNED_IN"
	CodeHasWork         = "HAS_WORK"
	CodeNoWork          = "NO_WORK"
	CodeNotWaiting      = "NOT_WAITING"
	CodePoolChanged     = "POOL_CHANGED"
	CodeWrongStep       = "WRONG_STEP"
	CodeWrongBin        = "WRONG_BIN"
	CodeWrongItem       = "WRONG_ITEM"
	CodeWrongLot        = "WRONG_LOT"
	CodeWrongSlot       = "WRONG_SLOT"
	CodeToteInUse       = "TOTE_IN_USE"
	CodeOverPick        = "OVER_PICK"
	CodeQtyMissing      = "QTY_MISSING"
	CodeReplayInvalid   = "REPLAY_INVALID"
	CodeStationBusy     = "STATION_BUSY"
	CodeNotPicked       = "NOT_PICKED"
	CodeInFallout       = "IN_FALLOUT"
	CodeWeightMismatch  = "WEIGHT_MISMATCH"
	CodeLabelState      = "LABEL_STATE"
	CodeNotLabelled     = "NOT_LABELLED"
	CodeAlreadyLoaded   = "ALREADY_LOADED"
	CodeNothingLoaded   = "NOTHING_LOADED"
	CodeSoftPONR        = "E_SOFT_PONR"
	CodeHardPONR        = "E_HARD_PONR"
	CodeTrackingUsedUp  = "TRACKING_USED_UP"
	CodeSiteNotSet      = "SITE_NOT_SET"
	CodeDuplicateInFile = "DUPLICATE_IN_FILE"
	CodeSSCCUsedUp      = "SSCC_USED_UP"
	CodeIllegalState    = "ILLEGAL_STATE"  // the transition table has no such step
	CodeNegativeStock   = "NEGATIVE_STOCK" // a real place would go below zero

	CodeUnknownTransport = "UNKNOWN_TRANSPORT"
	CodeTransportTaken   = "TRANSPORT_TAKEN"
	CodeTransportState   = "TRANSPORT_STATE"
	CodeRobotBusy        = "ROBOT_BUSY"
	CodeNotARobot        = "NOT_A_ROBOT"
	CodeNotVerified      = "NOT_VERIFIED"
	CodeNoRead           = "CONVEYOR_NO_READ"
	CodeNoLane           = "NO_LANE"
	CodeExpired          = "E_EXPIRED"
	CodeUnknownFallout   = "UNKNOWN_FALLOUT"
	CodeUnknownReceipt   = "UNKNOWN_RECEIPT"
	CodeUnknownReturn    = "UNKNOWN_RETURN"
	CodeUnknownSupplier  = "UNKNOWN_SUPPLIER"
	CodeReceiptClosed    = "RECEIPT_CLOSED"
	CodeCheckOpen        = "CHECK_OPEN"
	CodeSamePerson       = "SAME_PERSON"
	CodeClaimed          = "E_CLAIMED"
	CodeUnknownTask      = "UNKNOWN_TASK"
	CodeConfirm          = "CONFIRM" // scan the same place again
	CodeNotEnough        = "NOT_ENOUGH"
	CodeTooBig           = "TOO_BIG" // more than one command may write
	CodeIDTaken          = "ORDER_ID_TAKEN"
	CodeForeignOwner     = "FOREIGN_OWNER"

	CodeNotInPlace         = "NOT_IN_PLACE"
	CodeReserved           = "RESERVED"
	CodeWrongSerial        = "WRONG_SERIAL"
	CodeStolen             = "SERIAL_STOLEN"
	CodeSecondPerson       = "SECOND_PERSON"
	CodeUnknownAdjustment  = "UNKNOWN_ADJUSTMENT"
	CodeTooManyWaiting     = "TOO_MANY_WAITING"
	CodeNoPackChange       = "NO_PACK_CHANGE"
	CodeUnknownReservation = "UNKNOWN_RESERVATION"
	CodeUnknownLU          = "UNKNOWN_LU"
	CodeUnknownTag         = "UNKNOWN_TAG"
	CodePinWanted          = "PIN_WANTED"
	CodePinWrong           = "PIN_WRONG"
	CodePinWait            = "PIN_WAIT"
	CodePinNew             = "PIN_NEW"
	CodePinNotSet          = "PIN_NOT_SET"
	CodeBinWorkedOn        = "BIN_WORKED_ON"
	CodeBinChanged         = "BIN_CHANGED"
	CodeNesting            = "LU_NESTING"

	CodeHeld            = "E_HELD"
	CodeNotHolder       = "NOT_THE_HOLDER"
	CodeStock           = "STOCK"
	CodeCapacity        = "CAPACITY"
	CodeCutOff          = "CUTOFF"
	CodeNoQuote         = "NO_QUOTE"
	CodeDeclined        = "QUOTE_DECLINED"
	CodeNoPutBack       = "NO_PUT_BACK"
	CodeAmended         = "ORDER_AMENDED"   // at a station: why the order left it
	CodeCancelled       = "ORDER_CANCELLED" // at a station: why the order left it
	CodeBadAddress      = "ADDRESS"
	CodeCarrierRefused  = "CARRIER_REFUSED"
	CodeAwaitingLabel   = "AWAITING_LABEL"
	CodeUnknownDocument = "UNKNOWN_DOCUMENT"
	CodeNoCarton        = "NO_CARTON"
	CodeNotOnManifest   = "NOT_ON_MANIFEST"
	CodeUnknownManifest = "UNKNOWN_MANIFEST"
	CodeNotPacked       = "NOT_PACKED"
	CodeNotLoaded       = "NOT_LOADED"
	CodeUnknownBatch    = "UNKNOWN_BATCH"
	CodeNotTogether     = "NOT_TOGETHER"
	CodeProfile         = "PROFILE"
	CodeNoReading       = "NO_READING"

	CodeModelBusy    = "MODEL_BUSY"    // another model is on its way
	CodeModelChanged = "MODEL_CHANGED" // master data was written since the model began
	CodeModelInUse   = "MODEL_IN_USE"  // it would take away what is used
)

// Fallout and short-pick codes.
const (
	FalloutOutOfStock     = "OUT_OF_STOCK"
	FalloutStockout       = "STOCKOUT" // the bin was empty
	FalloutDamaged        = "DAMAGED"
	FalloutNotLocated     = "COULD_NOT_LOCATE"
	FalloutInsufficient   = "INSUFFICIENT_QUANTITY_AVAILABLE"
	FalloutExpired        = "EXPIRED" // also the refusal of a scan of a lot past its date
	FalloutOther          = "OTHER"
	FalloutWeightMismatch = "WEIGHT_MISMATCH"
	FalloutLabelFailed    = "LABEL_FAILED"
	FalloutLabelUnknown   = "LABEL_UNKNOWN"

	FalloutTransportFailed = "TRANSPORT_FAILED"
	FalloutRobotFailed     = "ROBOT_FAILED"
	FalloutRFIDMissing     = "RFID_MISSING" // also the answer to the pass
	FalloutRFIDExtra       = "RFID_EXTRA"   // also the answer to the pass
	FalloutMissort         = "MISSORT"      // also the answer to the confirm
	FalloutTooBig          = "ORDER_TOO_BIG"
	FalloutPutBack         = "PUT_BACK"
	FalloutUnknownMethod   = "UNKNOWN_SHIP_METHOD"
	FalloutCarrierRefused  = "CARRIER_REFUSED" // also the answer at the scale
	FalloutColdChain       = "COLD_CHAIN"      // also the answer at the dock
	FalloutAddress         = "ADDRESS"         // also the refusal of a revision, and the answer at the scale
	FalloutNoCarton        = "NO_CARTON"       // also the answer to the scan of the tote
	FalloutAwaitingLabel   = "AWAITING_LABEL"  // also what the station shows
	FalloutParcelLost      = "PARCEL_LOST"
)
