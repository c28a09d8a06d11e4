// Package blocks finds the shortest walk of a picker through parallel aisles
// that several cross aisles cut into blocks: exact, for one to six blocks.
//
// The method is a dynamic program over columns, one per aisle. What matters of a
// partial tour, when the next aisle is added, is its frontier: for each cross
// aisle whether the tour touches it, the parity of the number of edges there,
// and which of the touched points hang together. Of all partial tours with the
// same frontier only the cheapest is kept. With one block these are the seven
// classes of Ratliff and Rosenthal (1983), with two the 25 of Roodbergen and de
// Koster (2001), with any number those of Pansart, Catusse and Cambazard (2018).
//
// A walk may begin and end at different places, and begin inside an aisle: where
// a picker stands when his plan is made anew. Both ends are then points with an
// odd number of edges; nothing else changes.
//
// All lengths are integer millimetres and ties are broken in a fixed order, so
// equal questions give equal walks on every gateway. The width of an aisle is
// not walked, and both rack sides at the same depth are one cell. One-way and
// blocked aisles are not seen: see the package graph.
package blocks
