package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tote/agent/access"
	"tote/agent/intake"
	"tote/agent/replica"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

// The door for leads and engineers: POST /v1/do/{command} takes any command of
// one table, with the fields its json tags name. A command gets its door by one
// line of the table. No command of a device is in it: a device counts its
// commands, and its gateway knows which one it is.

// commands is the table, in the order in which GET /v1/do lists it.
var commands = []command{
	can[warehouse.AskMove]("Have goods moved to another bin, or to any."),
	can[warehouse.MoveFloor]("Give a floor task to another worker, or back to the queue."),
	can[warehouse.EndFloor]("Give a floor task up."),
	can[warehouse.ReassignBatch]("Give a batch with its cart to another worker."),
	can[warehouse.ForceRelease]("End the batch of a worker who is gone: the totes stand at the pack drop, the rest goes back to the pool."),
	can[warehouse.Unpick]("Put goods of a picked line from the tote back into a bin; the line is open again."),
	can[warehouse.Unpack]("Open the cartons of an order, or one parcel of it, into a tote; their labels are void. Past the hard point a supervisor's act."),
	can[warehouse.ReportLost]("Say that a parcel cannot be found; any scan that says where it is ends that."),
	can[warehouse.ReplaceParcel]("Give up a parcel that was reported lost: its label is void, its goods are written off and picked again."),
	can[warehouse.Unload]("Take a parcel off the truck before it leaves."),
	can("Take an order in.", func(c *warehouse.ReleaseOrder) { c.Source = "site" }),
	can("Withdraw an order.", func(c *warehouse.CancelOrder) { c.Source = "site" }),
	can("Keep an order from going on, for a reason of the site.", func(c *warehouse.HoldOrder) { c.Source = "site" }),
	can("End a hold of the site.", func(c *warehouse.ReleaseHold) { c.Source = "site" }),
	can[warehouse.EnterOrder]("Take in the order of a slip of the order crash kit; the OMS binds it later."),
	can[warehouse.ProductionDone]("Say that what a line asks for is made and in stock."),
	can[warehouse.PutBack]("Say that goods an order does not want any more are back in a bin."),
	can[warehouse.RetryOrder]("Clear the fallouts of an order and let it go on."),
	can[warehouse.AckFallout]("Say that somebody looks after a fallout."),
	can[warehouse.ClearFallout]("End a fallout that belongs to no order."),
	can[warehouse.RetryTransport]("Ask again for a transport that failed; its tote stands where it was."),
	can[warehouse.Reprint]("Ask for one more copy of a label, with the same SSCC."),
	can[warehouse.CarrierDown]("Say that a carrier takes nothing for now."),
	can[warehouse.CarrierUp]("Say that a carrier takes parcels again."),
	can[warehouse.LabelGiven]("Give number and label of a parcel, as its online carrier answered."),
	can[warehouse.LabelRefused]("Say that the online carrier does not take a parcel."),
	can[warehouse.ChangeCarrier]("Give a parcel, or all of its order, another carrier; the old labels are void."),
	can[warehouse.MeasureItem]("Propose the sides of an item that were measured here."),
	can[warehouse.CloseManifest]("Close the manifest of a carrier at a dock."),
	can[warehouse.FileDocument]("Archive what was printed."),
	can[warehouse.ReprintDocument]("Ask for one more copy of a document."),
	can[warehouse.PrintLabels]("Have labels of totes, bins or items, or packing slips, printed at a station."),
	can[warehouse.ReprintLabel]("Have one of those printed once more, with a reason."),
	can[warehouse.CancelPrints]("Give up what was asked for and not sent to the printer yet."),
	can[warehouse.PutItems]("Add or replace items."),
	can[warehouse.PutBins]("Add or replace bins."),
	can[warehouse.PutWorkers]("Add or replace workers."),
	can[warehouse.SetPin]("Set the PIN of a worker by its hash, or take it away; tote worker pin makes it."),
	can[warehouse.OpenStock]("Book counted stock; the same ref books once."),
	can[warehouse.BookOpening]("Book a part of the opening count of a zone; tote site import-stock makes these of a file."),
	can[warehouse.MoveStock]("Move goods from a bin or unit to another."),
	can[warehouse.SetStatus]("Say what goods may be used for, where they lie."),
	can[warehouse.AdjustStock]("Add or take goods that nobody brought or took, with a reason."),
	can[warehouse.ApproveAdjust]("Book an adjustment of somebody else that waits."),
	can[warehouse.RefuseAdjust]("Drop an adjustment that waits."),
	can[warehouse.PutLU]("Register a pallet or carton for stock."),
	can[warehouse.PlaceLU]("Say where a pallet or carton for stock stands, with all that is in it."),
	can[warehouse.KeepStock]("Reserve stock for somebody until a moment."),
	can[warehouse.FreeStock]("Give a reservation back before its end."),
	can[warehouse.ConfirmPack]("Say that a changed pack size was looked at; the orders held for it go on."),
	can[warehouse.PutSuppliers]("Add or replace suppliers."),
	can[warehouse.PutVendorCodes]("Add or replace a supplier's own codes of items."),
	can("Take an advance ship notice or a purchase order in.", func(c *warehouse.AnnounceReceipt) { c.Source = "site" }),
	can[warehouse.OpenReceipt]("Begin a delivery nobody announced."),
	can[warehouse.CheckReceipt]("Answer one point of a delivery's checklist."),
	can[warehouse.Receive]("Book goods of a delivery that were scanned."),
	can[warehouse.ReceiveUnit]("Book everything that was announced for one logistic unit. Ref more: it has many lines, ask again for the rest."),
	can[warehouse.GiveReading]("Say how warm a delivery or a dock is."),
	can[warehouse.AnnounceTags]("Say which RFID tags a delivery shall bring."),
	can[warehouse.SeeTags]("Say which RFID tags of a delivery were seen."),
	can[warehouse.BookTags]("Receive the pieces whose tags were seen."),
	can[warehouse.CloseReceipt]("End a delivery."),
	can[warehouse.CancelReceipt]("Withdraw a delivery of which nothing came."),
	can[warehouse.ProposeAlias]("Say which item an unknown barcode belongs to."),
	can[warehouse.DecideAlias]("Accept or refuse what somebody else said of a barcode."),
	can[warehouse.RequestCount]("Have a bin counted."),
	can[warehouse.DecideCount]("Decide about a count in review."),
	can[warehouse.CountZone]("Compare RFID tags seen at some bins with the book."),
	can[warehouse.PutPickFaces]("Say between which quantities bins are kept filled."),
	can("Expect goods back.", func(c *warehouse.AnnounceReturn) { c.Source = "site" }),
	can[warehouse.ReceiveReturn]("Book goods that came back."),
	can[warehouse.InspectReturn]("Decide about pieces that came back."),
	can[warehouse.CloseReturn]("End a return; the refund is asked for."),
}

