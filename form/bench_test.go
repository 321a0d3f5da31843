package form_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/grantor-go/grantor/form"
)

// rewinder is a body that costs nothing to read again.
type rewinder struct{ strings.Reader }

func (*rewinder) Close() error { return nil }

func tokenRequest(tb testing.TB, body string) (*http.Request, func()) {
	tb.Helper()
	r, err := http.NewRequest(http.MethodPost, "/token", nil)
	if err != nil {
		tb.Fatal(err)
	}
	b := &rewinder{}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.ContentLength = int64(len(body))
	r.Body = io.ReadCloser(b)
	return r, func() { b.Reset(body) }
}

const (
	clientCredentials = "grant_type=client_credentials&scope=read+write"
	codeExchange      = "grant_type=authorization_code&code=acme_ac_0123456789012345678901234567890123456789012345678901234567890123456789&" +
		"redirect_uri=https%3A%2F%2Fclient.example%2Fcallback&client_id=webapp&code_verifier=dBjftJeZ4CVP-mBM7jUDUlAUQs5KwQ8aVWTKMVPIjlY"
)

func BenchmarkBody(b *testing.B) {
	for name, body := range map[string]string{"client credentials": clientCredentials, "code": codeExchange} {
		b.Run(name, func(b *testing.B) {
			r, rewind := tokenRequest(b, body)
			b.ReportAllocs()
			for b.Loop() {
				rewind()
				if _, err := form.Body(r, 64<<10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := form.Parse(codeExchange); err != nil {
			b.Fatal(err)
		}
	}
}

// HT-07: what a flood costs before it is refused.
func BenchmarkParseTooMany(b *testing.B) {
	flood := strings.Repeat("p=1&", 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := form.Parse(flood); !errors.Is(err, form.ErrTooMany) {
			b.Fatal(err)
		}
	}
}

func BenchmarkValue(b *testing.B) {
	v, err := form.Parse(codeExchange)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v.Value("code_verifier") == "" || v.Repeated("client_id") {
			b.Fatal("a parameter went missing")
		}
	}
}
