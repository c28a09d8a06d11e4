package broker

import "testing"

// Only a conveyor keeps a main state; api/asyncapi.yaml names no other.
func TestOnlyAConveyorKeepsAMain(t *testing.T) {
	for _, class := range []string{ClassHandheld, ClassStation, ClassDock, ClassConveyor, ClassLight, ClassDisplay, ClassWatch, ClassRobot} {
		dev := Device{class, "x1"}
		if got := mayPublish("s1", dev, "tote/v1/s1/"+class+"/x1/state/main"); got != (class == ClassConveyor) {
			t.Errorf("%s may publish its state/main: %v", dev, got)
		}
		speaks := class == ClassHandheld || class == ClassStation || class == ClassDock || class == ClassConveyor || class == ClassLight
		if got := mayPublish("s1", dev, "tote/v1/s1/"+class+"/x1/state/conn"); got != speaks {
			t.Errorf("%s may publish its state/conn: %v", dev, got)
		}
	}
}
