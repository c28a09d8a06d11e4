package doctor

import (
	"strings"

	"tote/agent/health"
)

// root marks the findings that follow from others, by the table the agent has, too.
func root(all []Finding) {
	nodes := make([]health.Node, len(all))
	for i, f := range all {
		nodes[i] = health.Node{Kind: f.Code, About: f.About, Over: f.over}
	}
	for i, on := range health.Roots(nodes) {
		if on >= 0 && all[i].Code != "" {
			c := all[on]
			all[i].Because = strings.Join(strings.Fields(c.Check+" "+c.About+" ("+c.Code+")"), " ")
		}
	}
}
