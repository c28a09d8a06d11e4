package intake

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
)

const orderHead = "order,line,sku,qty,name,street,postcode,city,country,method,priority,channel,payment,expect\n"

func TestReadGood(t *testing.T) {
	cases := []struct {
		kind, file string
		want       []warehouse.Command
	}{
		{"items", "sku,name,gtin,weight_g,lot_tracked,barcodes\r\nA1,Tea,04012345678901,412.5,true,OLD1;OLD2\r\nA2,Cup,,90,,\r\n", []warehouse.Command{
			warehouse.PutItems{Items: []warehouse.Item{
				{SKU: "A1", Name: "Tea", GTIN: "04012345678901", WeightMg: 412_500, LotTracked: true, Barcodes: []string{"OLD1", "OLD2"}},
				{SKU: "A2", Name: "Cup", WeightMg: 90_000},
			}},
		}},
		{"items", "sku,name,weight_g,height_mm,length_mm,width_mm\nA1,Tea,412.5,30,200,100\nA2,Cup,90,,,\n", []warehouse.Command{
			warehouse.PutItems{Items: []warehouse.Item{
				{SKU: "A1", Name: "Tea", WeightMg: 412_500, LengthMm: 200, WidthMm: 100, HeightMm: 30},
				{SKU: "A2", Name: "Cup", WeightMg: 90_000},
			}},
		}},
		{"bins", "\ufeffcell,bin,aisle\n3,A-00-03-L,0\n", []warehouse.Command{
			warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A-00-03-L", Aisle: 0, Cell: 3}}},
		}},
		{"workers", "id,name,badge\nW1,\"Ann, the first\",BADGE-1\n", []warehouse.Command{
			warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Ann, the first", Badge: "BADGE-1"}}},
		}},
		{"stock", "bin,sku,lot,expiry,qty\nB1,A1,L7,2027-01-31,12\nB1,A2,,,5\n", []warehouse.Command{
			warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B1", SKU: "A1", Lot: "L7", Expiry: "2027-01-31", Qty: 12}, {Bin: "B1", SKU: "A2", Qty: 5}}, Ref: "f184204551ef31e323578cd4b2a24c2b"},
		}},
		{"receipts", "receipt,line,supplier,sku,code,qty,lot,expiry,sscc,po,expected,payment,owner\n" +
			"R1,1,ACME,A1,,5,L7,2027-01-31,340123450000000017,PO-9,2026-02-01,open,HOUSE2\nR2,1,ACME,,V-77,3,,,,,,,\nR1,2,ACME,A2,,1,,,,PO-9,2026-02-01,open,HOUSE2\n", []warehouse.Command{
			warehouse.AnnounceReceipt{Source: "site", Receipt: warehouse.ReceiptSpec{
				ID: "R1", Supplier: "ACME", PO: "PO-9", Expected: 1_769_904_000_000, Payment: "open", Owner: "HOUSE2",
				Lines: []warehouse.ReceiptLine{{Line: 1, SKU: "A1", Qty: 5, Lot: "L7", Expiry: "2027-01-31", LU: "340123450000000017"}, {Line: 2, SKU: "A2", Qty: 1}},
			}},
			warehouse.AnnounceReceipt{Source: "site", Receipt: warehouse.ReceiptSpec{
				ID: "R2", Supplier: "ACME", Lines: []warehouse.ReceiptLine{{Line: 1, Code: "V-77", Qty: 3}},
			}},
		}},
		{"orders", orderHead +
			"O1,1,A1,2,Eve,Road 1,1000,Town,DE,std,3,web,settled,\n" +
			"O2,1,A2,1,Bob,Road 2,2000,City,NL,,,,,\n" +
			"O1,2,A2,1,Eve,Road 1,1000,Town,DE,std,3,web,settled,\n", []warehouse.Command{
			warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
				ID: "O1", Revision: 1, Priority: 3, Method: "std", Channel: "web",
				ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1000", City: "Town", Country: "DE"},
				Lines:  []warehouse.OrderLine{{Line: 1, SKU: "A1", Qty: 2}, {Line: 2, SKU: "A2", Qty: 1}},
			}},
			warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
				ID: "O2", Revision: 1,
				ShipTo: warehouse.Address{Name: "Bob", Street: "Road 2", Postcode: "2000", City: "City", Country: "NL"},
				Lines:  []warehouse.OrderLine{{Line: 1, SKU: "A2", Qty: 1}},
			}},
		}},
	}
	for _, c := range cases {
		t.Run(c.kind, func(t *testing.T) {
			got, problems, err := Read(c.kind, strings.NewReader(c.file))
			if err != nil || len(problems) > 0 {
				t.Fatalf("err %v, problems %v", err, problems)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadBad(t *testing.T) {
	cases := []struct {
		name, kind, file string
		want             string // "line column code" of each problem
	}{
		{"empty file", "items", "", "1  CSV_MALFORMED"},
		{"missing column", "items", "sku,name\nA,B\n", "1 weight_g CSV_COLUMN"},
		{"unknown column", "bins", "bin,aisle,cell,sidee\nB,0,0,L\n", "1 sidee CSV_COLUMN"},
		{"column twice", "bins", "bin,bin,aisle,cell\n", "1 bin CSV_COLUMN"},
		{"too few fields", "bins", "bin,aisle,cell\nB1,0\nB2,0,1\n", "2  CSV_MALFORMED"},
		{"broken quote", "bins", "bin,aisle,cell\n\"B1,0,1\nB2,0,1\n", "2  CSV_MALFORMED"},
		{"empty key", "workers", "id,name,badge\n,Ann,X\n", "2 id CSV_VALUE"},
		{"item twice", "items", "sku,name,weight_g\nA,x,1\nA,y,2\n", "3 sku CSV_DUPLICATE"},
		{"receipt line twice", "receipts", "receipt,line,supplier,sku,qty\nR1,1,S,A,1\nR1,1,S,A,1\n", "3 line CSV_DUPLICATE"},
		{"receipt of two suppliers", "receipts", "receipt,line,supplier,sku,qty\nR1,1,S,A,1\nR1,2,T,A,1\n", "3 receipt CSV_VALUE"},
		{"receipt line without an item", "receipts", "receipt,line,supplier,qty\nR1,1,S,1\n", "2 sku CSV_VALUE"},
		{"receipt with a bad day", "receipts", "receipt,line,supplier,sku,qty,expected\nR1,1,S,A,1,1.2.2026\n", "2 expected CSV_VALUE"},
		{"badge twice", "workers", "id,name,badge\nW1,Ann,X\nW2,Bob,X\n", "3 badge CSV_DUPLICATE"},
		{"stock twice", "stock", "bin,sku,lot,expiry,qty\nB,A,L,,1\nB,A,L,,2\n", "3 bin CSV_DUPLICATE"},
		{"weight zero", "items", "sku,name,weight_g\nA,x,0\n", "2 weight_g CSV_VALUE"},
		{"weight with four decimals", "items", "sku,name,weight_g\nA,x,1.0001\n", "2 weight_g CSV_VALUE"},
		{"weight negative", "items", "sku,name,weight_g\nA,x,-1.5\n", "2 weight_g CSV_VALUE"},
		{"weight not a number", "items", "sku,name,weight_g\nA,x,1e3\n", "2 weight_g CSV_VALUE"},
		{"weight fraction signed", "items", "sku,name,weight_g\nA,x,1.-5\n", "2 weight_g CSV_VALUE"},
		{"side zero", "items", "sku,name,weight_g,length_mm,width_mm,height_mm\nA,x,1,0,1,1\n", "2 length_mm CSV_VALUE"},
		{"side too long", "items", "sku,name,weight_g,length_mm,width_mm,height_mm\nA,x,1,1,10001,1\n", "2 width_mm CSV_VALUE"},
		{"side with a fraction", "items", "sku,name,weight_g,length_mm,width_mm,height_mm\nA,x,1,1,1,1.5\n", "2 height_mm CSV_VALUE"},
		{"two sides", "items", "sku,name,weight_g,length_mm,width_mm,height_mm\nA,x,1,1,1,\n", "2 length_mm CSV_VALUE"},
		{"no column of a side", "items", "sku,name,weight_g,length_mm\nA,x,1,1\n", "2 length_mm CSV_VALUE"},
		{"flag", "items", "sku,name,weight_g,lot_tracked\nA,x,1,maybe\n", "2 lot_tracked CSV_VALUE"},
		{"quantity zero", "stock", "bin,sku,qty\nB,A,0\n", "2 qty CSV_VALUE"},
		{"quantity missing", "stock", "bin,sku,qty\nB,A,\n", "2 qty CSV_VALUE"},
		{"quantity with plus", "stock", "bin,sku,qty\nB,A,+4\n", "2 qty CSV_VALUE"},
		{"no such day", "stock", "bin,sku,expiry,qty\nB,A,2026-02-30,1\n", "2 expiry CSV_VALUE"},
		{"control character", "bins", "bin,aisle,cell\nB\x01,0,1\n", "2 bin CSV_VALUE"},
		{"not utf-8", "bins", "bin,aisle,cell\nB\xff,0,1\n", "2 bin CSV_VALUE"},
		{"field too long", "bins", "bin,aisle,cell\n" + strings.Repeat("B", 300) + ",0,1\n", "2 bin CSV_TOO_LONG"},
		{"order line twice", "orders", orderHead + "O,1,A,1,n,s,p,c,DE,,,,,\nO,1,B,1,n,s,p,c,DE,,,,,\n", "3 line CSV_DUPLICATE"},
		{"order of two minds", "orders", orderHead + "O,1,A,1,n,s,p,c,DE,,,,,\nO,2,B,1,n,s,p,c,NL,,,,,\n", "3 order CSV_VALUE"},
		{"row 57: a card in a name", "orders", strings.Replace(orderHead, "expect", "customer", 1) + "O,1,A,1,n,4111 1111 1111 1111,p,c,DE,,,,,C\n", "2 street CARD_DATA"},
		{"two customers", "orders", strings.Replace(orderHead, "expect", "customer", 1) + "O,1,A,1,n,s,p,c,DE,,,,,C\nO,2,A,1,n,s,p,c,DE,,,,,D\n", "3 order CSV_VALUE"},
		{"no time", "orders", strings.Replace(orderHead, "expect", "ship_by", 1) + "O,1,A,1,n,s,p,c,DE,,,,,1.2.2026\n", "2 ship_by CSV_VALUE"},
		{"no ref", "orders", strings.Replace(orderHead, "expect", "refs", 1) + "O,1,A,1,n,s,p,c,DE,,,,,abc\n", "2 refs CSV_VALUE"},
		{"unpaid order", "orders", orderHead + "O,1,A,1,n,s,p,c,DE,,,,pending,\n", "2 payment PAYMENT_UNRELEASED"},
		{"priority out of range", "orders", orderHead + "O,1,A,1,n,s,p,c,DE,,10,,,\n", "2 priority CSV_VALUE"},
		{"two bad rows, both named", "stock", "bin,sku,qty\nB,A,x\nB,C,1\nB,D,y\n", "2 qty CSV_VALUE; 4 qty CSV_VALUE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cmds, problems, err := Read(c.kind, strings.NewReader(c.file))
			if err != nil {
				t.Fatal(err)
			}
			if cmds != nil {
				t.Errorf("a bad file gave commands: %v", cmds)
			}
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%d %s %s", p.Line, p.Column, p.Code))
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("problems %q, want %q\n%v", s, c.want, problems)
			}
		})
	}
}

func TestReadUnknownKind(t *testing.T) {
	if _, _, err := Read("robots", strings.NewReader("x\n")); err == nil {
		t.Error("no error")
	}
}

func TestManyRowsAreChunked(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("bin,aisle,cell\n")
	for i := range 2*chunk + 7 {
		fmt.Fprintf(&b, "B%d,0,1\n", i)
	}
	cmds, problems, err := Read("bins", &b)
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	var sizes []int
	for _, c := range cmds {
		sizes = append(sizes, len(c.(warehouse.PutBins).Bins))
	}
	if d := cmp.Diff([]int{chunk, chunk, 7}, sizes); d != "" {
		t.Error(d)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("items", "sku,name,weight_g\nA,x,1.5\n")
	f.Add("orders", orderHead+"O,1,A,1,n,s,p,c,DE,,,,,\n")
	f.Add("stock", "bin,sku,qty\n\"B,A,1\n")
	f.Fuzz(func(t *testing.T, kind, file string) {
		cmds, problems, err := Read(kind, strings.NewReader(file))
		if err == nil && len(cmds) > 0 && len(problems) > 0 {
			t.Errorf("commands beside problems: %v", problems)
		}
	})
}
