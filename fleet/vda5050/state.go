package vda5050

// Values of State.OperatingMode (6.10.6).
const (
	ModeAutomatic     = "AUTOMATIC"
	ModeSemiautomatic = "SEMIAUTOMATIC"
)

// Values of ActionState.Status (6.11). Everything else is under way.
const (
	StatusFinished = "FINISHED"
	StatusFailed   = "FAILED"
	StatusWaiting  = "WAITING"
)

// Values of Error.Level.
const (
	LevelWarning = "WARNING"
	LevelFatal   = "FATAL"
)

// Values of Connection.State.
const (
	Online           = "ONLINE"
	Offline          = "OFFLINE"
	ConnectionBroken = "CONNECTIONBROKEN"
)

// State is what a robot tells of itself (6.10). Fields the master does not use
// are not here.
type State struct {
	Header
	OrderID            string        `json:"orderId"` // "" = none
	OrderUpdateID      uint32        `json:"orderUpdateId"`
	LastNodeID         string        `json:"lastNodeId"` // "" = unknown
	LastNodeSequenceID uint32        `json:"lastNodeSequenceId"`
	Driving            bool          `json:"driving"`
	Paused             bool          `json:"paused"`
	NodeStates         []NodeState   `json:"nodeStates"` // still to traverse
	EdgeStates         []EdgeState   `json:"edgeStates"`
	Position           *Pose         `json:"agvPosition"`
	Loads              *[]Load       `json:"loads"` // nil = the robot cannot tell
	ActionStates       []ActionState `json:"actionStates"`
	Battery            Battery       `json:"batteryState"`
	OperatingMode      string        `json:"operatingMode"`
	Errors             []Error       `json:"errors"`
	Safety             Safety        `json:"safetyState"`
}

// NodeState is a node still to traverse.
type NodeState struct {
	NodeID     string `json:"nodeId"`
	SequenceID uint32 `json:"sequenceId"`
	Released   bool   `json:"released"`
}

// EdgeState is an edge still to traverse.
type EdgeState struct {
	EdgeID     string `json:"edgeId"`
	SequenceID uint32 `json:"sequenceId"`
	Released   bool   `json:"released"`
}

// Pose is where the robot stands: metres and radians.
type Pose struct {
	X           float64 `json:"x"`
	Y           float64 `json:"y"`
	Theta       float64 `json:"theta"`
	MapID       string  `json:"mapId"`
	Initialized bool    `json:"positionInitialized"`
}

// Load is something the robot carries.
type Load struct {
	LoadID   string `json:"loadId"`
	LoadType string `json:"loadType"`
}

// ActionState is how far an action is.
type ActionState struct {
	ActionID   string `json:"actionId"`
	ActionType string `json:"actionType"`
	Status     string `json:"actionStatus"`
	Result     string `json:"resultDescription"`
}

// Ended: FINISHED and FAILED are final.
func (a ActionState) Ended() bool { return a.Status == StatusFinished || a.Status == StatusFailed }

// Battery is the energy left.
type Battery struct {
	Charge   float64 `json:"batteryCharge"` // percent
	Charging bool    `json:"charging"`
}

// Error is an entry of errors.
type Error struct {
	Type        string      `json:"errorType"`
	Level       string      `json:"errorLevel"`
	Description string      `json:"errorDescription"`
	References  []Reference `json:"errorReferences"`
}

// Reference says what an error belongs to.
type Reference struct {
	Key   string `json:"referenceKey"`
	Value string `json:"referenceValue"`
}

// Value of the reference with a key, "" when there is none.
func (e Error) Value(key string) string {
	for _, r := range e.References {
		if r.Key == key {
			return r.Value
		}
	}
	return ""
}

// Safety is the safety state.
type Safety struct {
	EStop          string `json:"eStop"` // NONE, AUTOACK, MANUAL, REMOTE
	FieldViolation bool   `json:"fieldViolation"`
}

// DecodeState reads a state tolerantly.
func DecodeState(data []byte) (State, error) {
	var s State
	if err := decode(data, &s, "state"); err != nil {
		return State{}, err
	}
	return s, nil
}

// Action finds an action by id; nil when the state does not list it.
func (s *State) Action(id string) *ActionState {
	for i := range s.ActionStates {
		if s.ActionStates[i].ActionID == id {
			return &s.ActionStates[i]
		}
	}
	return nil
}

// Busy: the robot may not get a new order (R12). Horizon counts.
func (s *State) Busy() bool { return len(s.NodeStates) > 0 || len(s.EdgeStates) > 0 }

// TakesOrders: the mode allows orders (R26).
func (s *State) TakesOrders() bool {
	return s.OperatingMode == ModeAutomatic || s.OperatingMode == ModeSemiautomatic
}

// Fatal is the first error that needs a person, nil when there is none.
func (s *State) Fatal() *Error {
	for i := range s.Errors {
		if s.Errors[i].Level == LevelFatal {
			return &s.Errors[i]
		}
	}
	return nil
}

// Connection is the message of the connection topic (6.14).
type Connection struct {
	Header
	State string `json:"connectionState"`
}

// DecodeConnection reads a connection message.
func DecodeConnection(data []byte) (Connection, error) {
	var c Connection
	if err := decode(data, &c, "connection"); err != nil {
		return Connection{}, err
	}
	return c, nil
}
