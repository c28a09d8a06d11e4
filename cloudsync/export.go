package cloudsync

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"tote/cloudsync/wire"
)

// Export writes everything the inbox of an OMS still has, one message a line, as
// the adapter for files takes it: what is open at one connection goes into
// another one before it takes over. A message that is here already has no second
// effect there. It returns how many it wrote.
func Export(ctx context.Context, from Adapter, to io.Writer) (n int, err error) {
	for cursor := ""; ; {
		page, err := from.Poll(ctx, cursor, 0, wire.MaxInboxItems)
		if err != nil {
			return n, err
		}
		for _, it := range page.Items {
			raw, err := json.Marshal(it)
			if err != nil {
				return n, fmt.Errorf("cloudsync: message %s: %w", it.MsgID, err)
			}
			if _, err := to.Write(append(raw, '\n')); err != nil {
				return n, err
			}
			n++
		}
		if len(page.Items) == 0 || page.Next == cursor {
			return n, nil
		}
		cursor = page.Next
	}
}
