package form

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

const (
	mediaType      = "application/x-www-form-urlencoded"
	maxContentType = 256 // bytes; nobody's is half as long
)

// Body reads and parses the body of r, which must be declared as a form, plain and
// in UTF-8, and be at most limit bytes long; never more than limit+1 are read. The
// error is ErrContentType, ErrEncoding, ErrTooLarge or one of Parse's; a body that
// breaks off is ErrMalformed, wrapped with the cause. The body must not have been
// read before: after r.ParseForm nothing is left of it.
func Body(r *http.Request, limit int64) (Values, error) {
	if !isForm(r.Header["Content-Type"]) {
		return Values{}, ErrContentType
	}
	if len(r.Header["Content-Encoding"]) > 0 {
		return Values{}, ErrEncoding
	}
	if r.ContentLength > limit {
		return Values{}, ErrTooLarge // also spares a client that asked first with Expect: 100-continue
	}
	if r.Body == nil {
		return Values{}, nil
	}
	buf := take()
	defer give(buf)
	if err := read(buf, r.Body, max(limit, 0)); err != nil {
		return Values{}, err
	}
	return decode(*buf)
}

// isForm reports whether these are the Content-Type headers of a form. Two of
// them, or two media types in one, leave open which a proxy believed.
func isForm(headers []string) bool {
	if len(headers) != 1 || len(headers[0]) > maxContentType {
		return false
	}
	if strings.EqualFold(headers[0], mediaType) {
		return true
	}
	media, params, err := mime.ParseMediaType(headers[0])
	if err != nil || media != mediaType {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// read fills the empty buffer with all of body, at most limit bytes.
func read(buf *[]byte, body io.Reader, limit int64) error {
	b := *buf
	defer func() { *buf = b }()
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, cap(b))
		}
		room := b[len(b):cap(b)]
		if left := limit - int64(len(b)); left < int64(len(room)) {
			room = room[:left+1] // one more byte tells too large from just right
		}
		n, err := body.Read(room)
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return ErrTooLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return brokenOff(err)
		}
	}
}

// brokenOff is the error for a body that could not be read to its end: the host
// cut it short, or the client did.
func brokenOff(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return ErrTooLarge
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}
