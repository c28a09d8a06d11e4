// Package identity is who may speak for a gateway: the site's certificate
// authority, the certificates of its gateways, and the one-line tokens that let
// a new gateway in.
//
// The first gateway makes the authority ([Init]). A token names the authority
// by the hash of its certificate, so the newcomer knows whom it speaks with
// before it trusts anybody; it expires, serves once, and is useless to whoever
// reads it afterwards: a member restarts with its certificate, never with a
// token. Between gateways everything is mutual TLS 1.3; the gateway's id is the
// common name and the only DNS name of its certificate.
//
// Clocks: gateways have no battery-backed clock. Validity is checked against
// the later of the wall clock and the newest time the site has seen
// ([Identity.Time]), so a gateway that wakes up in 1970 is let in and an expired
// certificate stays expired; a wall clock a month ahead of what the site has
// seen is not believed. A certificate is valid from the beginning of the site, so only
// its end is ever in question.
//
// A gateway's certificate lasts 90 days. Two thirds into that it signs itself a
// new one ([Identity.KeepValid]), for the same key, so that one file changes in
// one step; connections that stand are not touched, new ones show the new
// certificate. One that was off for longer does the same at its start.
//
// A gateway without a store is a satellite: its certificate says so, it opens
// connections to gateways and takes none, and a gateway signs its renewals.
//
// Files in the identity folder, all 0600: ca.crt, ca.key (storing gateways
// hold it so that any of them can let a newcomer in; a satellite does not),
// gw.crt, gw.key.
//
// KeepValid runs on a goroutine of the caller; an [Identity] may be used from any.
package identity
