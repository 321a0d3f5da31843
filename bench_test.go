package grantor_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// The benchmarks drive the handlers without a network and with as little of
// their own as can be, so that what they report is the server's.

const benchScope = "read write"

// a rig is a server with one client, and the means to send it requests.
type rig struct {
	server *grantor.Server
	store  *memory.Store
	basic  []string
	out    recorder
	body   strings.Reader
}

// A recorder is a reusable http.ResponseWriter.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) { w.status = status }

func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

// newRig makes a server whose one client has so many live secrets.
func newRig(tb testing.TB, format token.Format, secrets int) *rig {
	tb.Helper()
	var checker secret.Checker
	c := client.Client{
		ID: "client-0123456789abcdef0", FirstParty: true, RedirectURIs: []string{callback},
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"}, Scopes: strings.Fields(benchScope),
	}
	var last secret.Handle
	for range secrets {
		var d secret.Digest
		last, d = checker.New()
		c.Secrets = append(c.Secrets, client.Secret{ID: last.Locator(), Digest: d})
	}
	clients, err := client.NewStatic(c)
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := token.NewStaticKeys(es256())
	if err != nil {
		tb.Fatal(err)
	}
	g := &rig{store: memory.New(), out: recorder{header: http.Header{}}}
	g.basic = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(c.ID+":"+last.Reveal()))}
	g.server, err = grantor.New(grantor.Config{
		Issuer: issuer, Clients: clients, Store: g.store, Keys: keys, AccessTokens: format,
		Lifetimes: grantor.Lifetimes{AccessToken: time.Hour},
		Session: func(*http.Request) (*grantor.Session, error) {
			return &grantor.Session{Subject: "user-1", AuthTime: time.Now()}, nil
		},
		Interact: grantor.Pages{Login: "/login"}.Interact,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

var formType = []string{"application/x-www-form-urlencoded"}

// post sends a form and returns the body of the answer, which the next request
// overwrites.
func (g *rig) post(tb testing.TB, path, body string) []byte {
	g.body.Reset(body)
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": formType, "Authorization": g.basic},
		Body:   io.NopCloser(&g.body), ContentLength: int64(len(body)), Host: "as.example", RemoteAddr: "127.0.0.1:1", RequestURI: path,
	}
	return g.serve(tb, r, http.StatusOK)
}

func (g *rig) serve(tb testing.TB, r *http.Request, want int) []byte {
	clear(g.out.header)
	g.out.body.Reset()
	g.out.status = http.StatusOK
	g.server.ServeHTTP(&g.out, r)
	if g.out.status != want {
		tb.Fatalf("%s: got %d %s", r.URL.Path, g.out.status, g.out.body.Bytes())
	}
	return g.out.body.Bytes()
}

// member is a string member of a JSON object, found without decoding it.
func member(body []byte, name string) string {
	_, after, _ := bytes.Cut(body, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(after, []byte(`"`))
	return string(value)
}

func (g *rig) machineToken(tb testing.TB) string {
	return member(g.post(tb, "/token", "grant_type=client_credentials&scope=read+write"), "access_token")
}

var authorizeQuery = url.Values{
	"response_type": {"code"}, "client_id": {"client-0123456789abcdef0"}, "redirect_uri": {callback}, "scope": {benchScope},
	"state": {"state-0123456789abcdef"}, "code_challenge": {pkce.Challenge(verifier)}, "code_challenge_method": {"S256"},
}.Encode()

// codeFlow runs the authorization request and redeems the code.
func (g *rig) codeFlow(tb testing.TB) (refreshToken string) {
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/authorize", RawQuery: authorizeQuery}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Host: "as.example", RemoteAddr: "127.0.0.1:1", RequestURI: "/authorize",
	}
	g.serve(tb, r, http.StatusSeeOther)
	_, after, _ := strings.Cut(g.out.header.Get("Location"), "code=")
	code, _, _ := strings.Cut(after, "&")
	return member(g.post(tb, "/token", "grant_type=authorization_code&code="+code+"&redirect_uri="+url.QueryEscape(callback)+"&code_verifier="+verifier), "refresh_token")
}

var benchFormats = []struct {
	name   string
	format token.Format
}{{"opaque", token.Opaque{}}, {"ES256", nil}}

func BenchmarkServer(b *testing.B) {
	for _, f := range benchFormats {
		b.Run("client_credentials/"+f.name, func(b *testing.B) {
			g := newRig(b, f.format, 1)
			b.ReportAllocs()
			for b.Loop() {
				g.machineToken(b)
			}
		})
		b.Run("authorization_code/"+f.name, func(b *testing.B) {
			g := newRig(b, f.format, 1)
			b.ReportAllocs()
			for b.Loop() {
				g.codeFlow(b)
			}
		})
		b.Run("refresh_token/"+f.name, func(b *testing.B) {
			g := newRig(b, f.format, 1)
			refresh := g.codeFlow(b)
			b.ReportAllocs()
			for b.Loop() {
				refresh = member(g.post(b, "/token", "grant_type=refresh_token&refresh_token="+refresh), "refresh_token")
			}
		})
		b.Run("introspect/"+f.name, func(b *testing.B) {
			g := newRig(b, f.format, 1)
			body := "token=" + g.machineToken(b) + "&token_type_hint=access_token"
			b.ReportAllocs()
			for b.Loop() {
				g.post(b, "/introspect", body)
			}
		})
		b.Run("revoke/"+f.name, func(b *testing.B) {
			g := newRig(b, f.format, 1)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				body := "token=" + g.machineToken(b)
				b.StartTimer()
				g.post(b, "/revoke", body)
			}
		})
		b.Run("verify/"+f.name, func(b *testing.B) {
			g := newRig(b, f.format, 1)
			access, ctx := g.machineToken(b), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.server.Verify(ctx, access); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSecrets shows that a client with five live secrets costs what a
// client with one costs.
func BenchmarkSecrets(b *testing.B) {
	for _, n := range []int{1, 5} {
		b.Run(fmt.Sprintf("live=%d", n), func(b *testing.B) {
			g := newRig(b, token.Opaque{}, n)
			b.ReportAllocs()
			for b.Loop() {
				g.machineToken(b)
			}
		})
	}
}

// BenchmarkGrowth shows what a token costs when so many are live.
func BenchmarkGrowth(b *testing.B) {
	for _, live := range []int{1e3, 1e6} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			g := newRig(b, token.Opaque{}, 1)
			for range live {
				g.machineToken(b)
			}
			for b.Loop() {
				g.machineToken(b)
			}
		})
	}
}
