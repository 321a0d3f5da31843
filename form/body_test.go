package form_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/form"
)

const limit = 64 << 10

// post makes a request with a body of unknown length.
func post(body io.Reader, contentType ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/token", io.NopCloser(body))
	r.ContentLength = -1
	r.Header["Content-Type"] = contentType
	return r
}

func TestBodyContentType(t *testing.T) {
	const right = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name    string
		headers []string
		want    error
	}{
		{"the media type alone is accepted", []string{right}, nil},
		{"TK-07: its case does not matter", []string{"APPLICATION/X-WWW-FORM-URLENCODED"}, nil},
		{"a charset of UTF-8 is accepted", []string{right + `; charset="UTF-8"`}, nil},
		{"without a space too, as browsers' clients send it", []string{right + ";charset=utf-8"}, nil},
		{"TK-07: another charset is refused", []string{right + "; charset=utf-16"}, form.ErrContentType},
		{"even one that is nearly UTF-8", []string{right + "; charset=iso-8859-1"}, form.ErrContentType},
		{"an empty charset is refused", []string{right + `; charset=""`}, form.ErrContentType},
		{"TK-07: two media types in one header are refused", []string{"application/json, " + right}, form.ErrContentType},
		{"in either order", []string{right + ", application/json"}, form.ErrContentType},
		{"TK-07: two headers are refused, also equal ones", []string{right, right}, form.ErrContentType},
		{"TK-07: a garbled parameter is refused", []string{right + "; =;;=,"}, form.ErrContentType},
		{"two charsets are refused", []string{right + "; charset=utf-8; charset=utf-16"}, form.ErrContentType},
		{"TK-07: a header of 64 kB is refused", []string{right + ";" + strings.Repeat("a", 64<<10)}, form.ErrContentType},
		{"TK-06: no header is refused", nil, form.ErrContentType},
		{"an empty header is refused", []string{""}, form.ErrContentType},
		{"TK-06: JSON is refused", []string{"application/json"}, form.ErrContentType},
		{"TK-06: multipart is refused", []string{"multipart/form-data; boundary=x"}, form.ErrContentType},
		{"TK-06: plain text is refused", []string{"text/plain"}, form.ErrContentType},
		{"a longer media type is refused", []string{right + "x"}, form.ErrContentType},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := form.Body(post(strings.NewReader("a=1"), c.headers...), limit)
			if !errors.Is(err, c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			if got, want := v.Value("a") == "1", c.want == nil; got != want {
				t.Errorf("got parameters: %v, want them: %v", got, want)
			}
		})
	}
}

func TestBodyContentEncoding(t *testing.T) {
	for _, encoding := range []string{"gzip", "br", "identity", ""} {
		t.Run(fmt.Sprintf("TK-20: a body encoded as %q is refused unread", encoding), func(t *testing.T) {
			body := &counter{r: strings.NewReader("a=1")}
			r := post(body, "application/x-www-form-urlencoded")
			r.Header.Set("Content-Encoding", encoding)
			_, err := form.Body(r, limit)
			require.ErrorIs(t, err, form.ErrEncoding)
			require.Zero(t, body.n)
		})
	}
}

func TestBodyLimit(t *testing.T) {
	exact := "a=" + strings.Repeat("x", limit-2)
	t.Run("a body of exactly the limit is accepted", func(t *testing.T) {
		v, err := form.Body(post(strings.NewReader(exact), "application/x-www-form-urlencoded"), limit)
		require.NoError(t, err)
		require.Len(t, v.Value("a"), limit-2)
	})
	t.Run("HT-06: a declared length beyond the limit is refused unread", func(t *testing.T) {
		body := &counter{r: strings.NewReader(exact + "x")}
		r := post(body, "application/x-www-form-urlencoded")
		r.ContentLength = limit + 1
		_, err := form.Body(r, limit)
		require.ErrorIs(t, err, form.ErrTooLarge)
		require.Zero(t, body.n)
	})
	for name, limit := range map[string]int64{"64 kB": limit, "one byte": 1, "nothing": 0, "less than nothing": -1, "a length between two buffers": 3000} {
		t.Run("HT-06: an endless body is read one byte past a limit of "+name, func(t *testing.T) {
			body := &counter{r: endless{}}
			_, err := form.Body(post(body, "application/x-www-form-urlencoded"), limit)
			require.ErrorIs(t, err, form.ErrTooLarge)
			if want := max(limit, 0) + 1; body.n > want {
				t.Errorf("read %d bytes, want at most %d", body.n, want)
			}
		})
	}
	t.Run("the largest limit there is does not overflow", func(t *testing.T) {
		v, err := form.Body(post(strings.NewReader(exact), "application/x-www-form-urlencoded"), 1<<63-1)
		require.NoError(t, err)
		require.Len(t, v.Value("a"), len(exact)-2)
	})
	t.Run("a limit the host set before is respected", func(t *testing.T) {
		r := post(strings.NewReader(exact), "application/x-www-form-urlencoded")
		r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 10)
		_, err := form.Body(r, limit)
		require.ErrorIs(t, err, form.ErrTooLarge)
	})
	t.Run("HT-07: 100,000 parameters are refused", func(t *testing.T) {
		_, err := form.Body(post(strings.NewReader(strings.Repeat("a&", 100_000)), "application/x-www-form-urlencoded"), 1<<20)
		require.ErrorIs(t, err, form.ErrTooMany)
	})
	t.Run("TK-09: a value of 1 MB is refused", func(t *testing.T) {
		_, err := form.Body(post(strings.NewReader("scope="+strings.Repeat("a", 1<<20)), "application/x-www-form-urlencoded"), limit)
		require.ErrorIs(t, err, form.ErrTooLarge)
	})
}

