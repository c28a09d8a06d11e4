// Package fleet is the master of the robots: it gives them jobs, keeps them from
// driving into each other, and delivers their orders over MQTT (VDA 5050), which
// loses messages. It knows nothing of warehouses: jobs come through [Jobs].
//
// One Master lives on every gateway and listens; only where [Config.Leading] says
// so it drives. What a robot was told and which nodes it holds is replicated
// (package intent) before anything is published, so that the next leader goes on
// where this one stopped.
//
// Each robot has one goroutine that owns everything about driving it; it takes no
// lock while it waits for a commit, a job or a message. Handlers of messages read
// them, keep the newest and wake that goroutine. Run owns all goroutines.
//
// See DESIGN.md for the traffic rule and why it cannot deadlock.
package fleet
