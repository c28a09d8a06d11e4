package accept

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Terminal asks the person at a terminal: Enter when a step is done, s to leave
// it out. The end of the input leaves the rest out.
func Terminal(in io.Reader, out io.Writer) Person {
	lines := make(chan string)
	go func() { // ends with the input, at the latest with the process
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return func(ctx context.Context, s Step) error {
		if _, err := fmt.Fprintf(out, "\n  >> Please %s.\n  >> Enter when it is done, s to leave it out: ", s); err != nil {
			return err
		}
		select {
		case line, ok := <-lines:
			if !ok || strings.EqualFold(strings.TrimSpace(line), "s") {
				return ErrSkip
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
