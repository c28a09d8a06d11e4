package conveyor

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tote/gs1"
)

// Qualities of a reading.
const (
	qualityGood   = "GOOD"
	qualityNoRead = "NOREAD"
)

// stamp is a time on the wire.
const stamp = "2006-01-02T15:04:05.000Z"

var errMessage = errors.New("conveyor: no such message")

// header is in front of every message.
type header struct {
	V      int    `json:"v"`
	MsgID  string `json:"msgId"`
	Seq    uint32 `json:"seq"`
	BootID string `json:"bootId"`
	Device string `json:"deviceId"`
}

// assignMsg is an assign as it comes.
type assignMsg struct {
	header
	Track      string    `json:"trackId"`
	ScanID     string    `json:"scanMsgId"`
	Lane       string    `json:"destination"`
	Alternates []string  `json:"alternates"`
	Expires    time.Time `json:"expiresAt"`
	ValidForMs int64     `json:"validForMs"`
}

// readDown reads a message of the gateway. A controller is not strict: it needs
// its fields, and lets others be.
func readDown(device string, raw []byte) (assignMsg, error) {
	var a assignMsg
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("%w: %w", errMessage, err)
	}
	if a.V != 1 || a.MsgID == "" || a.Device != device {
		return a, fmt.Errorf("%w: version %d, msgId %q, for %q", errMessage, a.V, a.MsgID, a.Device)
	}
	return a, nil
}

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// ulid: 48 bits of milliseconds and 80 of chance, the upper two bits of 130 are 0.
func ulid(now time.Time) string {
	var b [17]byte // 130 bits begin six bits into it
	binary.BigEndian.PutUint64(b[1:], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[7:])
	var shifted [17]byte
	for i := range b { // left by six
		shifted[i] = b[i] << 6
		if i+1 < len(b) {
			shifted[i] |= b[i+1] >> 2
		}
	}
	return crockford.EncodeToString(shifted[:])[:26]
}

func ssccOf(barcode string) string {
	if s, err := gs1.Parse(barcode); err == nil {
		n, _ := s.SSCC()
		return n
	}
	return ""
}
