package robot

import "encoding/json"

// Messages, written from the 2.1.0 schemas.

type header struct {
	HeaderID     uint32 `json:"headerId"`
	Timestamp    string `json:"timestamp"`
	Version      string `json:"version"`
	Manufacturer string `json:"manufacturer"`
	SerialNumber string `json:"serialNumber"`
}

type orderMsg struct {
	header
	OrderID       *string     `json:"orderId"`
	OrderUpdateID *uint32     `json:"orderUpdateId"`
	Nodes         []orderNode `json:"nodes"`
	Edges         []orderEdge `json:"edges"`
}

type orderNode struct {
	NodeID     string      `json:"nodeId"`
	SequenceID uint32      `json:"sequenceId"`
	Released   bool        `json:"released"`
	Position   *nodePos    `json:"nodePosition"`
	Actions    []actionMsg `json:"actions"`
}

type nodePos struct {
	X           float64  `json:"x"`
	Y           float64  `json:"y"`
	Theta       *float64 `json:"theta"`
	DeviationXY float64  `json:"allowedDeviationXY"`
	MapID       string   `json:"mapId"`
}

type orderEdge struct {
	EdgeID      string      `json:"edgeId"`
	SequenceID  uint32      `json:"sequenceId"`
	Released    bool        `json:"released"`
	StartNodeID string      `json:"startNodeId"`
	EndNodeID   string      `json:"endNodeId"`
	MaxSpeed    float64     `json:"maxSpeed"`
	Actions     []actionMsg `json:"actions"`
}

type actionMsg struct {
	ActionType   string `json:"actionType"`
	ActionID     string `json:"actionId"`
	BlockingType string `json:"blockingType"`
	Parameters   []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"actionParameters"`
}

type instantMsg struct {
	header
	Actions []actionMsg `json:"actions"`
}

type stateMsg struct {
	header
	OrderID            string        `json:"orderId"`
	OrderUpdateID      uint32        `json:"orderUpdateId"`
	LastNodeID         string        `json:"lastNodeId"`
	LastNodeSequenceID uint32        `json:"lastNodeSequenceId"`
	NodeStates         []nodeState   `json:"nodeStates"`
	EdgeStates         []edgeState   `json:"edgeStates"`
	Position           posMsg        `json:"agvPosition"`
	Driving            bool          `json:"driving"`
	Paused             bool          `json:"paused"`
	NewBaseRequest     bool          `json:"newBaseRequest"`
	Loads              []loadMsg     `json:"loads"`
	ActionStates       []actionState `json:"actionStates"`
	Battery            batteryMsg    `json:"batteryState"`
	OperatingMode      string        `json:"operatingMode"`
	Errors             []errorMsg    `json:"errors"`
	Information        []struct{}    `json:"information"`
	Safety             safetyMsg     `json:"safetyState"`
}

type nodeState struct {
	NodeID     string   `json:"nodeId"`
	SequenceID uint32   `json:"sequenceId"`
	Released   bool     `json:"released"`
	Position   *statPos `json:"nodePosition,omitempty"`
}

type statPos struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	MapID string  `json:"mapId"`
}

type edgeState struct {
	EdgeID     string `json:"edgeId"`
	SequenceID uint32 `json:"sequenceId"`
	Released   bool   `json:"released"`
}

type posMsg struct {
	X           float64 `json:"x"`
	Y           float64 `json:"y"`
	Theta       float64 `json:"theta"`
	MapID       string  `json:"mapId"`
	Initialized bool    `json:"positionInitialized"`
}

type loadMsg struct {
	LoadID   string `json:"loadId"`
	LoadType string `json:"loadType,omitempty"`
}

type actionState struct {
	ActionID          string `json:"actionId"`
	ActionType        string `json:"actionType"`
	ActionStatus      string `json:"actionStatus"`
	ResultDescription string `json:"resultDescription,omitempty"`
}

type batteryMsg struct {
	Charge   float64 `json:"batteryCharge"`
	Charging bool    `json:"charging"`
}

type errorMsg struct {
	Type        string   `json:"errorType"`
	References  []refMsg `json:"errorReferences"`
	Description string   `json:"errorDescription"`
	Level       string   `json:"errorLevel"`
}

type refMsg struct {
	Key   string `json:"referenceKey"`
	Value string `json:"referenceValue"`
}

type safetyMsg struct {
	EStop          string `json:"eStop"`
	FieldViolation bool   `json:"fieldViolation"`
}

type connectionMsg struct {
	header
	ConnectionState string `json:"connectionState"`
}

// factsheet is what this robot says of itself.
func factsheet(h header, p Params) ([]byte, error) {
	type m = map[string]any
	actions := []m{}
	for _, a := range append([]string{"pick", "drop"}, p.Custom...) {
		actions = append(actions, m{"actionType": a, "actionScopes": []string{"NODE"}})
	}
	for _, a := range []string{"cancelOrder", "stateRequest", "factsheetRequest", "startPause", "stopPause"} {
		actions = append(actions, m{"actionType": a, "actionScopes": []string{"INSTANT"}})
	}
	return json.Marshal(m{
		"headerId": h.HeaderID, "timestamp": h.Timestamp, "version": h.Version,
		"manufacturer": h.Manufacturer, "serialNumber": h.SerialNumber,
		"typeSpecification": m{
			"seriesName": "TOTE-RUNNER", "agvKinematic": "DIFF", "agvClass": "CARRIER", "maxLoadMass": 50,
			"localizationTypes": []string{"NATURAL"}, "navigationTypes": []string{"VIRTUAL_LINE_GUIDED"},
		},
		"physicalParameters": m{
			"speedMin": 0.05, "speedMax": float64(p.SpeedMmS) / 1000, "accelerationMax": 1, "decelerationMax": 1.5,
			"heightMin": 0.4, "heightMax": 0.4, "width": 0.6, "length": 0.8,
		},
		"protocolLimits": m{
			"maxStringLens": m{"idLen": 128, "msgLen": 60 << 10},
			"maxArrayLens":  m{"order.nodes": 500, "node.actions": 20, "instantActions": 1},
			"timing":        m{"minOrderInterval": 0, "minStateInterval": 0.01, "defaultStateInterval": float64(p.StateMs) / 1000},
		},
		"protocolFeatures":  m{"optionalParameters": []m{}, "agvActions": actions},
		"agvGeometry":       m{},
		"loadSpecification": m{"loadPositions": []string{"deck"}},
	})
}
