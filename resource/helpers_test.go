package resource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

const (
	issuer = "https://as.example"
	api    = "https://api.example/v1"
)

// verifierFunc is a Verifier made of a function.
type verifierFunc func(ctx context.Context, accessToken string) (token.Claims, error)

func (f verifierFunc) Verify(ctx context.Context, accessToken string) (token.Claims, error) {
	return f(ctx, accessToken)
}

// says is a Verifier that takes every token for the claims.
func says(c token.Claims) resource.Verifier {
	return verifierFunc(func(context.Context, string) (token.Claims, error) { return c, nil })
}

// fails is a Verifier that takes no token.
func fails(err error) resource.Verifier {
	return verifierFunc(func(context.Context, string) (token.Claims, error) { return token.Claims{}, err })
}

// claims are those of a good token for the api.
func claims(scopes ...string) token.Claims {
	return token.Claims{Issuer: issuer, Subject: "alice", ClientID: "web", Audience: []string{api}, Scopes: scopes}
}

// passed answers requests that a Guard let pass.
var passed = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	c, ok := resource.Claims(r)
	if !ok {
		http.Error(w, "no claims", http.StatusTeapot)
		return
	}
	_, _ = io.WriteString(w, c.Subject)
})

// with is a request that presents a token.
func with(accessToken string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, api+"/notes", nil)
	r.Header.Set("Authorization", "Bearer "+accessToken)
	return r
}

// send returns what h answers, and the body.
func send(h http.Handler, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

var parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

// challenge is the parameters of the one Bearer challenge.
func challenge(t *testing.T, res *http.Response) map[string]string {
	t.Helper()
	values := res.Header.Values("WWW-Authenticate")
	require.Len(t, values, 1)
	require.True(t, strings.HasPrefix(values[0], "Bearer "), "%s", values[0])
	m := map[string]string{}
	for _, p := range parameter.FindAllStringSubmatch(values[0], -1) {
		require.NotContains(t, m, p[1], "a parameter comes twice in %s", values[0])
		m[p[1]] = p[2]
	}
	return m
}

var (
	keyOne = sync.OnceValue(newKey)
	keyTwo = sync.OnceValue(newKey)
)

func newKey() token.Key {
	k, err := token.GenerateKey(token.ES256)
	if err != nil {
		panic(err)
	}
	return k
}

func static(t testing.TB, keys ...token.Key) token.KeySource {
	t.Helper()
	s, err := token.NewStaticKeys(keys...)
	require.NoError(t, err)
	return s
}

// minted is a token signed with the key; edit may change what it says.
func minted(t testing.TB, key token.Key, now time.Time, edit ...func(*token.Claims)) string {
	t.Helper()
	c := token.Claims{
		Issuer: issuer, Subject: "alice", ClientID: "web", Audience: []string{api}, Scopes: []string{"read"},
		ID: "t1", IssuedAt: now, Expires: now.Add(10 * time.Minute),
	}
	for _, e := range edit {
		e(&c)
	}
	format := &token.JWT{Issuer: c.Issuer, Keys: static(t, key)}
	s, err := format.Mint(t.Context(), c)
	require.NoError(t, err)
	return s
}

// remote stands for the authorization server at the other end of an http.Client.
type remote struct {
	mu     sync.Mutex
	calls  []*http.Request
	bodies []string
	answer func(*http.Request) (*http.Response, error)
}

func (s *remote) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.mu.Lock()
	s.calls, s.bodies = append(s.calls, r), append(s.bodies, string(body))
	answer := s.answer
	s.mu.Unlock()
	return answer(r)
}

func (s *remote) client() *http.Client { return &http.Client{Transport: s} }

// called is how often the server was asked so far.
func (s *remote) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// answers makes the server answer so from now on.
func (s *remote) answers(answer func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// replies answers with status and body; headers are names and values in turn.
func replies(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		res := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		for i := 0; i+1 < len(headers); i += 2 {
			res.Header.Set(headers[i], headers[i+1])
		}
		return res, nil
	}
}

// breaks fails like a network.
func breaks(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hangs answers nothing until the request is given up.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// publishes answers with a JWK Set.
func publishes(t testing.TB, keys ...token.Key) func(*http.Request) (*http.Response, error) {
	t.Helper()
	body, err := token.JWKSet(keys)
	require.NoError(t, err)
	return replies(http.StatusOK, string(body))
}

// asJSON is v in JSON.
func asJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.NewEncoder(&b).Encode(v))
	return b.String()
}
