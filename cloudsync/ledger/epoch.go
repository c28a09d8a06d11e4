package ledger

import (
	"math"

	"tote/warehouse"
)

// epochStart notes that an epoch began: the rows behind Ends belong to it. In
// here rows are counted on; on the wire each epoch counts from 1.
type epochStart struct {
	Was   uint32       `cbor:"1,keyasint"` // the epoch before
	Epoch uint32       `cbor:"2,keyasint"`
	Ends  []streamFrom `cbor:"3,keyasint"` // last seq of each stream in the epoch before, by stream
}

type epochRecord struct {
	Starts []epochStart `cbor:"1,keyasint"`
}

// BeginEpoch notes that the cluster was formed anew. Rows that are in the outbox
// now were made in the epoch before and go out under the ids they had: the OMS
// may have them. It is no command: it runs before there is a cluster.
func BeginEpoch(tx warehouse.Tx, was, epoch uint32) error {
	rec, err := load[epochRecord](tx, key("epochs"))
	if err != nil {
		return err
	}
	if rec == nil {
		rec = &epochRecord{}
	}
	start := epochStart{Was: was, Epoch: epoch}
	all, err := streams(tx)
	if err != nil {
		return err
	}
	for _, stream := range all {
		n, err := Newest(tx, stream)
		if err != nil {
			return err
		}
		start.Ends = append(start.Ends, streamFrom{stream, n})
	}
	rec.Starts = append(rec.Starts, start)
	return save(tx, key("epochs"), rec)
}

// Epochs tells what a row is called on the wire. The zero value is of a site
// that was never formed anew.
type Epochs struct{ starts []epochStart }

// LoadEpochs reads them.
func LoadEpochs(r warehouse.Reader) (Epochs, error) {
	rec, err := load[epochRecord](r, key("epochs"))
	if err != nil || rec == nil {
		return Epochs{}, err
	}
	return Epochs{rec.Starts}, nil
}

// Span is where a row stands: its epoch, and the rows of its stream in that
// epoch, behind Base up to End. On the wire a row has its seq less Base.
type Span struct {
	Epoch     uint32
	Base, End uint64
}

// Of is the span of a row; none is the epoch of a site that was never formed
// anew.
func (e Epochs) Of(stream string, seq uint64, none uint32) Span {
	s := Span{Epoch: none, End: math.MaxUint64}
	for i, start := range e.starts {
		if i == 0 {
			s.Epoch = start.Was
		}
		end := uint64(0)
		for _, f := range start.Ends {
			if f.Stream == stream {
				end = f.Seq
			}
		}
		if seq <= end {
			s.End = end
			return s
		}
		s.Epoch, s.Base = start.Epoch, end
	}
	return s
}
