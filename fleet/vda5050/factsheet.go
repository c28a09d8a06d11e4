package vda5050

// Factsheet is what a robot can do (6.15), as far as the master uses it. Limits
// that are missing or 0 mean no limit.
type Factsheet struct {
	Header
	Type     TypeSpecification `json:"typeSpecification"`
	Limits   ProtocolLimits    `json:"protocolLimits"`
	Features ProtocolFeatures  `json:"protocolFeatures"`
	Physical struct {
		SpeedMax float64 `json:"speedMax"` // m/s
	} `json:"physicalParameters"`
}

// TypeSpecification names the robot's type.
type TypeSpecification struct {
	Series string `json:"seriesName"`
	Class  string `json:"agvClass"`
}

// ProtocolLimits bound what the robot can read.
type ProtocolLimits struct {
	Strings struct {
		MsgLen        int  `json:"msgLen"`
		IDLen         int  `json:"idLen"`
		IDNumericOnly bool `json:"idNumericalOnly"`
	} `json:"maxStringLens"`
	Arrays struct {
		OrderNodes  int `json:"order.nodes"`
		NodeActions int `json:"node.actions"`
		Params      int `json:"actions.actionsParameters"`
	} `json:"maxArrayLens"`
	Timing struct {
		MinOrderInterval float64 `json:"minOrderInterval"` // s
		MinStateInterval float64 `json:"minStateInterval"` // s
	} `json:"timing"`
}

// ProtocolFeatures are the actions a robot knows.
type ProtocolFeatures struct {
	Actions []AgvAction `json:"agvActions"`
}

// AgvAction is one of them.
type AgvAction struct {
	Type   string   `json:"actionType"`
	Scopes []string `json:"actionScopes"` // INSTANT, NODE, EDGE
}

// DecodeFactsheet reads a factsheet tolerantly.
func DecodeFactsheet(data []byte) (Factsheet, error) {
	var f Factsheet
	if err := decode(data, &f, "factsheet"); err != nil {
		return Factsheet{}, err
	}
	return f, nil
}

// Refuses names the first limit of the factsheet the order breaks, "" when it
// keeps all. size is the length of the framed message.
func (f *Factsheet) Refuses(o Order, size int) string {
	over := func(n, limit int) bool { return limit > 0 && n > limit }
	l := f.Limits
	switch {
	case over(len(o.Nodes), l.Arrays.OrderNodes):
		return "order.nodes"
	case over(size, l.Strings.MsgLen):
		return "msgLen"
	case l.Strings.IDNumericOnly:
		return "idNumericalOnly"
	case over(len(o.OrderID), l.Strings.IDLen):
		return "idLen"
	}
	for _, n := range o.Nodes {
		if over(len(n.Actions), l.Arrays.NodeActions) {
			return "node.actions"
		}
		if over(len(n.NodeID), l.Strings.IDLen) {
			return "idLen"
		}
		for _, a := range n.Actions {
			switch {
			case over(len(a.Parameters), l.Arrays.Params):
				return "actions.actionsParameters"
			case over(len(a.ActionID), l.Strings.IDLen):
				return "idLen"
			case !f.knows(a.ActionType, "NODE"):
				return "agvActions: no " + a.ActionType + " at a node"
			}
		}
	}
	return ""
}

// knows: a factsheet that lists no actions at all is an incomplete one, and
// says nothing.
func (f *Factsheet) knows(action, scope string) bool {
	if len(f.Features.Actions) == 0 {
		return true
	}
	for _, a := range f.Features.Actions {
		if a.Type != action {
			continue
		}
		for _, s := range a.Scopes {
			if s == scope {
				return true
			}
		}
	}
	return false
}
