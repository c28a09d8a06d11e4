package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Result statuses.
const (
	// StatusApplied: the event had its effect with this request.
	StatusApplied = "applied"
	// StatusDuplicate: the server had the seq already; Original is what
	// became of it then.
	StatusDuplicate = "duplicate"
	// StatusRejected: the event had no effect but its seq is consumed; the
	// stream moves on and the site decides about the subject.
	StatusRejected = "rejected"
	// StatusHeld: the placeholder of a held event was taken.
	StatusHeld = "held"
)

// Reply answers a batch with 200. All events of the batch up to AckSeq are
// durable at the server.
type Reply struct {
	// AckSeq is the highest contiguous seq of the stream at the server.
	AckSeq uint64 `json:"ackSeq"`
	// ExpectSeq is AckSeq+1.
	ExpectSeq uint64 `json:"expectSeq"`
	// Results has one entry for each event of the batch, in its order.
	Results []Result `json:"results"`
}

// Result is what became of one event.
type Result struct {
	Seq    uint64 `json:"seq"`
	Status string `json:"status"`
	// Original is the status of the first time, for a duplicate.
	Original string `json:"original,omitempty"`
	// Code says why an event was rejected.
	Code string `json:"code,omitempty"`
	// Retryable: the same event may be taken later, after a person acted.
	Retryable bool `json:"retryable,omitempty"`
}

// Problem codes of the sync endpoints. They tell apart answers that share an
// HTTP status.
const (
	ProblemGap        = "GAP"             // 409: the server misses events before the batch
	ProblemInProgress = "IN_PROGRESS"     // 409: the same key is still running
	ProblemFenced     = "FENCED"          // 412: a sender with a higher (epoch, term) was here
	ProblemCursorGone = "CURSOR_GONE"     // 410: unknown or expired cursor
	ProblemDigest     = "DIGEST_MISMATCH" // 400: the body was damaged on the way; send it again
	ProblemKey        = "KEY"             // 400, 422: the Idempotency-Key is missing or not of this batch
	ProblemBatch      = "BATCH"           // 422: the batch breaks a rule; Text says which
	ProblemTooLarge   = "TOO_LARGE"       // 413
	ProblemAuth       = "AUTH"            // 401, 403
	ProblemSite       = "UNKNOWN_SITE"    // 404
	ProblemMedia      = "MEDIA_TYPE"      // 415
	ProblemInternal   = "INTERNAL"        // 500
	ProblemStopping   = "STOPPING"        // 503
)

// Problem is the body of every answer that is not a success.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
	// ExpectSeq comes with a gap: rewind to it.
	ExpectSeq uint64 `json:"expectSeq,omitempty"`
}

// ErrKey says that an Idempotency-Key is not "site/epoch/stream/first-last".
var ErrKey = errors.New("idempotency key is not site/epoch/stream/first-last")

// BatchKey identifies a batch: the value of the Idempotency-Key header.
type BatchKey struct {
	Site        string
	Epoch       uint32
	Stream      string
	First, Last uint64
}

// String renders the key as the quoted string of the header.
func (k BatchKey) String() string {
	return fmt.Sprintf(`"%s/%d/%s/%d-%d"`, k.Site, k.Epoch, k.Stream, k.First, k.Last)
}

// ParseBatchKey is the inverse of String. The quotes may be missing.
func ParseBatchKey(s string) (BatchKey, error) {
	t := s
	if len(t) >= 2 && t[0] == '"' && t[len(t)-1] == '"' {
		t = t[1 : len(t)-1]
	}
	i := strings.LastIndexByte(t, '-')
	if i < 0 {
		return BatchKey{}, fmt.Errorf("%w: %q", ErrKey, s)
	}
	id, err := ParseEventID(t[:i])
	if err != nil {
		return BatchKey{}, fmt.Errorf("%w: %q", ErrKey, s)
	}
	last, err := strconv.ParseUint(t[i+1:], 10, 64)
	if err != nil || last < id.Seq {
		return BatchKey{}, fmt.Errorf("%w: %q: last", ErrKey, s)
	}
	return BatchKey{Site: id.Site, Epoch: id.Epoch, Stream: id.Stream, First: id.Seq, Last: last}, nil
}

// Digest renders the Content-Digest of a body.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}