// Bounds of a request.
const (
	maxCommand = 1 << 20 // bytes of the body
	maxActor   = 64      // characters
	maxKey     = 128     // bytes of an idempotency key
)

// HeaderActor says who acts; HeaderKey makes a request count once however often
// it is sent.
const (
	HeaderActor = "Tote-Actor"
	HeaderKey   = "Idempotency-Key"
)

// siteActor is who acts when nobody says.
const siteActor = "site/api"

// machines begin the names under which parts of the system act. People do not
// use them: the log must tell them apart.
var machines = []string{"handheld/", "station/", "dock/", "portal/", "places/", "conveyor/", "light/", "gateway/", "fleet/", "oms/", "token/"}

// command is one row of the table.
type command struct {
	Name   string  `json:"command"`
	About  string  `json:"about"`
	Fields []Field `json:"fields"`
	decode func(raw []byte) (warehouse.Command, error)
}

// can makes a row. What fix sets cannot be said from outside.
func can[C warehouse.Command](about string, fix ...func(*C)) command {
	sh := shapeOf[C](fix...)
	return command{
		Name: sh.name, About: about, Fields: sh.fields,
		decode: func(raw []byte) (warehouse.Command, error) {
			var c C
			if err := sh.read(raw, &c); err != nil {
				return nil, err
			}
			for _, f := range fix {
				f(&c)
			}
			return c, nil
		},
	}
}

func (s *server) doable(w http.ResponseWriter, _ *http.Request) error {
	reply(w, http.StatusOK, commands)
	return nil
}

// doCommand is POST /v1/do/{command}.
func (s *server) doCommand(w http.ResponseWriter, r *http.Request) error {
	res, err := s.doNamed(w, r)
	if err == nil && !res.OK {
		err = refuse(statusOf(res.Code), res.Code, res.Text)
	}
	if err != nil {
		return s.explained(err)
	}
	reply(w, http.StatusOK, res)
	return nil
}

