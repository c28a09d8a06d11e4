// Package route finds the shortest walk of a picker through one block of
// parallel aisles: exact, in time linear in the number of aisles.
//
// The block lies between a front and a back cross aisle. The walk starts and
// ends at the depot, a point on the front cross aisle. Both rack sides at the
// same depth are one cell; the width of an aisle is not walked. The method is
// the dynamic program of Ratliff and Rosenthal (1983): aisles are added from
// left to right, and of all partial tours that can go on in the same ways only
// the cheapest is kept. All lengths are integer millimetres, so every optimum is
// exact, and ties are broken in a fixed order, so equal questions give equal
// walks on every gateway.
//
// A [Router] answers the same after [New] for ever; any goroutine may use it.
// It keeps the working memory of one walk for the next, so a walk allocates what
// it returns and no more. It does not see one-way or blocked aisles.
package route
