package warehouse

// The process of the supply-chain operations reference model (SCOR) that each
// event belongs to, exactly one each.

// SCOR processes.
const (
	ScorPlan    = "Plan"
	ScorSource  = "Source"
	ScorMake    = "Make"
	ScorDeliver = "Deliver"
	ScorReturn  = "Return"
	ScorEnable  = "Enable"
)

var scorTags = []struct{ event, tag string }{
	{EvOrderAccepted, ScorDeliver},
	{EvOrderRejected, ScorDeliver},
	{EvOrderShort, ScorDeliver},
	{EvOrderReleased, ScorDeliver},
	{EvOrderPicking, ScorDeliver},
	{EvOrderPicked, ScorDeliver},
	{EvOrderPacked, ScorDeliver},
	{EvOrderLabelled, ScorDeliver},
	{EvOrderStaged, ScorDeliver},
	{EvOrderShipped, ScorDeliver},
	{EvOrderCancelled, ScorDeliver},
	{EvOrderCancelRejected, ScorDeliver},
	{EvOrderAmendRejected, ScorDeliver},
	{EvOrderAmended, ScorDeliver},
	{EvOrderQuoted, ScorDeliver},
	{EvOrderHeld, ScorDeliver},
	{EvOrderHoldReleased, ScorDeliver},
	{EvOrderBackordered, ScorDeliver},
	{EvOrderSubstituted, ScorDeliver},
	{EvOrderUnpicked, ScorDeliver},
	{EvOrderUnpacked, ScorDeliver},
	{EvOrderUnloaded, ScorDeliver},
	{EvParcelDeparted, ScorDeliver},
	{EvParcelLost, ScorDeliver},
	{EvOrderBound, ScorDeliver},
	{EvOrderAgeing, ScorDeliver},
	{EvOrderArchived, ScorDeliver},
	{EvFalloutOpened, ScorDeliver},
	{EvFalloutCleared, ScorDeliver},
	{EvFalloutEscalated, ScorDeliver},
	{EvBatchDone, ScorDeliver},
	{EvStockATP, ScorPlan},
	{EvStockLow, ScorPlan},
	{EvStockAdjusted, ScorEnable},
	{EvReceiptClosed, ScorSource},
	{EvAliasProposed, ScorEnable},
	{EvCountClosed, ScorEnable},
	{EvLotExpires, ScorPlan},
	{EvCarrierDown, ScorDeliver},
	{EvCarrierUp, ScorDeliver},
	{EvRangeLow, ScorDeliver},
	{EvLabelVoided, ScorMake},
	{EvBillingChanged, ScorDeliver},
	{EvDocumentReprinted, ScorEnable},
	{EvManifestClosed, ScorDeliver},
	{EvManifestDeparted, ScorDeliver},
	{EvShipDiffers, ScorDeliver},
	{EvWeightProposed, ScorEnable},
	{EvSidesProposed, ScorEnable},
	{EvReturnClosed, ScorReturn},
	{EvRefundRequested, ScorReturn},
}

// ScorTag is the process an event type belongs to, "" for types of other
// versions.
func ScorTag(event string) string {
	for _, t := range scorTags {
		if t.event == event {
			return t.tag
		}
	}
	return ""
}
