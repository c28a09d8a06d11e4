// Package robot emulates a mobile robot that speaks VDA 5050 2.0 over MQTT. It
// knows no map: it learns the places of nodes from its orders, drives from node
// to node in time, does what the actions say, and keeps a record of where it was
// and what it took and put where.
//
// It decides on orders as figure 8 of the standard says (section 6.6.2), and
// shares no code with the fleet master. A line-guided vehicle: it stops at nodes
// only, also when an order is cancelled.
//
// Run owns the goroutine that moves the robot and, through the MQTT client, the
// connection. State, SetFault, Actions and FinishAction may be called from
// anywhere.
package robot
