package resource_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

// listener is a Verifier that notes the tokens it is asked about.
type listener struct{ heard []string }

func (l *listener) Verify(_ context.Context, accessToken string) (token.Claims, error) {
	l.heard = append(l.heard, accessToken)
	return claims("read"), nil
}

func TestBearerPresentation(t *testing.T) {
	const good = "AZaz09-._~+/=="
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name   string
		method string
		query  string
		body   string
		header []string // values of Authorization
		status int
		code   string
	}{
		{name: "the header is read", header: []string{"Bearer " + good}, status: 200},
		{name: "OI-11 RG-16 SC-10 the scheme may be in lower case", header: []string{"bearer " + good}, status: 200},
		{name: "RG-16 the scheme may be in any case", header: []string{"bEARER " + good}, status: 200},
		{name: "several spaces are one separator", header: []string{"Bearer   " + good}, status: 200},
		{name: "the longest token is read", header: []string{"Bearer " + strings.Repeat("a", 16<<10)}, status: 200},

		{name: "OI-09 no header is no error, only an invitation", status: 401},
		{name: "another scheme is as good as no header", header: []string{"Basic YTpi"}, status: 401},
		{name: "a DPoP token is not for a guard of bearers", header: []string{"DPoP " + good}, status: 401},
		{name: "a scheme that only begins like it is another one", header: []string{"Bearers " + good}, status: 401},
		{name: "a scheme that is followed by a tab is another one", header: []string{"Bearer\t" + good}, status: 401},
		{name: "a token without a scheme is not presented", header: []string{good}, status: 401},
		{name: "an empty header is as good as none", header: []string{""}, status: 401},
		{name: "the scheme alone presents nothing", header: []string{"Bearer"}, status: 401},
		{name: "the scheme and a space present nothing", header: []string{"Bearer  "}, status: 401},

		{name: "OI-10 a token in the query is not looked at", query: "?access_token=" + good, status: 401},
		{name: "OI-10 a token in the body is not looked at", method: http.MethodPost, body: "access_token=" + good, status: 401},
		{name: "OI-10 a body on GET is not looked at", body: "access_token=" + good, status: 401},
		{name: "OI-10 beside the header, the query is the API's own", query: "?access_token=other", header: []string{"Bearer " + good}, status: 200},
		{name: "OI-10 two headers are refused, whatever they say", header: []string{"Bearer " + good, "Bearer " + good}, status: 400, code: "invalid_request"},
		{name: "a second header of another scheme is refused too", header: []string{"Bearer " + good, "Basic YTpi"}, status: 400, code: "invalid_request"},

		{name: "two tokens are malformed", header: []string{"Bearer a b"}, status: 401, code: "invalid_token"},
		{name: "two headers that a proxy joined are malformed", header: []string{"Bearer a, Bearer b"}, status: 401, code: "invalid_token"},
		{name: "a quoted token is malformed", header: []string{`Bearer "a"`}, status: 401, code: "invalid_token"},
		{name: "a token that is padding is malformed", header: []string{"Bearer =="}, status: 401, code: "invalid_token"},
		{name: "padding in the middle is malformed", header: []string{"Bearer a=b"}, status: 401, code: "invalid_token"},
		{name: "a token with a trailing space is malformed", header: []string{"Bearer a "}, status: 401, code: "invalid_token"},
		{name: "a NUL is malformed", header: []string{"Bearer a\x00"}, status: 401, code: "invalid_token"},
		{name: "bytes beyond ASCII are malformed", header: []string{"Bearer é"}, status: 401, code: "invalid_token"},
		{name: "one byte too many is malformed", header: []string{"Bearer " + strings.Repeat("a", 16<<10+1)}, status: 401, code: "invalid_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodGet
			}
			r := httptest.NewRequest(c.method, api+"/notes"+c.query, strings.NewReader(c.body))
			r.Header.Set("Content-Type", form)
			if c.header != nil {
				r.Header["Authorization"] = c.header
			}
			l := &listener{}
			res, body := send(resource.Guard{Verifier: l, Resource: api}.Require("read")(passed), r)
			if res.StatusCode != c.status {
				t.Fatalf("got %d %s, want %d", res.StatusCode, body, c.status)
			}
			if c.status == http.StatusOK {
				require.Len(t, l.heard, 1)
				require.Equal(t, strings.TrimLeft(c.header[0][len("Bearer"):], " "), l.heard[0])
				return
			}
			require.Empty(t, l.heard, "what is not presented well is not verified")
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			got := challenge(t, res)
			require.Equal(t, c.code, got["error"])
			require.Equal(t, "read", got["scope"], "a client learns what to ask for")
			if c.code == "" {
				require.NotContains(t, got, "error")
				require.NotContains(t, got, "error_description")
				require.Empty(t, body)
			}
		})
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{
		"Bearer abc", "bearer abc==", "Bearer  a.b.c", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a,b",
		"Bearer =", "Bearer a=b", "BEARER ~+/-._", "Bearer\tabc", " Bearer abc", "Bearer a\x00", "DPoP abc", "Béarer abc",
	} {
		f.Add(seed)
	}
	// RFC 6750 §2.1 and RFC 9110 §11.4, as a pattern.
	grammar := regexp.MustCompile(`\A(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)\z`)
	f.Fuzz(func(t *testing.T, header string) {
		l := &listener{}
		r := httptest.NewRequest(http.MethodGet, api, nil)
		r.Header["Authorization"] = []string{header}
		res, _ := send(resource.Guard{Verifier: l, Resource: api}.Require()(passed), r)
		m := grammar.FindStringSubmatch(header)
		if m == nil || len(m[1]) > 16<<10 {
			if len(l.heard) > 0 || res.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%q: got %d, and %q was verified", header, res.StatusCode, l.heard)
			}
			return
		}
		if len(l.heard) != 1 || l.heard[0] != m[1] {
			t.Fatalf("%q: %q was verified, want %q", header, l.heard, m[1])
		}
	})
}
