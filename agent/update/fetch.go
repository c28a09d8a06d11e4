package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"tote/agent/update/release"
)

// Where a release lies that was fetched or is being fetched. The names are ours: nothing
// of an address becomes a path.
const (
	fetchedFile = "fetched.update"
	partFile    = "fetched.part"
	partOfFile  = "fetched.of" // which address the part is of, and its entity tag
)

// SiteScheme is that of a release which a gateway has on offer for the others, as in
// site:gw1. It is asked of this machine's agent.
const SiteScheme = "site"

// tries is how often a link that breaks is taken up again, without a byte in between.
const tries = 5

// partOf is of what a part is.
type partOf struct{ URL, Tag string }

// Fetch brings a release from a web address, or from a file, into the folder of the
// slots, and returns its name there. What was begun is gone on with.
func (u *Updater) Fetch(ctx context.Context, from string) (string, error) {
	if err := u.Slots.safe(); err != nil {
		return "", err
	}
	at, err := url.Parse(from)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrFetch, err)
	}
	switch at.Scheme {
	case "http", "https":
		err = u.download(ctx, from)
	case SiteScheme:
		err = u.download(ctx, u.Site+"/v1/update/file?from="+url.QueryEscape(at.Opaque))
	case "":
		err = u.copyIn(from)
	default:
		err = fmt.Errorf("%w: %s: want a file, or an address of http or https", ErrFetch, at.Scheme)
	}
	if err != nil {
		return "", err
	}
	file := u.Slots.path(fetchedFile)
	return file, errors.Join(os.Rename(u.Slots.path(partFile), file), os.RemoveAll(u.Slots.path(partOfFile)))
}

// copyIn copies a file: what is judged and what is used must be the same, and a USB stick
// is pulled out.
func (u *Updater) copyIn(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer func() { _ = in.Close() }()
	st, err := in.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrFetch, err)
	case !st.Mode().IsRegular():
		return fmt.Errorf("%w: %s is no file", ErrFetch, file)
	case st.Size() > release.MaxFile:
		return fmt.Errorf("%w: it has %d MB", release.ErrMalformed, st.Size()>>20)
	}
	if err := room(u.Slots.Dir, uint64(st.Size())); err != nil {
		return err
	}
	_ = os.Remove(u.Slots.path(partOfFile)) // this part is of no address
	out, err := u.Slots.create(u.Slots.path(partFile), 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, io.LimitReader(in, release.MaxFile)); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrFetch, err), out.Close())
	}
	return out.Close()
}

func (u *Updater) download(ctx context.Context, from string) error {
	for failed := 0; ; {
		grown, whole, err := u.downloadOn(ctx, from)
		if whole || errors.Is(err, release.ErrMalformed) || errors.Is(err, ErrUnsafe) || errors.Is(err, ErrSpace) {
			return err
		}
		if grown {
			failed = 0
		}
		if failed++; failed >= tries || ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrFetch, err)
		}
		u.Log.Info("the fetching of a release broke off", "err", err, "tries", failed)
		if err := u.Clock.Sleep(ctx, time.Duration(failed)*time.Second); err != nil {
			return err
		}
	}
}

// downloadOn fetches what is missing of the part.
func (u *Updater) downloadOn(ctx context.Context, from string) (grown, whole bool, err error) {
	part, err := os.OpenFile(u.Slots.path(partFile), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, false, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	defer func() { _ = part.Close() }()
	var of partOf
	size, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return false, false, err
	}
	if !u.Slots.read(partOfFile, &of) || of.URL != from || of.Tag == "" {
		size = 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return false, false, err
	}
	if u.Token != "" && strings.HasPrefix(from, u.Site+"/") {
		req.Header.Set("Authorization", "Bearer "+u.Token)
	}
	if size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", size))
		req.Header.Set("If-Range", of.Tag)
	}
	resp, err := u.client().Do(req)
	if err != nil {
		return false, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", size)):
	case resp.StatusCode == http.StatusOK:
		size = 0
	default:
		_ = os.Remove(u.Slots.path(partOfFile)) // from the beginning next time
		return false, false, fmt.Errorf("%s answers %s", from, resp.Status)
	}
	if size+max(resp.ContentLength, 0) > release.MaxFile {
		return false, false, fmt.Errorf("%w: it has %d MB", release.ErrMalformed, (size+resp.ContentLength)>>20)
	}
	if err := room(u.Slots.Dir, uint64(max(resp.ContentLength, 0))); err != nil {
		return false, false, err
	}
	if err := errors.Join(part.Truncate(size), u.Slots.writeJSON(partOfFile, partOf{from, tagOf(resp)})); err != nil {
		return false, false, err
	}
	if _, err := part.Seek(size, io.SeekStart); err != nil {
		return false, false, err
	}
	n, err := io.Copy(part, io.LimitReader(resp.Body, release.MaxFile+1-size))
	if err == nil && size+n > release.MaxFile {
		err = fmt.Errorf("%w: it is longer than %d MB", release.ErrMalformed, release.MaxFile>>20)
	}
	return n > 0, err == nil, err
}

// tagOf names the very bytes of an answer; "" when nothing does, and a part of it is
// begun anew then.
func tagOf(resp *http.Response) string {
	if tag := resp.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return resp.Header.Get("Last-Modified")
}

func (u *Updater) client() *http.Client {
	if u.HTTP != nil {
		return u.HTTP
	}
	return http.DefaultClient
}

// forget removes what was fetched.
func (u *Updater) forget() error {
	var errs []error
	for _, name := range []string{fetchedFile, partFile, partOfFile} {
		if err := os.Remove(u.Slots.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
