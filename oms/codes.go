package oms

// Order states. NEW and SUBMITTED are the OMS's own; the others are what the
// site told last.
const (
	StateNew          = "NEW"       // waits for payment, not in the feed
	StateSubmitted    = "SUBMITTED" // in the feed, the site has not answered
	StateRejected     = "REJECTED"
	StateAccepted     = "ACCEPTED"
	StateShortWaiting = "SHORT_WAITING"
	StateReleased     = "RELEASED"
	StatePicking      = "PICKING"
	StatePicked       = "PICKED"
	StatePacked       = "PACKED"
	StateLabelled     = "LABELLED"
	StateStaged       = "STAGED"
	StateShipped      = "SHIPPED"
	StateCancelled    = "CANCELLED"
)

// Payment states. Only authorised and settled orders reach a site.
const (
	PaymentPending    = "pending"
	PaymentAuthorised = "authorised"
	PaymentSettled    = "settled"
	PaymentFailed     = "failed"
)

// Cancel request states.
const (
	CancelRequested = "CANCEL_REQUESTED"
	CancelAccepted  = "CANCEL_ACCEPTED"
	CancelRejected  = "CANCEL_REJECTED"
)

// Codes of refusals. The codes of the sync endpoints are in cloudsync/wire.
const (
	CodeMalformed     = "MALFORMED"
	CodeInvalid       = "INVALID"
	CodeConflict      = "CONFLICT"
	CodeUnknownSite   = "UNKNOWN_SITE"
	CodeTooLarge      = "TOO_LARGE"
	CodeHeader        = "CSV_HEADER"
	CodeFieldCount    = "CSV_FIELD_COUNT"
	CodeQuote         = "CSV_QUOTE"
	CodeRowTooLong    = "CSV_ROW_TOO_LONG"
	CodeNotUTF8       = "CSV_NOT_UTF8"
	CodeNoOrder       = "CSV_NO_ORDER"
	CodeMixedOrder    = "CSV_MIXED_ORDER"
	CodeUnknownOrder  = "UNKNOWN_ORDER"
	CodePayment       = "PAYMENT_STATE"
	CodeShipped       = "E_HARD_PONR"
	CodeUnauthorised  = "UNAUTHORISED"
	CodeBadData       = "BAD_DATA"
	CodeNoSubject     = "NO_SUBJECT"
	CodeWrongSite     = "WRONG_SITE"
	CodeAlreadyHad    = "SUPERSEDED_APPLIED"
	CodePaymentFailed = "PAYMENT_FAILED" // reason of the cancel that follows
	CodeNotRejected   = "NOT_REJECTED"
	CodeContent       = "REFUSED_CONTENT"
	CodeIDTaken       = "ORDER_ID_TAKEN"
	CodeSiteOrder     = "SITE_ORDER"
	CodeNotThere      = "NOT_AT_SITE"
	CodeCard          = "CARD_DATA"
	CodeNotShipped    = "NOT_SHIPPED"
	CodeUnknownParcel = "UNKNOWN_PARCEL"
)

// Fault explains a code: what happened and what to do.
type Fault struct {
	Code, Cause, Action string
}

// Faults is the table of all refusal codes of this package.
func Faults() []Fault {
	return []Fault{
		{CodeMalformed, "The request is not valid JSON or has an unknown field.", "Correct the request; the text names the place."},
		{CodeInvalid, "A field is missing or out of range.", "Correct the field named in the error and send the order again."},
		{CodeConflict, "An order with this id and other content exists.", "Use a new id, or send exactly the content of the first time."},
		{CodeCard, "A text of the order looks like the number of a payment card.", "Take it out; payment is the payment provider's. Nothing was kept of it."},
		{CodeNotShipped, "A carrier tells of a delivery of an order that did not leave its site.", "Look at the order's timeline: the site's events come first."},
		{CodeUnknownParcel, "The order has no parcel with this SSCC.", "Check the SSCC; leave it out when all parcels arrived."},
		{CodeUnknownSite, "The order names a site this OMS does not serve.", "Correct the site or add it to the configuration."},
		{CodeTooLarge, "The order or the request is larger than allowed.", "Split it."},
		{CodeHeader, "The first row of the CSV file lacks a column or has an unknown one.", "Use the columns listed in the API description."},
		{CodeFieldCount, "The row has more or fewer fields than the header.", "Correct the row; its whole order was left out."},
		{CodeQuote, "The row has a stray or an open quote. Line breaks inside a field are not allowed.", "Correct the row; its whole order was left out."},
		{CodeRowTooLong, "The row is longer than 16 KiB.", "Correct the row; its whole order was left out."},
		{CodeNotUTF8, "The row is not UTF-8 text.", "Save the file as UTF-8."},
		{CodeNoOrder, "The row names no order.", "Add the order id. If the row belongs to the order around it, that order was left out too."},
		{CodeMixedOrder, "Two rows of one order disagree in a field that belongs to the order.", "Make the rows agree; the whole order was left out."},
		{CodeUnknownOrder, "No order has this id.", "Check the id."},
		{CodePayment, "The payment cannot go from its state to the wanted one.", "Look at the order's payment and timeline."},
		{CodeShipped, "The order has left the site.", "Handle it as a return."},
		{CodeUnauthorised, "The token is missing or wrong.", "Configure the token of the OMS on the caller's side."},
		{CodeBadData, "The data of an event is not of its type.", "Compare the versions of site and OMS; then retry the held order at the site."},
		{CodeNoSubject, "An order event names no order.", "Compare the versions of site and OMS."},
		{CodeWrongSite, "A site told of an order that belongs to another site.", "Check the site ids in both configurations."},
		{CodeAlreadyHad, "The event stands for one that was taken before.", "Nothing to do."},
		{CodePaymentFailed, "The payment failed after the order went to the site, so the site was asked to cancel it.", "Wait for the site's answer."},
		{CodeNotRejected, "Only an order that its site refused, and that nobody asked to cancel, can be sent again.", "Look at the order's state; there is nothing to send while the site has it."},
		{CodeIDTaken, "A site has an order of its own under the id of an order of the OMS. They are two orders; neither changed the other.", "Look at the conflicts: cancel the order here and place it under a new id, or have the site enter its order under one."},
		{CodeSiteOrder, "The order was entered at the site, which is its only master.", "Have the site cancel it."},
		{CodeNotThere, "No site has the order now, or it has left the site.", "Look at the order's state; there is nobody to tell."},
		{CodeContent, "The site refused the order for what it says, and it would say the same again.", "Cancel it and place a corrected order under a new id."},
	}
}
