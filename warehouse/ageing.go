package warehouse

import "fmt"

// Ageing: an order that stays in one state for longer than the site's rule is
// told to the OMS, once for each stay, whatever the reason. A fallout says that
// something went wrong; this says that nothing happened at all. The rule holds
// from the next state an order enters; without a rule nothing is kept.

// maxAgeing bounds the rule: a year.
const maxAgeing = 366 * 24 * 60

// watchAge sets the alarm of an order that has just entered a state. It is not
// saved.
func (c *change) watchAge(o *Order) error {
	at := int64(0)
	minutes, err := c.ageingMinutes()
	if err != nil {
		return err
	}
	if minutes > 0 && o.State != OrderShipped && o.State != OrderCancelled {
		at = o.Since + minutes*60_000
	}
	if err := c.setAlarm(alarmAge, o.Spec.ID, o.AgeAt, at); err != nil {
		return err
	}
	o.AgeAt = at
	return nil
}

// aged tells of an order whose alarm is due.
func (c *change) aged(id string) error {
	o, err := must2(c.order(id))("order", id)
	if err != nil {
		return err
	}
	if err := c.setAlarm(alarmAge, o.Spec.ID, o.AgeAt, 0); err != nil {
		return err
	}
	minutes := (o.AgeAt - o.Since) / 60_000
	o.AgeAt = 0
	if err := c.saveOrder(o); err != nil {
		return err
	}
	if rule, err := c.ageingMinutes(); err != nil || rule == 0 { // it was taken away meanwhile
		return err
	}
	return c.emit(EvOrderAgeing, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Born: c.bornOf(o),
		Text: fmt.Sprintf("in %s for %d minutes", o.State, minutes),
	})
}

// ageingMinutes is the rule; 0 = none, or no site yet.
func (c *change) ageingMinutes() (int64, error) {
	if c.site == nil {
		s, err := GetSite(c)
		if err != nil || s == nil {
			return 0, err
		}
		c.site = s
	}
	return c.site.AgeingMinutes, nil
}