func TestBodyReading(t *testing.T) {
	const plain = "application/x-www-form-urlencoded"
	t.Run("no body is no parameters", func(t *testing.T) {
		r := post(nil, plain)
		r.Body = nil
		v, err := form.Body(r, limit)
		require.NoError(t, err)
		require.Equal(t, form.Values{}, v)
	})
	t.Run("a body in drips is read to its end", func(t *testing.T) {
		v, err := form.Body(post(iotest.OneByteReader(strings.NewReader("a=1&b=%C3%A9")), plain), limit)
		require.NoError(t, err)
		require.Equal(t, "é", v.Value("b"))
	})
	t.Run("a body whose end comes with its data is read to its end", func(t *testing.T) {
		v, err := form.Body(post(iotest.DataErrReader(strings.NewReader("a=1")), plain), limit)
		require.NoError(t, err)
		require.Equal(t, "1", v.Value("a"))
	})
	t.Run("a body that breaks off is malformed, and the cause is kept for the log", func(t *testing.T) {
		broken := io.MultiReader(strings.NewReader("grant_type=client_credentials"), iotest.ErrReader(io.ErrUnexpectedEOF))
		v, err := form.Body(post(broken, plain), limit)
		require.ErrorIs(t, err, form.ErrMalformed)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, form.Values{}, v)
	})
	t.Run("TK-08: a broken escape is malformed", func(t *testing.T) {
		_, err := form.Body(post(strings.NewReader("a=%zz&grant_type=client_credentials"), plain), limit)
		require.ErrorIs(t, err, form.ErrMalformed)
	})
	t.Run("the query string is no part of the body", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/token?grant_type=client_credentials", strings.NewReader("scope=read"))
		r.Header.Set("Content-Type", plain)
		v, err := form.Body(r, limit)
		require.NoError(t, err)
		require.Empty(t, v.Value("grant_type"))
	})
}

func TestBodiesShareNothing(t *testing.T) {
	t.Run("Values stay what they were while other bodies are read", func(t *testing.T) {
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 200 {
					want := strings.Repeat(fmt.Sprint(worker), 1+i*10)
					v, err := form.Body(post(strings.NewReader("a="+want), "application/x-www-form-urlencoded"), limit)
					_, otherErr := form.Parse("a=" + strings.Repeat("z", 3000))
					if got := v.Value("a"); got != want || err != nil || otherErr != nil {
						t.Errorf("got %q, %v, %v, want %q", got, err, otherErr, want)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestBodyAllocations(t *testing.T) {
	t.Run("an ordinary token request costs two allocations", func(t *testing.T) {
		r, rewind := tokenRequest(t, clientCredentials)
		got := testing.AllocsPerRun(1000, func() {
			rewind()
			if _, err := form.Body(r, limit); err != nil {
				t.Error(err)
			}
		})
		// AllocsPerRun rounds down what a pool that forgets now and then adds.
		if got > 2 {
			t.Errorf("got %v allocations, want at most 2", got)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "", []byte("a=1&b=%C3%A9"), int64(100))
	f.Add("application/x-www-form-urlencoded; charset=utf-8", "", []byte("grant_type=client_credentials"), int64(29))
	f.Add("application/x-www-form-urlencoded", "", []byte("grant_type=client_credentials"), int64(28))
	f.Add("application/x-www-form-urlencoded;=", "gzip", []byte("a=%"), int64(-1))
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte, limit int64) {
		read := &counter{r: bytes.NewReader(body)}
		r := post(read, contentType)
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		v, err := form.Body(r, limit)
		if most := max(limit, 0); most < 1<<62 {
			require.LessOrEqual(t, read.n, most+1)
		}
		if err != nil {
			require.Equal(t, form.Values{}, v)
			return
		}
		require.LessOrEqual(t, int64(len(body)), max(limit, 0))
		parsed, err := form.Parse(string(body))
		require.NoError(t, err)
		require.Equal(t, parsed, v)
	})
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// endless never stops.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
