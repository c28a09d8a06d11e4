package warehouse

import "slices"

// Who an order is for. The site needs a name and an address for the label and
// the slip, and the terms, discounts and promo codes of the customer not at all.
//
//   - The commercial part of an order is the OMS's. What reaches the site is its
//     SHA-256 (OrderSpec.Commercial): enough to prove later which terms an order
//     was released under, and nothing to read.
//   - Site.PurgeDays after an order was shipped or cancelled its name, street,
//     postcode and city go, and the names others gave it, from the order, its
//     labels and the bytes of its documents, and what was written about it in
//     words, but for the log of decisions, which is a ring. The country stays.
//     The record of a document stays with its hash.
//   - Texts that may repeat an address, of fallouts and void labels, go as long
//     after those ended.

// commercialDigits is the length of a SHA-256 in hex.
const commercialDigits = 64

// checkCommercial names what is wrong with the digest of the commercial part.
func checkCommercial(s string) string {
	if s == "" {
		return ""
	}
	if len(s) != commercialDigits {
		return "commercial: 64 hex digits"
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return "commercial: 64 hex digits"
		}
	}
	return ""
}

// nobody is an address without the person.
func nobody(a Address) Address { return Address{Country: a.Country} }

// purge takes the person out of a closed order. The order is saved.
func (c *change) purge(o *Order) error {
	o.Spec.ShipTo, o.Purged = nobody(o.Spec.ShipTo), max(c.meta.Now, 1)
	o.Spec.Customer, o.Spec.Refs = "", nil // names that others gave (party.go)
	if o.Request != nil {
		r := *o.Request
		r.Reason = ""
		o.Request = &r
	}
	for i := range o.Parcels {
		j, err := must2(GetJob(c, o.Parcels[i].Job))("job", o.Parcels[i].Job)
		if err != nil {
			return err
		}
		if err := c.purgeJob(j); err != nil {
			return err
		}
	}
	for _, ref := range []string{o.Spec.ID, o.Bound} {
		if err := c.purgeDocs(ref); err != nil {
			return err
		}
	}
	rej, err := load[rejectRecord](c, rejectKey(o.Spec.ID))
	if err != nil {
		return err
	}
	if rej != nil && rej.Text != "" {
		rej.Text = ""
		if err := save(c, rejectKey(o.Spec.ID), rej); err != nil {
			return err
		}
	}
	return c.saveOrder(o)
}

// purgeJob takes the person out of a label.
func (c *change) purgeJob(j *LabelJob) error {
	if err := c.purgeDocs(j.ID); err != nil {
		return err
	}
	j.ShipTo, j.Detail = nobody(j.ShipTo), ""
	j.Voided = slices.Clone(j.Voided)
	for i := range j.Voided {
		j.Voided[i].Why = ""
	}
	return c.saveJob(j)
}

// purgeDocs deletes the bytes of the documents about a thing, and why they were
// printed again.
func (c *change) purgeDocs(ref string) error {
	if ref == "" {
		return nil
	}
	docs, err := DocumentsOf(c, ref)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if err := c.drop(key(kDocBody, d.ID)); err != nil {
			return err
		}
		if d.CopyWhy == "" {
			c.touch("document", d.ID)
			continue
		}
		d.CopyWhy = ""
		if err := c.saveDoc(&d); err != nil {
			return err
		}
	}
	return nil
}
