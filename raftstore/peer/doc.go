// Package peer is the one TCP port between the gateways of a site. Every
// connection is mutual TLS 1.3; the protocol name in its handshake (ALPN) says
// what runs on it: raft's own traffic, calls between gateways, those of a
// satellite, or the first contact of a newcomer. It knows nothing of stores and warehouses.
//
// An [Address] is the id of a gateway and where it listens, "gw2@10.0.0.2:7070".
// The id is what the certificate must name, so a gateway that answers at
// another's address is not believed.
//
// A [Port] owns one goroutine that accepts and one per connection; a handshake
// runs on its connection's goroutine with a deadline, so a slow peer holds up
// nobody. All end with Close.
//
// Wire of calls: frames of `length u32 big-endian | CBOR message`, requests and
// answers matched by number, any number in flight on one connection.
package peer
