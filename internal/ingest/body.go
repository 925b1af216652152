package ingest

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
)

const (
	firstBody = 4 << 10 // most of Clerk's bodies are below
	// keptBody is the greatest buffer that goes back to the pool, so that a few large bodies do not stay in memory for ever.
	keptBody = 64 << 10
)

var (
	errBodyTooLarge = errors.New("body over the limit")
	errBodySlow     = errors.New("body not received in time")
)

// bodies are buffers for bodies in hand.
type bodies struct{ pool sync.Pool }

func (b *bodies) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, 0, firstBody)
	return &buf
}

// put takes a buffer back. Whoever calls it promises that nobody will read the bytes any more: see appender.Append.
func (b *bodies) put(buf *[]byte) {
	if cap(*buf) <= keptBody {
		*buf = (*buf)[:0]
		b.pool.Put(buf)
	}
}

// readBody reads all of r's body into buf and stops with errBodyTooLarge behind limit bytes. The buffer grows with what has arrived and
// not with what Content-Length announces, for announcing costs a sender nothing.
func readBody(r *http.Request, buf *[]byte, limit int64) error {
	if r.ContentLength > limit {
		return errBodyTooLarge
	}
	if n := r.ContentLength + 1; n > int64(cap(*buf)) && n <= keptBody {
		*buf = make([]byte, 0, n) // one byte more, so that the end shows without growing
	}
	b := (*buf)[:0]
	for {
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*buf = b
		switch {
		case int64(len(b)) > limit:
			return errBodyTooLarge
		case err == io.EOF:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errBodySlow
		case err != nil:
			return err
		}
		if len(b) == cap(b) {
			grown := make([]byte, len(b), 2*cap(b))
			copy(grown, b)
			b = grown
		}
	}
}