func (s *server) doNamed(w http.ResponseWriter, r *http.Request) (res warehouse.Result, err error) {
	name := r.PathValue("command")
	i := slices.IndexFunc(commands, func(c command) bool { return c.Name == name })
	if i < 0 {
		return res, refuse(http.StatusNotFound, CodeNotFound, fmt.Sprintf("no command %.40q is done here; GET /v1/do lists them", name))
	}
	actor, err := actorOf(r)
	if err != nil {
		return res, err
	}
	id, err := commandID(r, actor)
	if err != nil {
		return res, err
	}
	in, err := body(w, r, "application/json", maxCommand)
	if err != nil {
		return res, err
	}
	raw, err := io.ReadAll(in)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return res, errTooLarge(CodeBadRequest, maxCommand)
	}
	if err != nil {
		return res, refuse(http.StatusBadRequest, CodeBadRequest, "the body is cut off")
	}
	c, err := commands[i].decode(raw)
	if err != nil {
		return res, refuse(http.StatusBadRequest, CodeBadRequest, name+": "+err.Error())
	}
	if what := cardData(c); what != "" {
		return res, refuse(http.StatusUnprocessableEntity, intake.CodeCard, what+" looks like the number of a payment card; nothing was kept of it")
	}
	res, err = s.propose(r, func(ctx context.Context) (warehouse.Result, error) { return s.cfg.DoAs(ctx, id, actor, c) })
	if res.Code == replica.CodeSeqReused {
		return res, refuse(http.StatusConflict, CodeKeyReused, "this "+HeaderKey+" belongs to another command; nothing was done")
	}
	return res, err
}

// cardData names the first text of an order that looks like the number of a
// payment card, "" when there is none.
func cardData(c warehouse.Command) string {
	var spec warehouse.OrderSpec
	switch c := c.(type) {
	case warehouse.ReleaseOrder:
		spec = c.Order
	case warehouse.EnterOrder:
		spec = c.Order
	default:
		return ""
	}
	o := wire.Order{ShipTo: wire.Address(spec.ShipTo), Method: spec.Method, Channel: spec.Channel, Customer: spec.Customer}
	for _, r := range spec.Refs {
		o.Refs = append(o.Refs, wire.Ref(r))
	}
	return o.CardData()
}

// statusOf is 422 for what cannot be done however often it is asked, and 409
// for what the state does not allow now.
func statusOf(code string) int {
	switch code {
	case warehouse.CodeInvalid, warehouse.CodeMalformed, warehouse.CodeTooBig, warehouse.CodeDuplicateInFile:
		return http.StatusUnprocessableEntity
	}
	if strings.HasPrefix(code, "UNKNOWN_") {
		return http.StatusUnprocessableEntity
	}
	return http.StatusConflict
}

// explained adds what the table of faults says of the code of a refusal.
func (s *server) explained(err error) error {
	var he *httpError
	if !errors.As(err, &he) {
		return err
	}
	for _, f := range s.cfg.Faults() {
		if f.Code == he.body.Code {
			he.body.Cause, he.body.Action = f.Cause, f.Action
			he.body.Text = cmp.Or(he.body.Text, f.Cause)
		}
	}
	return he
}

// header is the one value of a header, "" when it is not there.
func header(r *http.Request, name string) (string, error) {
	all := r.Header.Values(name)
	if len(all) > 1 {
		return "", refuse(http.StatusBadRequest, CodeBadRequest, "header "+name+" stands twice")
	}
	if len(all) == 0 {
		return "", nil
	}
	if all[0] == "" {
		return "", refuse(http.StatusBadRequest, CodeBadRequest, "header "+name+" is empty")
	}
	return all[0], nil
}

func actorOf(r *http.Request) (string, error) {
	actor, err := header(r, HeaderActor)
	if err != nil || actor == "" {
		return defaultActor(r), err
	}
	unprintable := func(c rune) bool { return !unicode.IsPrint(c) }
	switch {
	case !utf8.ValidString(actor) || utf8.RuneCountInString(actor) > maxActor || strings.ContainsFunc(actor, unprintable):
		return "", refuse(http.StatusBadRequest, CodeBadRequest, fmt.Sprintf("header %s: want 1 to %d printable characters", HeaderActor, maxActor))
	case slices.ContainsFunc(machines, func(m string) bool { return strings.HasPrefix(actor, m) }):
		return "", refuse(http.StatusBadRequest, CodeBadRequest, "header "+HeaderActor+": a name like this is a machine's")
	}
	if token := access.Name(r.Context()); token != "" {
		return "token/" + token + ": " + actor, nil // whatever it calls itself, the token is known
	}
	return actor, nil
}

// defaultActor is who acts when nobody says: the token that was shown, if any.
func defaultActor(r *http.Request) string {
	if token := access.Name(r.Context()); token != "" {
		return "token/" + token
	}
	return siteActor
}

// commandID makes the id of a command out of its key and who gave it, so that
// the store gives the first answer again. Without a key each request is another
// command.
func commandID(r *http.Request, actor string) (id [16]byte, err error) {
	key, err := header(r, HeaderKey)
	if err != nil {
		return id, err
	}
	if key == "" {
		_, _ = rand.Read(id[:]) // never fails (crypto/rand since Go 1.24)
		return id, nil
	}
	if len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
		return id, refuse(http.StatusBadRequest, CodeBadRequest, fmt.Sprintf("header %s: want 1 to %d printable ASCII characters", HeaderKey, maxKey))
	}
	sum := sha256.Sum256([]byte("tote/do\x00" + actor + "\x00" + key))
	return [16]byte(sum[:16]), nil
}
