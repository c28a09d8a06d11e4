package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tote/firmware-tests/control"
	"tote/firmware-tests/record"
	"tote/fleet"
	"tote/warehouse"
)

// The robots of the simulated site: one carries totes, one picks.
const (
	carrierRobot = "R1"
	pickerRobot  = "R2"
	robotMaker   = "KIT"
)

// floorMap draws the robots' roads: a lane along the front and one along the
// back cross aisle, a lane through every aisle with a stop before each cell,
// the pack drop and the pack stations in front, and a spur for each robot to
// wait in. Node names are those agent/robots.go knows.
func floorMap(l warehouse.Layout) fleet.Map {
	m := fleet.Map{ID: "demo"}
	node := func(id string, x, y int64) {
		m.Nodes = append(m.Nodes, fleet.Node{ID: id, X: x, Y: y})
	}
	edge := func(a, b string) { m.Edges = append(m.Edges, fleet.Edge{From: a, To: b}) }
	back := 2*l.EndMm + int64(l.Cells-1)*l.CellMm
	for a := range l.Aisles {
		x := int64(a) * l.PitchMm
		node(fmt.Sprintf("f%d", a), x, 0)
		node(fmt.Sprintf("b%d", a), x, back)
		last := fmt.Sprintf("f%d", a)
		for c := range l.Cells {
			id := fmt.Sprintf("a%dc%d", a, c)
			node(id, x, l.EndMm+int64(c)*l.CellMm)
			edge(last, id)
			last = id
		}
		edge(last, fmt.Sprintf("b%d", a))
		if a > 0 {
			edge(fmt.Sprintf("f%d", a-1), fmt.Sprintf("f%d", a))
			edge(fmt.Sprintf("b%d", a-1), fmt.Sprintf("b%d", a))
		}
	}
	// In front of the block the pack drop stands between two lanes: pickers
	// come to it from the front cross aisle, carriers from a lane of their own
	// that passes the pack stations. Neither has to wait for the other.
	near := func(aisles int) int64 { return int64(min(max(l.DepotAisle+aisles, 0), l.Aisles-1)) * l.PitchMm }
	last := ""
	for i, name := range []string{"s0", "s1", "s2", "s3"} {
		node(name, near(i-2), -4500)
		if last != "" {
			edge(last, name)
		}
		last = name
	}
	hang := func(id, lane string, x, y int64) {
		node(id, x, y)
		edge(lane, id)
	}
	hang("packdrop", fmt.Sprintf("f%d", l.DepotAisle), near(0), -3000)
	edge("s2", "packdrop")
	hang("park1", "s0", near(-2), -6000)
	hang("pack1", "s1", near(-1), -6000)
	hang("pack2", "s3", near(1), -6000)
	hang("park2", fmt.Sprintf("f%d", l.Aisles-1), int64(l.Aisles-1)*l.PitchMm, -3000)
	return m
}

// writeMap puts the map where the gateway and the robots find it.
func (s *shift) writeMap() error {
	b, err := json.MarshalIndent(floorMap(s.data.Site.Layout), "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.mapFile(), b, 0o644)
}

func (s *shift) mapFile() string { return filepath.Join(s.dir, "map.json") }

// robotHands does what a robot's gripper does in the world: it answers each
// action the emulated robot has arrived for.
type robotHands struct {
	log    *slog.Logger
	id     string
	robot  *control.Client
	world  *world
	slipIn map[string]string
	pace   pace
	count  func(event string)

	slipped map[string]bool
	carried []string // totes on the robot
}

// run works until ctx ends.
func (h *robotHands) run(ctx context.Context) error {
	h.slipped = map[string]bool{}
	for ctx.Err() == nil {
		actions, err := h.robot.Actions(ctx, 5*time.Second)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("robot %s: %w", h.id, err)
		}
		for _, a := range actions {
			h.pace.take(ctx, 3*time.Second)
			result, text := h.act(a)
			if err := h.robot.FinishAction(ctx, a.ID, result, text); err != nil && ctx.Err() == nil {
				return fmt.Errorf("robot %s: action %s: %w", h.id, a.ID, err)
			}
			h.count("robot " + h.id)
		}
	}
	return nil
}

// act moves the goods.
func (h *robotHands) act(a record.Action) (result, text string) {
	param := func(key string) string {
		if v, ok := a.Params[key]; ok {
			return fmt.Sprint(v)
		}
		return ""
	}
	switch {
	case a.Type == "pick" && param("sku") != "":
		return h.pick(param("task"), param("bin"), param("sku"), param("lot"), param("tote"), param("qty"))
	case a.Type == "pick":
		tote := param("loadId")
		if !h.world.fromDrop(tote) {
			return "FAILED", "no tote " + tote + " at the pack drop"
		}
		h.carried = append(h.carried, tote)
		return "FINISHED", ""
	case a.Type == "drop" && param("loadId") != "":
		h.carried = slices.DeleteFunc(h.carried, func(t string) bool { return t == param("loadId") })
		h.world.toStation(a.Node, param("loadId"))
		return "FINISHED", ""
	case a.Type == "drop":
		for _, t := range h.carried {
			h.world.toDrop(t)
		}
		h.carried = nil
		return "FINISHED", ""
	}
	return "FAILED", "this robot cannot " + a.Type
}

// pick takes what is there, up to qty, into the tote it was given or a free one.
func (h *robotHands) pick(task, bin, sku, lot, tote, qty string) (result, text string) {
	var want int64
	if _, err := fmt.Sscan(qty, &want); err != nil {
		return "FAILED", "no quantity"
	}
	if tote == "" {
		tote = h.world.freeTote()
	}
	var n int64
	for ; n < want; n++ {
		u, ok := h.world.take(bin, sku, lot)
		if !ok {
			break
		}
		h.world.putInTote(tote, u, 1)
	}
	order, _, _ := strings.Cut(task, "/")
	if n > 0 && h.slipIn[order] == sku && !h.slipped[order] {
		if u, ok := h.world.take(bin, sku, lot); ok {
			h.slipped[order] = true
			h.world.slip(tote, u)
		}
	}
	if n < want {
		h.count("short")
	}
	if n > 0 && !slices.Contains(h.carried, tote) {
		h.carried = append(h.carried, tote)
	}
	if n == 0 {
		return "FINISHED", "picked=0"
	}
	text = fmt.Sprintf("picked=%d tote=%s", n, tote)
	if lot != "" {
		text += " lot=" + lot
	}
	return "FINISHED", text
}
