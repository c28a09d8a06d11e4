// Package graph finds short walks in any layout: one-way aisles, aisles that are
// blocked, obstacles, several floors with lifts. The layout is a graph; a lift
// or a slow passage is an edge with the length it is worth.
//
// Up to twelve stops the walk is the shortest (Held and Karp 1962). With more it
// is a local search (2-opt and Or-opt, with the costs of both directions) from
// the nearest neighbours, shaken and repaired a fixed number of times: the same
// question has the same answer on every machine. [Tour.Exact] says which it was.
//
// Everything is bounded: a walk never takes longer than its number of stops and
// rounds allows, and what cannot be reached, or not be left again, is an error
// with the name of the stop.
package graph
