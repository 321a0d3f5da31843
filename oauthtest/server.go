package oauthtest

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// The clients of a Server, by client_id. Those with a grant may
// ask for all of Config.Scopes.
const (
	// Confidential is a web application: authorization code, refresh token and
	// client credentials; client_secret_basic or client_secret_post.
	Confidential = "web"
	// Public is an application in the browser, at the origin of Callback:
	// authorization code and refresh token.
	Public = "app"
	// Machine is a service that acts on its own behalf: client credentials.
	Machine = "machine"
	// ResourceServer is an API that asks the server about the tokens it is shown:
	// it may introspect every token, as the ClientID of a
	// resource.IntrospectionConfig, and has no grants.
	ResourceServer = "api"

	// Callback is the redirect URI of Confidential and Public.
	Callback = "https://client.example/callback"
)

// A Server is an authorization server in memory. It is a *grantor.Server, so it
// verifies, revokes and serves, with the means to test against it. Its methods
// are safe for concurrent use, but those that can fail the test must run on the
// test's goroutine.
type Server struct {
	*grantor.Server

	// Issuer is where it lives: Issuer+"/token" is the token endpoint.
	Issuer string
	// Config is what it was made of. Changing it has no effect.
	Config grantor.Config
	// Secret is the client secret of Confidential, Machine and ResourceServer.
	Secret string

	t      testing.TB
	ledger grant.Ledger

	ahead atomic.Int64 // of time.Now, in nanoseconds

	mu       sync.Mutex
	hosts    map[string]http.Handler
	sessions map[string]*grantor.Session // by cookie
	denies   map[string]bool             // sessions of people who decline, by Session.ID
}

// New makes a Server, or fails the test. Each edit may change the Config first:
// name the Scopes and Resources of the host, bring other Clients or a Store that
// fails, or replace Session and Interact by the host's own login. What it leaves
// alone is in memory, issues JWTs, and knows the scopes read and write.
func New(t testing.TB, edit ...func(*grantor.Config)) *Server {
	t.Helper()
	s := &Server{
		t: t, Issuer: "https://as.example",
		hosts: map[string]http.Handler{}, sessions: map[string]*grantor.Session{}, denies: map[string]bool{},
	}
	key, err := token.GenerateKey(token.ES256)
	s.must(err)
	keys, err := token.NewStaticKeys(key)
	s.must(err)
	s.Config = grantor.Config{
		Issuer: s.Issuer, Store: &memory.Store{Now: s.Now}, Keys: keys,
		Scopes:  []string{"openid", "offline_access", "read", "write"},
		Session: s.session, Interact: s.interact, Now: s.Now,
	}
	for _, e := range edit {
		e(&s.Config)
	}
	s.Issuer = s.Config.Issuer
	s.ledger = grant.Ledger{
		Store: s.Config.Store, Issuer: s.Issuer,
		Format: secret.Format{Brand: s.Config.Secrets.Brand}, Peppers: s.Config.Secrets.Peppers,
	}
	h := s.ledger.Format.New(secret.ClientSecret)
	s.Secret = h.Reveal()
	if s.Config.Clients == nil {
		s.Config.Clients = s.clients(s.ledger.Peppers.Digest(h))
	}
	s.Server, err = grantor.New(s.Config)
	s.must(err)
	issuer, err := url.Parse(s.Issuer)
	s.must(err)
	s.hosts[issuer.Scheme+"://"+issuer.Host] = s.Server
	return s
}

// must fails the test if there is an error.
func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("oauthtest: %v", err)
	}
}

// clients are the usual clients, all but one of which have the secret.
func (s *Server) clients(d secret.Digest) client.Source {
	s.t.Helper()
	secrets := []client.Secret{{ID: "1", Digest: d}}
	scopes := s.Config.Scopes
	code := []string{client.AuthorizationCode, client.RefreshToken}
	source, err := client.NewStatic(
		client.Client{
			ID: Confidential, Name: "Web application", Secrets: secrets, Scopes: scopes,
			GrantTypes: append(code, client.ClientCredentials), RedirectURIs: []string{Callback},
		},
		client.Client{
			ID: Public, Name: "Browser application", Scopes: scopes, AuthMethods: []string{client.MethodNone},
			GrantTypes: code, RedirectURIs: []string{Callback}, AllowedOrigins: []string{"https://client.example"},
		},
		client.Client{
			ID: Machine, Name: "Service", Secrets: secrets, Scopes: scopes, GrantTypes: []string{client.ClientCredentials},
		},
		client.Client{ID: ResourceServer, Name: "API", Secrets: secrets, IntrospectAny: true},
	)
	s.must(err)
	return source
}

// Now is the time at the server: that of time.Now, and what Advance added.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// Advance moves the clock of the server, and of all that reads Now, by d.
func (s *Server) Advance(d time.Duration) { s.ahead.Add(int64(d)) }
