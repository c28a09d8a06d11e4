// Package gen makes and reads the files of the simulated shift: site.json,
// items.csv, bins.csv, stock.csv, workers.csv and orders.csv. The same number
// of orders and the same seed give the same bytes on every machine; the files
// in demo/data are 60 orders.
//
// What goes wrong in the shift is written in the orders file, column expect
// (see [Expect]). [World] derives from the same files what is physically on
// the shelves, which differs from what is booked where an order expects it.
//
// Bin codes read A-<aisle>-<cell>-<side> and count from 01, as painted on the
// racks; the columns aisle and cell count from 0, as in the site's layout.
// Several barcodes in one field are separated by ";". Weights are grams with
// at most three decimals. The package owns no goroutine.
package gen

//go:generate go run ./gendata -orders 60 -dir ../data
